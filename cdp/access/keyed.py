"""Requests that bring an API key, without what Django does for pages: sessions, CSRF tokens, messages, static files, attempts to
sign in. None of it has a meaning for a key, and together it takes longer than to find the view.
"""

from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.utils.module_loading import import_string


def is_keyed(environ: dict[str, Any]) -> bool:
    """Is it a request to the API with a key?"""
    given: str = environ.get("HTTP_AUTHORIZATION", "")
    return given[:7].lower() == "bearer " and environ["PATH_INFO"].startswith("/api/v1/")


class KeyedHandler(WSGIHandler):
    """Django's handler with MIDDLEWARE_OF_KEYS, of which none looks at views, templates or exceptions."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Builds the chain, as Django does from MIDDLEWARE."""
        own: Any = self  # what stubs do not know of a handler
        own._view_middleware, own._template_response_middleware, own._exception_middleware = [], [], []
        chain = convert_exception_to_response(own._get_response)
        for path in reversed(settings.MIDDLEWARE_OF_KEYS):
            chain = convert_exception_to_response(import_string(path)(chain))
        own._middleware_chain = chain
