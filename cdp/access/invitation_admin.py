"""Invitations: sent, sent again, revoked."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from cdp.access import invite
from cdp.access.audited_admin import AuditedAdmin
from cdp.access.models import Invitation
from cdp.access.principals import actor_of
from cdp.access.roles import ROLES


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Whom, as what. `invite` is called while the form is judged, so that what it refuses stands beside the field."""

    by: Any = None  # the actor, set by the admin
    invited: invite.Invited | None = None

    roles = forms.MultipleChoiceField(
        choices=[(name, f"{role.title} — {role.description}") for name, role in ROLES.items() if role.staff],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = Invitation
        fields = ("email", "roles")

    def clean(self) -> dict[str, Any]:
        """Invites, if all else is right."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.invited = invite.invite(cleaned["email"], cleaned["roles"], by=self.by, at=timezone.now())
            except invite.NotInvited as error:
                self.add_error(error.field or None, f"{error}.".capitalize())
        return cleaned

    def validate_unique(self) -> None:
        """`invite` did."""

    def validate_constraints(self) -> None:
        """`invite` did."""


@admin.register(Invitation)
class InvitationAdmin(AuditedAdmin):
    """Colleagues who were asked to join. Nothing of an invitation is changed by hand: it is sent again, or revoked."""

    form = InvitationForm
    list_display = ("email", "titles", "state", "sent_at", "expires_at", "accepted_at")
    list_display_links = None
    actions = ("send_again", "revoke")

    @admin.display(description="roles")
    def titles(self, invitation: Invitation) -> str:
        """As people call them."""
        return ", ".join(ROLES[role].title for role in invitation.roles if role in ROLES)

    @display(  # type: ignore[untyped-decorator]
        description="state", label={"open": "info", "accepted": "success", "expired": "warning", "revoked": "danger"}
    )
    def state(self, invitation: Invitation) -> str:
        """In a word."""
        return invitation.state(at=timezone.now())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The actions need it; there is nothing to change on a page of its own."""
        return obj is None and bool(request.user.has_perm("access.change_invitation"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: revoke it."""
        return False

    def _invited(self, request: HttpRequest, invited: invite.Invited) -> HttpResponse | None:
        """Says that the mail went; or shows the link, once, in the answer itself: a message would wait in a cookie."""
        if not invited.link:
            messages.success(request, "The invitation is on its way by e-mail.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Invitation",
            "invited": invited,
            "opts": self.opts,
            "back": reverse("admin:access_invitation_changelist"),
        }
        return TemplateResponse(request, "access/link_shown.html", context, headers={"Cache-Control": "no-store"})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, which knows who invites."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.by = actor_of(request)
        return form

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """It is made already."""
        obj.__dict__.update(form.invited.invitation.__dict__)
        request._invited = form.invited  # type: ignore[attr-defined]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`invite` wrote the entry."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """The list, or the link."""
        return self._invited(request, request._invited) or redirect("admin:access_invitation_changelist")  # type: ignore[attr-defined]

    @admin.action(description="Send again, with a new link", permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse | None:
        """One at a time, since its link may have to be shown."""
        if queryset.count() != 1:
            messages.error(request, "Choose one invitation.")
            return None
        try:
            return self._invited(request, invite.resend(queryset.get(), by=actor_of(request), at=timezone.now()))
        except invite.NotInvited as error:
            messages.error(request, f"Not sent: {error}.")
            return None

    @admin.action(description="Revoke at once", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Ends the chosen links."""
        done = sum(invite.revoke(row, by=actor_of(request), at=timezone.now()) for row in queryset)
        messages.success(request, f"{done} revoked.")
