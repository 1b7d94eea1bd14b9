"""Admin pages of this room; and the classes that the pages of every room build on."""

__all__ = ["ApiKeyAdmin", "AuditedAdmin", "ReadOnlyAdmin", "RoleAdmin", "UserAdmin"]
