"""Admin: registers the console's pages, and the addresses that belong to no model."""

from django.contrib import admin
from django.urls import URLPattern, path

from cdp.console import (
    audit_admin,
    debugger_page,
    group_admin,
    home,
    merge_admin,
    profile_admin,
    quality_page,
    review_admin,
    rule_admin,
    segment_members,
    sources_page,
)

__all__ = ["audit_admin", "group_admin", "merge_admin", "profile_admin", "review_admin", "rule_admin"]


def _urls() -> list[URLPattern]:
    wrap = admin.site.admin_view
    return [
        path("live/", wrap(home.live), name="console_live"),
        path("data/sources/", wrap(sources_page.sources), name="console_sources"),
        path("data/sources/live/", wrap(sources_page.live), name="console_sources_live"),
        *debugger_page.urls(),
        *quality_page.urls(),
        *segment_members.urls(),
    ]


admin.site.index_template = "console/home.html"
# Unfold's site takes further addresses from a callable of this name.
admin.site.extra_urls = _urls  # type: ignore[attr-defined]
