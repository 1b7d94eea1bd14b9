"""`serve`: the web server alone."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from cdp.operations.backups import unfinished


class Command(BaseCommand):
    help = "Runs the web server: admin, REST and the ingestion wire."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORT, help="where to listen (PORT)")
        parser.add_argument("--listen", default=settings.LISTEN, help="address to listen on (LISTEN)")
        parser.add_argument("--processes", type=int, default=settings.WEB_PROCESSES, help="(WEB_PROCESSES)")

    def handle(self, *args: Any, **options: Any) -> None:
        unfinished.refuse()
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # the finders serve the files; the folder must be there

        os.environ["CDP_PROCESS"] = "web"  # what the processes that granian starts report themselves as

        from granian.constants import Interfaces
        from granian.log import LogLevels
        from granian.server import Server

        Server(
            "cdp.rsgi:app",
            address=options["listen"],
            port=options["port"],
            interface=Interfaces.RSGI,
            workers=options["processes"],
            backlog=2048,
            websockets=False,
            log_level=LogLevels.warning,
            log_dictconfig=settings.LOGGING,
            respawn_failed_workers=True,
            respawn_interval=0.5,
            workers_kill_timeout=10,
        ).serve()
