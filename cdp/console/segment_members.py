"""The page of a segment's members: who is in it now, by masked names. Here, since segments know nothing of people's names."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone

from cdp.access.masking import rounded
from cdp.access.objects import visible
from cdp.access.principals import audited, holds, sees_rounded
from cdp.console import names
from identity.models import Profile
from segments import program, reads
from segments.models import Segment

PAGE = 50


def urls() -> list[URLPattern]:
    """Under the segment's own address."""
    view = admin.site.admin_view(members)
    return [path("segments/segment/<uuid:segment_id>/members/", view, name="segments_segment_members")]


def members(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """Fifty at a time. Only who permits the segment's purpose; a role that sees rounded counts sees nobody."""
    segment = visible(request.user, Segment.objects.all(), "view_segment").filter(pk=segment_id).first()
    if segment is None:
        raise PermissionDenied
    now, coarse = timezone.now(), sees_rounded(request)
    found = [] if coarse else reads.members(segment, now, after=_id(request.GET.get("after", "")), limit=PAGE + 1)
    named = holds(request, "profiles:read")
    if not coarse:
        fields = ["members", "name"] if named else ["members"]
        audited(
            request, "segment.members", object=("segment", segment.pk), rows=len(found[:PAGE]), fields=fields,
            purpose=segment.purpose,
        )  # fmt: skip
    size = reads.size(segment, now)
    context = {
        **admin.site.each_context(request),
        "title": f"Members of {segment.name}",
        "segment": segment,
        "condition": program.words(segment.rule),
        "size": reads.Size(rounded(size.listed), rounded(size.withheld)) if coarse else size,
        "coarse": coarse,
        "members": _rows(found[:PAGE], named=named),
        "named": named,
        "following": found[PAGE - 1].profile_id if len(found) > PAGE else None,
    }
    response = render(request, "console/segment_members.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _rows(found: list[reads.Member], *, named: bool) -> list[dict[str, Any]]:
    called = names.of_profiles(Profile.objects.filter(pk__in=[it.profile_id for it in found])) if named else {}
    return [
        {"id": it.profile_id, "name": called.get(it.profile_id, names.NOBODY), "entered_at": it.entered_at}
        for it in found
    ]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
