"""Forms of the pages before sign-in: a new password, chosen from a link in a mail."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.models import User
from django.db import transaction
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget

from cdp.access import rates
from cdp.access.buckets import Policy
from cdp.access.mailing import NotSent, send
from cdp.audit import Actor, record

_MAILS = Policy(5, 3600)  # to one person: whoever knows an address must not be able to fill its mailbox


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
        """One mail, a few in an hour; a server that would not have it shows nothing to whoever asked (it is counted, and logged
        there), nor does a mail too many."""
        user: User = context["user"]
        may = rates.within(
            f"reset:{user.pk}:{user.date_joined.timestamp()}", _MAILS
        )  # the number alone may be another's
        outcome = "success" if may else "denied"
        record("user.ask_reset", by=Actor("anonymous", ""), object=("user", user.pk), outcome=outcome)
        if not may:
            return
        try:
            send(to, "access/mail/reset.txt", context)
        except NotSent:
            return


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
