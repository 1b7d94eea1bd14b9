"""The sign-in form of admin."""

from typing import Any

from unfold.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Says what to expect: what one sees depends on one's role."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = "What you see depends on your role; an administrator gives it."
        self.fields["password"].help_text = "After five wrong attempts the door stays shut for a quarter of an hour."
