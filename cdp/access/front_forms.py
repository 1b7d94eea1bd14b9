"""Forms of the pages before sign-in: a new password, chosen from a link in a mail."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.db import transaction
from django.utils import timezone
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget

from cdp.access import resets
from cdp.audit import Actor, record


class AskForm(PasswordResetForm):
    """For whom? The answer is the same whether there is such an account or not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].widget = UnfoldAdminEmailInputWidget(attrs={"autocomplete": "email"})

    def send_mail(  # type: ignore[override]  # Django calls it with these, by position
        self,
        subject: str,
        template: str,
        context: dict[str, Any],
        sender: Any,
        to: str,
        html: str | None = None,
        **_: Any,
    ) -> None:
        """Writes down who asked. The mail goes a moment later: neither the answer nor how long it takes tells whether there is
        such an account, and a mail server that is away loses no request."""
        resets.ask(context["user"], at=timezone.now())


class _Passwords(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("new_password1", "new_password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})


class ResetForm(_Passwords, SetPasswordForm):  # type: ignore[type-arg]
    """A new password; sessions that are open elsewhere end with the old one."""

    @transaction.atomic
    def save(self, commit: bool = True) -> Any:
        """Keeps it, and says so in the audit trail."""
        user = super().save(commit)
        record("user.reset", by=Actor("user", str(user.pk)), object=("user", user.pk))
        return user


class JoinForm(_Passwords, SetPasswordForm):  # type: ignore[type-arg]
    """The first password of somebody who was invited (`user` is not saved: `accept` makes the account)."""
