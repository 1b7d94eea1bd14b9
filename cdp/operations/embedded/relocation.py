"""The way out when the servers' account can reach neither DATA_DIR nor the programs, and may keep no capability.

Some sandboxes let root change its user but not hand on a capability. Then cluster, sockets and a copy of the
programs go to a directory of their own that the account can reach; DATA_DIR keeps everything else and a link.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

from cdp.operations.embedded.layout import EmbeddedServerError, Layout, write_json
from cdp.operations.embedded.privileges import Account

BASE = Path("/var/lib/cdp-embedded")


def relocate(layout: Layout, record: dict[str, Any], account: Account) -> Path:
    """Move the places in ``record`` under ``BASE`` and return the new base directory; once moved, only return it.

    The directory has a random name, so that another DATA_DIR at the same path does not find an old cluster.
    Raises EmbeddedServerError, also when there is a cluster in DATA_DIR already.
    """
    if "base" in record:
        return Path(record["base"])
    if layout.cluster.exists():
        raise EmbeddedServerError(f"{account.name} can no longer reach {layout.cluster}; set DATABASE_URL")
    base = BASE / secrets.token_hex(8)
    try:
        BASE.mkdir(parents=True, exist_ok=True)
        base.mkdir()
        for directory in (BASE, base):
            directory.chmod(0o711)  # To pass through, whatever the umask; the cluster inside is 0700.
    except OSError as error:
        raise EmbeddedServerError(
            f"{BASE} cannot be used ({error.strerror}); set DATABASE_URL and BROKER_URL"
        ) from error
    record |= {"base": str(base), "cluster": str(base / "postgres"), "run_dir": str(base / "run")}
    write_json(layout.credentials, record, like=layout.data_dir)
    layout.cluster.symlink_to(record["cluster"])
    return base


def copy_program(program: Path, package: str, base: Path) -> Path:
    """A copy of the package that holds ``program``, with the libraries beside it; made again when the file is newer."""
    folder = next(parent for parent in program.parents if parent.name == package)
    target = base / "programs" / program.relative_to(folder.parent)
    if not target.exists() or target.stat().st_mtime != program.stat().st_mtime:
        for source in (folder, folder.with_name(f"{package}.libs")):
            if source.exists():
                copy = base / "programs" / source.name
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(source, copy, symlinks=True)
        for path in (base / "programs", *(base / "programs").rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    return target
