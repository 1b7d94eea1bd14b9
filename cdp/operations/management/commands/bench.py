"""`bench`: every benchmark, or those named, on an installation of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

FOLDER = settings.BASE_DIR / "tests" / "benchmarks"
# Where the live installation's data and keys are: a benchmark does not even learn it.
_LIVE = (
    "DATABASE_URL",
    "OWNER_DATABASE_URL",
    "VAULT_DATABASE_URL",
    "ADMIN_DATABASE_URL",
    "BROKER_URL",
    "SECRET_KEY",
    "KEYRING",
)


class Command(BaseCommand):
    help = (
        "Runs the benchmarks on an installation of their own: each prints ours, the limit or peer measured in the same "
        "run, and the ratio, and rewrites its table in docs/benchmarks.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="*", help="such as ingest, identity, segments (default: all)")
        parser.add_argument(
            "--growth", type=int, choices=(1, 10, 100), default=100, help="largest multiple of the data"
        )
        parser.add_argument("--print-only", action="store_true", help="leave docs/benchmarks.md as it is")

    def handle(self, *args: Any, **options: Any) -> None:
        scripts = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
        unknown = set(options["name"]) - scripts.keys()
        if unknown:
            raise CommandError(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(scripts) or 'none'}")
        own = settings.DATA_DIR.with_name(f"{settings.DATA_DIR.name}-bench")
        environment = _environment(own) | {
            "BENCH_GROWTH": str(options["growth"]),
            "BENCH_WRITE": "0" if options["print_only"] else "1",
        }
        failed = []
        for name in options["name"] or scripts:
            self.stdout.write(self.style.MIGRATE_HEADING(f"== {name}"))
            self.stdout.flush()
            command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(scripts[name])]
            if subprocess.run(command, check=False, cwd=settings.BASE_DIR, env=environment).returncode:  # noqa: S603 - our own
                failed.append(name)
        if failed:
            raise CommandError(f"failed: {', '.join(failed)}")


def _environment(own: Path) -> dict[str, str]:
    """Embedded servers of their own with the settings of production: every commit is flushed to the disk."""
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in _LIVE}
    return kept | {"DATA_DIR": str(own), "CDP_TEST_FSYNC_OFF": "0", "LOG_LEVEL": "WARNING"}
