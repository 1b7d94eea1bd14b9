"""What must be told onward, and "this changed"."""

from cdp.outbox.changes import CHANNEL, changed, drain, tell

__all__ = ["CHANNEL", "changed", "drain", "tell"]
