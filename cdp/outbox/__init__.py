"""What must be told onward, and "this changed"."""

from cdp.outbox.changes import CHANNEL, Drained, changed, drain, happened, tell

__all__ = ["CHANNEL", "Drained", "changed", "drain", "happened", "tell"]
