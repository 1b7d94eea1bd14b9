"""Admin: the page "Installation" stands where the list of processes would."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from cdp.access.admin import ReadOnlyAdmin
from cdp.operations import installation_page
from cdp.operations.models import Process


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """One page, for administrators."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Administrators; a process has no page of its own."""
        return obj is None and installation_page.may_see(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Likewise."""
        return self.has_view_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The page."""
        return installation_page.page(request)
