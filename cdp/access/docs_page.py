"""/api/docs/: the API's reference with examples, code and a form to try each operation. Nothing comes from elsewhere."""

import functools

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator

from cdp.access.reference import Group, reference
from cdp.access.scopes import SCOPES

ROOMS = (
    ("profiles", "Profiles", "People: who they are, what is known of them, where each value comes from. What a person does "
     "not permit is not shown, and every read is an entry of the audit trail."),
    ("groups", "Groups", "Companies, households and teams, and who belongs to them."),
    ("segments", "Segments", "Named rules over facts, events and consents. Members are kept live; a rule can be tried "
     "before it is saved, and every membership can be explained."),
    ("consents", "Consents", "Recording what somebody said, and the one question: may this be done with this person's data?"),
    ("purposes", "Purposes", "What data is used for, and on which legal basis."),
    ("notices", "Notices", "The exact texts that people were shown. A version is never changed."),
    ("update_profile", "Update a profile", "For systems that speak no tracking API: what a customer is, and what happened."),
    ("sources", "Sources", "Systems that send data: their keys, imports, rejections, and an exact account of every event."),
    ("merges", "Merges", "Which records were found to be one person, and taking that back."),
    ("constraints", "Decisions on pairs", "What people decided about two records: one person, or two."),
    ("reviews", "Reviews", "Questions to stewards: pairs of records that may be one person, or that were joined and may not be."),
    ("catalogue", "Catalogue", "What every field means: a fact, or something that identifies a person."),
    ("audit", "Audit", "What was done, by whom and why. Reading it is an entry too."),
    ("alerts", "Alerts", "Sources that went quiet or broken, and processing that lags."),
)  # fmt: skip


@functools.cache
def groups() -> tuple[Group, ...]:
    """The reference: made once in a process, since it changes with the code alone."""
    description = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return reference(description, ROOMS, base=settings.PUBLIC_URL)


def docs(request: HttpRequest) -> HttpResponse:
    """The page. Open to everyone, like the description itself: it holds no data."""
    context = {"groups": groups(), "scopes": SCOPES, "base": settings.PUBLIC_URL}
    return render(request, "access/docs.html", context)
