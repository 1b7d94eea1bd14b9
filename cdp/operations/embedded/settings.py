"""postgresql.conf for 2 to 8 cores and a few GB, and for a log without personal values."""

from __future__ import annotations

import os
from pathlib import Path

_MB = 1024 * 1024

_FIXED = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
timezone = 'UTC'
jit = off

wal_level = replica
max_wal_senders = 4
min_wal_size = 256MB
max_wal_size = 4GB
# After a checkpoint the first touch of a page writes all of it. Here those are mostly pages of random keys (digests), which
# do not get smaller: compressing them took four fifths of the processor time of dedupe against 3 million ids.
wal_compression = off
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
synchronous_commit = on
fsync = {fsync}

work_mem = 16MB
maintenance_work_mem = 256MB
random_page_cost = 1.1
effective_io_concurrency = 64
default_statistics_target = 200

# Queue tables (inbox, outbox) turn over completely within minutes: visit often, and do not pause.
autovacuum_naptime = 15s
autovacuum_max_workers = 3
autovacuum_vacuum_scale_factor = 0.05
autovacuum_vacuum_insert_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.02
autovacuum_vacuum_cost_delay = 1ms

# A statement, a parameter, the detail of a unique violation and even the message of an error ("invalid input
# syntax for type uuid: ...") can hold a person's data. The log tells of the server, the application of its errors.
logging_collector = off
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = none
log_min_duration_statement = -1
log_min_duration_sample = -1
log_transaction_sample_rate = 0
log_duration = off
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_lock_waits = off
log_temp_files = -1
log_autovacuum_min_duration = -1
log_checkpoints = off
log_connections = off
log_disconnections = off
"""


def configuration(run_dir: Path, port: int, *, memory: int | None = None) -> str:
    """The whole file. ``memory`` is the machine's, in bytes (asked from the system when not given).

    ``CDP_TEST_FSYNC_OFF=1`` in the environment is for tests only: a crash of the machine then loses data.
    """
    available = memory if memory is not None else available_memory()
    shared = max(64, min(4096, available // 8 // _MB))
    fsync = "off" if os.environ.get("CDP_TEST_FSYNC_OFF") == "1" else "on"
    lines = [
        "# Written at every start of the embedded server. Put settings of your own into local.conf beside this file.",
        f"unix_socket_directories = {_quoted(str(run_dir))}",
        f"port = {port}",
        f"shared_buffers = {shared}MB",
        f"effective_cache_size = {max(128, available // 2 // _MB)}MB",
        f"dynamic_shared_memory_type = {_shared_memory_type()}",
        _FIXED.format(fsync=fsync),
        "include = 'local.conf'",
    ]
    return "\n".join(lines) + "\n"


def available_memory() -> int:
    """Bytes of memory of this machine, or of the container's limit when that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def _shared_memory_type() -> str:
    """Containers often have 64 MB in /dev/shm, too little for parallel queries: then files in the cluster."""
    try:
        place = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return "mmap"
    return "posix" if place.f_blocks * place.f_frsize >= 256 * _MB else "mmap"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
