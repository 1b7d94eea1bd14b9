"""Users, their roles, and what the roles allow."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from cdp.access.audited_admin import AuditedAdmin, ReadOnlyAdmin
from cdp.access.roles import ROLES
from cdp.access.users import sync_staff

admin.site.unregister(User)
admin.site.unregister(Group)


class RolesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Groups by what the roles are called and for."""

    def label_from_instance(self, obj: Any) -> str:
        """Title and description."""
        return f"{ROLES[obj.name].title} — {ROLES[obj.name].description}"


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin):  # type: ignore[misc, type-arg]
    """Who may sign in, as what. Nobody changes their own roles, and only a superuser touches a superuser."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "email", "roles", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("username",)
    ordering = ("username",)
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "email", "password")}),
        ("Roles", {"fields": ("groups", "is_active")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "password1", "password2", "groups")}),
    )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Roles to tick, each with what it is for."""
        if db_field.name != "groups":
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        rows = Group.objects.filter(name__in=ROLES).order_by("id")
        return RolesField(rows, required=False, label="Roles", widget=UnfoldAdminCheckboxSelectMultipleWidget)

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        """Titles of the roles."""
        names = [group.name for group in user.groups.all()]
        return ", ".join(ROLES[name].title for name in names if name in ROLES) or "superuser" * user.is_superuser or "–"

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the groups, which the list shows."""
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """One's own roles are somebody else's to change."""
        own = ("groups", "is_active") if obj is not None and obj.pk == request.user.pk else ()
        return (*super().get_readonly_fields(request, obj), *own)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An administrator who could set a superuser's password would be one."""
        if obj is not None and obj.is_superuser and not getattr(request.user, "is_superuser", False):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Likewise; and nobody deletes themselves."""
        if obj is not None and obj.pk == request.user.pk:
            return False
        return super().has_delete_permission(request, obj) and self.has_change_permission(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Roles decide who gets into admin."""
        super().save_related(request, form, formsets, change)
        sync_staff(form.instance)

    def audit(self, request: HttpRequest, verb: str, row: Any, fields: Any = (), **more: Any) -> None:
        """With the roles that the user has now."""
        more.setdefault("details", {"roles": sorted(row.groups.values_list("name", flat=True))})
        super().audit(request, verb, row, fields, **more)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """The new password and its audit entry, or neither."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """The roles. What each may do is part of the program (`cdp.access.roles`), so that it can be reviewed."""

    list_display = ("title", "description", "members")
    fields = ("title", "description", "scopes", "members")
    readonly_fields = fields

    @admin.display(description="role")
    def title(self, group: Group) -> str:
        """Its title."""
        return ROLES[group.name].title if group.name in ROLES else group.name

    def description(self, group: Group) -> str:
        """What it is for."""
        return ROLES[group.name].description if group.name in ROLES else ""

    def scopes(self, group: Group) -> str:
        """What it opens in REST."""
        return ", ".join(ROLES[group.name].scopes) if group.name in ROLES else ""

    def members(self, group: Group) -> int:
        """How many people have it."""
        return group.user_set.count()
