"""`create_source NAME [--kind http] [--purpose P ...] [--basis B]`: makes a source; prints the write key of one that sends."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from cdp.audit import Actor
from cdp.sources.create import OPERATE, InvalidSource, create
from cdp.sources.models import Source
from consent.models import Basis, Purpose
from consent.purposes import InvalidPurpose, ensure_purpose


class Command(BaseCommand):
    """Here and not in `cdp.sources`, because it may define purposes too."""

    help = "Makes a source, and prints the write key of one that sends. Without --purpose it serves operate (contract)."

    def add_arguments(self, parser: CommandParser) -> None:
        """NAME and what the source is."""
        parser.add_argument("name", help="letters, digits, hyphens, underscores")
        parser.add_argument("--kind", default="http", choices=Source.Kind.values, help="how its data comes in")
        parser.add_argument(
            "--purpose", action="append", default=[], help="what it sends data for; may be given several times"
        )
        parser.add_argument(
            "--basis", choices=Basis.values, help="legal basis of the purposes (default: each purpose's own)"
        )
        parser.add_argument("--region", default="", help="how phone numbers without country code are read, such as NL")
        parser.add_argument("--namespace", default="main", help="sources of one namespace speak of the same user ids")
        parser.add_argument("--priority", type=int, default=50, help="survivorship: a higher number wins")

    def handle(self, *args: Any, **options: Any) -> None:
        """Purposes, source and audit entries in one transaction."""
        by = Actor("system", "create_source")
        made: list[str] = []
        try:
            with transaction.atomic():
                pairs = [self._purpose(key, options["basis"], by, made) for key in dict.fromkeys(options["purpose"])]
                if not pairs and options["basis"]:
                    pairs = [("operate", options["basis"])]
                source, key = create(
                    options["name"],
                    kind=options["kind"],
                    purposes=pairs or OPERATE,
                    priority=options["priority"],
                    region=options["region"],
                    namespace=options["namespace"],
                    by=by,
                )
        except (InvalidSource, InvalidPurpose) as error:
            raise CommandError(str(error)) from None
        for line in made:
            self.stderr.write(line)
        told = f"source {source.name} ({source.kind}), id {source.id}"
        if source.kind == Source.Kind.HTTP:
            self.stderr.write(f"{told}; its write key, shown once:")
            self.stdout.write(key)
            page = f"{settings.PUBLIC_URL}/admin/data/debugger/?source={source.id}"
            self.stderr.write(f"see its first event arrive, with examples that send one: {page}")
        elif source.kind == Source.Kind.FILE:
            self.stderr.write(f"{told}; its data: manage.py import_file FILE --source {source.name} --mapping MAPPING")
        else:
            self.stderr.write(told)

    def _purpose(self, key: str, basis: str | None, by: Actor, made: list[str]) -> tuple[str, str]:
        known = Purpose.objects.filter(key=key).first()
        if known is None:
            known, _ = ensure_purpose(key, basis=basis or Basis.CONSENT, by=by)
            made.append(f"made the purpose {key} on the basis {known.basis}: nobody had defined it")
        return key, basis or known.basis
