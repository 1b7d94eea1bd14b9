"""``python -m cdp.operations.embedded {start,stop,status} [--data-dir DIR]``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from cdp.operations.embedded.layout import EmbeddedServerError
from cdp.operations.embedded.leases import ensure, status, stop


def main(arguments: list[str] | None = None) -> int:
    """``start`` runs until Ctrl-C, because the servers end with the last process that wants them."""
    parser = argparse.ArgumentParser(prog="python -m cdp.operations.embedded", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "status", "supervise"])
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("DATA_DIR", ".data")))
    chosen = parser.parse_args(arguments)
    try:
        if chosen.action == "supervise":
            from cdp.operations.embedded import supervisor

            supervisor.main(chosen.data_dir)
        elif chosen.action == "start":
            _hold(chosen.data_dir)
        elif chosen.action == "stop":
            stop(chosen.data_dir)
        else:
            sys.stdout.write(json.dumps(status(chosen.data_dir), indent=2) + "\n")
    except EmbeddedServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _hold(data_dir: Path) -> None:
    ensure(data_dir)
    sys.stdout.write(json.dumps(status(data_dir), indent=2) + "\nCtrl-C ends this lease.\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    sys.exit(main())
