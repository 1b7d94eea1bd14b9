"""Admin pages of this room; and the classes that the pages of every room build on."""

from cdp.access.audited_admin import AuditedAdmin, ReadOnlyAdmin
from cdp.access.invitation_admin import InvitationAdmin
from cdp.access.key_admin import ApiKeyAdmin
from cdp.access.user_admin import RoleAdmin, UserAdmin

__all__ = ["ApiKeyAdmin", "AuditedAdmin", "InvitationAdmin", "ReadOnlyAdmin", "RoleAdmin", "UserAdmin"]
