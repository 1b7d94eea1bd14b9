"""The pages before sign-in: accepting an invitation, and a new password by e-mail.

A link's secret is taken out of the address at once and kept in the session (as Django does for its own reset links), so
that no further request, and no Referer, carries it. Opening a link changes nothing: mail scanners open them too.
"""

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.views import (
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse_lazy
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from cdp.access import invite
from cdp.access.front_forms import AskForm, JoinForm, ResetForm
from cdp.access.sign_in import signed_in

_KEPT = "invitation"
_GONE = "This link was used, was revoked or is too old. Ask the colleague who invited you to send it again."


@never_cache
@require_http_methods(["GET"])
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the mail."""
    request.session[_KEPT] = token
    return redirect("invitation-join")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Asks for a password; then the account is made and the colleague is in."""
    now, token = timezone.now(), request.session.get(_KEPT, "")
    invitation = invite.find(token, at=now) if token else None
    if invitation is None:
        return _gone(request)
    form = JoinForm(User(username=invitation.email, email=invitation.email), request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = invite.accept(token, form.cleaned_data["new_password1"], at=now)
        if user is None:
            return _gone(request)
        request.session.pop(_KEPT, None)
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        signed_in(request, user, how="invitation")
        return redirect("admin:index")
    says = f"You sign in as {invitation.email}, {invite.titles(invitation.roles)}. Choose a password."
    context = {"title": "Welcome", "form": form, "says": says, "button": "Join"}
    return render(request, "access/_door.html", _page(request, context))


def _gone(request: HttpRequest) -> HttpResponse:
    context = {"title": "Invitation", "says": _GONE, "back": True}
    return render(request, "access/_door.html", _page(request, context), status=410)


def _page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """With what unfold's layout needs."""
    from django.contrib import admin

    return {**admin.site.each_context(request), **context}


class _Door:
    """Unfold's look for Django's views."""

    template_name: Any = "access/_door.html"
    said: dict[str, Any] = {}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Title, sentence and button."""
        context = super().get_context_data(**kwargs)  # type: ignore[misc]
        return _page(self.request, {**context, **self.said})  # type: ignore[attr-defined]


class Ask(_Door, PasswordResetView):
    """Asks whose password is lost."""

    form_class = AskForm
    success_url = reverse_lazy("password_reset_done")
    said = {
        "title": "A new password",
        "says": "Give the e-mail address of your account: a link to choose a new password comes by mail.",
        "button": "Send the link",
        "back": True,
    }


class Asked(_Door, PasswordResetDoneView):
    """The same answer for every address."""

    said = {
        "title": "Look into your mail",
        "says": "If there is an account with this address, a link is on its way. It works once, within an hour. If none "
        "comes, an administrator can set a new password.",
        "back": True,
    }


class Choose(_Door, PasswordResetConfirmView):
    """A new password."""

    form_class = ResetForm
    success_url = reverse_lazy("password_reset_complete")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Or that the link is no more."""
        context = super().get_context_data(**kwargs)
        said = {"title": "A new password", "button": "Keep it", "back": True}
        if not self.validlink:
            said |= {"says": "This link was used or is too old. Ask for another one.", "form": None}
        return {**context, **said}


class Chosen(_Door, PasswordResetCompleteView):
    """Done."""

    said = {"title": "Done", "says": "The new password is kept. You can sign in with it.", "back": True}


urlpatterns = [
    path("invitation/", join, name="invitation-join"),
    path("invitation/<str:token>/", opened, name="invitation"),
    path("admin/password_reset/", Ask.as_view(), name="admin_password_reset"),
    path("admin/password_reset/done/", Asked.as_view(), name="password_reset_done"),
    path("admin/reset/<uidb64>/<token>/", Choose.as_view(), name="password_reset_confirm"),
    path("admin/reset/done/", Chosen.as_view(), name="password_reset_complete"),
]
