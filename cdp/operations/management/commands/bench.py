"""`bench`: every benchmark, or those named."""

import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

FOLDER = settings.BASE_DIR / "tests" / "benchmarks"


class Command(BaseCommand):
    help = "Runs the benchmarks: each prints ours, the limit or peer measured in the same run, and the ratio."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="*", help="such as ingest, identity, segments (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        scripts = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
        unknown = set(options["name"]) - scripts.keys()
        if unknown:
            raise CommandError(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(scripts) or 'none'}")
        failed = []
        for name in options["name"] or scripts:
            self.stdout.write(self.style.MIGRATE_HEADING(f"== {name}"))
            self.stdout.flush()
            command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(scripts[name])]
            if subprocess.run(command, check=False, cwd=settings.BASE_DIR).returncode:  # noqa: S603 - our own files
                failed.append(name)
        if failed:
            raise CommandError(f"failed: {', '.join(failed)}")
