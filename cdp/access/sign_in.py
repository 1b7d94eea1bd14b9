"""Signing in to admin and out again, each written to the audit trail: also attempts that failed, without what was typed."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from unfold.forms import AuthenticationForm

from cdp.access.middleware import request_id_of
from cdp.access.principals import actor_of
from cdp.audit import Actor, record


class SignInForm(AuthenticationForm):
    """Says what to expect: what one sees depends on one's role."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = "What you see depends on your role; an administrator gives it."
        self.fields["password"].help_text = "After five wrong attempts the door stays shut for a quarter of an hour."

    def clean(self) -> dict[str, Any]:
        """Asks for the password, and writes down what came of it. The caller then begins the session."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            refused(self.request, self.cleaned_data.get("username", ""), self.get_user())
            raise
        if user := self.get_user():
            signed_in(self.request, user)
        return cleaned


def signed_in(request: HttpRequest, user: Any, *, how: str = "password") -> None:
    """Writes down that somebody signed in: for whoever begins a session."""
    record(
        "user.sign_in",
        by=actor_of(user),
        object=("user", user.pk),
        details={"how": how},
        request_id=request_id_of(request),
    )


def refused(request: HttpRequest, username: str, proven: Any = None) -> None:
    """Writes down an attempt that failed: of whom, if there is an account of that name; never the name that was typed, which
    may be anybody's, or a password in the wrong field. `proven`: who gave the right password and still may not."""
    user = proven or User.objects.filter(username=username).first()
    locked = bool(getattr(request, "axes_locked_out", False))  # set by django-axes
    because = "not_allowed" if proven else "wrong_password" if user else "unknown_user"
    record(
        "user.sign_in",
        by=Actor("anonymous", ""),
        object=("user", user.pk if user else ""),
        outcome="denied",
        rows=0,
        details={"because": "locked_out" if locked else because},
        request_id=request_id_of(request),
    )


def sign_out(request: HttpRequest) -> HttpResponse:
    """Admin's own sign-out, written down."""
    if request.method == "POST" and request.user.is_authenticated:
        by = actor_of(request)
        record("user.sign_out", by=by, object=("user", by.id), request_id=request_id_of(request))
    response: HttpResponse = admin.site.logout(request)
    return response
