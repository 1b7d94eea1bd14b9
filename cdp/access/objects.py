"""Object-level permissions: a role with the model-wide permission sees all rows, others only those granted to them.

The permission models live beside the object they guard, with a direct foreign key (the generic ones get slow):

    class SegmentUserPermission(guardian.models.UserObjectPermissionBase):
        content_object = models.ForeignKey(Segment, on_delete=models.CASCADE)

    class SegmentGroupPermission(guardian.models.GroupObjectPermissionBase):
        content_object = models.ForeignKey(Segment, on_delete=models.CASCADE)

and `guardian.shortcuts.assign_perm("view_segment", user, segment)` grants.
"""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from guardian.shortcuts import get_objects_for_user

from cdp.access.keys import ServiceAccount

Row = TypeVar("Row", bound=Model)


def visible(user: Any, queryset: QuerySet[Row], perm: str) -> QuerySet[Row]:
    """The rows of the queryset on which the user holds `perm` ("view_segment"), model-wide or granted one by one.

    A service account sees all rows here: its scopes opened the door, and its source limits are the view's to apply.
    """
    if isinstance(user, ServiceAccount):
        return queryset
    if not getattr(user, "is_authenticated", False):
        return queryset.none()
    if user.has_perm(f"{queryset.model._meta.app_label}.{perm}"):
        return queryset
    granted: QuerySet[Row] = get_objects_for_user(user, perm, queryset, accept_global_perms=False)
    return granted


def may(user: Any, perm: str, row: Model) -> bool:
    """Does the user hold `perm` on this row, model-wide or granted?"""
    if isinstance(user, ServiceAccount):
        return True
    return bool(user.has_perm(f"{row._meta.app_label}.{perm}") or user.has_perm(perm, row))
