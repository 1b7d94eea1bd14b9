"""What must be told onward, and "this changed"."""

from cdp.outbox.changes import CHANNEL, WITHOUT_EVENTS, Drained, Happened, changed, drain, happened, tell, waits

__all__ = ["CHANNEL", "WITHOUT_EVENTS", "Drained", "Happened", "changed", "drain", "happened", "tell", "waits"]
