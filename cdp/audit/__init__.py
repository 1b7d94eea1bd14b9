"""What was done: `record()` in the business transaction; the sequencer moves it into the append-only log."""

from cdp.audit.entries import SYSTEM, Actor, record
from cdp.audit.sequencer import sequence

__all__ = ["SYSTEM", "Actor", "record", "sequence"]
