"""Whose request it is: an API key's or a signed-in person's.

It and `permission.py` stand apart from `rest.py` because DRF imports them while its own views are being defined.
"""

from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from cdp.access import keys
from cdp.access.keys import ServiceAccount
from cdp.access.models import ApiKey


class KeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer KEY`."""

    def authenticate(self, request: Request) -> tuple[ServiceAccount, ApiKey] | None:
        """The service account of the key; None without such a header; 401 for a key that is not live."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = keys.authenticate(token.strip(), at=timezone.now())
        if key is None:
            raise exceptions.AuthenticationFailed
        return ServiceAccount(key), key

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401 (RFC 6750)."""
        return 'Bearer realm="api"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of someone signed in to admin, with CSRF protection."""
