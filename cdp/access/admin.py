"""Users and their roles, API keys; and the classes that the admin pages of every room build on."""

from cdp.access.audited_admin import AuditedAdmin, ReadOnlyAdmin

__all__ = ["AuditedAdmin", "ReadOnlyAdmin"]
