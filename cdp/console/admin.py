"""Admin pages of rooms that may not know who looks: their doors stand here, above `cdp.access`."""

from cdp.console.audit_admin import EntryAdmin

__all__ = ["EntryAdmin"]
