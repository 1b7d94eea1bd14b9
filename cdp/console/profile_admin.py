"""Admin: people. The list shows masked names; the page of one person asks permission, and opens by role and reveal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.objects import visible
from cdp.access.principals import audited, holds, purpose_of
from cdp.access.problems import Problem
from cdp.catalogue.identifiers import KINDS
from cdp.console import answers, decision_page, figures, gate, names, profile_page, reveal, reveal_form, typed_page
from cdp.console.belonging import segments_in
from cdp.console.views import members, permitted
from consent.refusal import NotPermitted
from identity.models import Profile
from identity.profiles import find
from segments.models import Segment


class People(ChangeList):
    """A page of the list, with masked names and numbers of segments for its rows in two queries."""

    def get_results(self, request: HttpRequest) -> None:
        """Adds `called` and `in_segments` to each row, and writes that the list was read."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]
        called = names.of_profiles(rows)
        counts = segments_in([row.id for row in rows], at=timezone.now())
        for row in rows:
            row.called, row.in_segments = called.get(row.id, names.NOBODY), counts.get(row.id, 0)
        self.result_list = rows
        audited(request, "profile.list", object=("profile", ""), fields=["name"], rows=len(rows))


class PeoplePaginator(Paginator):  # type: ignore[type-arg]
    """Counts a large table by the planner's estimate, unless a filter makes it small."""

    @property
    def count(self) -> int:
        """How many rows; at most 20,000 are counted one by one."""
        rows: Any = self.object_list
        counted = rows.order_by()[:20_001].count()
        return int(counted) if counted <= 20_000 else max(int(counted), figures.counted("identity_profile").n)


class SegmentFilter(DropdownFilter):
    """Members of a segment."""

    title = "segment"
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Those that the reader may see."""
        rows = visible(request.user, Segment.objects.filter(enabled=True), "view_segment")
        return list(rows.order_by("name").values_list("key", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Profile]) -> QuerySet[Profile]:
        """Members who permit its purpose."""
        if not self.value():
            return queryset
        try:
            return members(queryset, request, self.value(), at=timezone.now())
        except Problem:  # an address that somebody typed
            return queryset.none()


@admin.register(Profile)
class ProfileAdmin(ReadOnlyAdmin):
    """People."""

    list_display = ("who", "records", "in_segments", "changed")
    list_display_links = ("who",)
    list_filter = (SegmentFilter,)
    list_before_template = "console/_lookup.html"
    sortable_by = ()
    ordering = ("-id",)
    paginator = PeoplePaginator

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """With names."""
        return People

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only people who permit the reader's purpose."""
        return permitted(super().get_queryset(request), purpose_of(request), at=timezone.now())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the form that finds somebody."""
        extra = {"kinds": [kind for kind in KINDS if kind != "row"], **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, extra)
        return response

    @display(description="person", header=True)  # type: ignore[untyped-decorator]
    def who(self, row: Any) -> list[str]:
        """Masked name, and the id."""
        called = row.called
        initials = "".join(word[0] for word in called.split()[:2] if word[0].isalpha()) or "?"
        return [called, str(row.id), initials.upper()]

    @admin.display(description="changed")
    def changed(self, row: Profile) -> datetime:
        """When something of it last moved."""
        return row.updated_at

    @admin.display(description="segments")
    def in_segments(self, row: Any) -> int:
        """How many."""
        return int(row.in_segments)

    def get_urls(self) -> list[URLPattern]:
        """The page's own doors come before Django's catch-all."""
        wrap = self.admin_site.admin_view
        own = [
            path("lookup/", wrap(require_POST(self.lookup)), name="console_lookup"),
            path("<uuid:profile_id>/timeline/", wrap(self.more_events), name="console_timeline"),
            path("<uuid:profile_id>/why/", wrap(self.why), name="console_why"),
            path("<uuid:profile_id>/typed/", wrap(self.typed), name="console_typed"),
            path("<uuid:profile_id>/reveal/", wrap(require_POST(self.reveal)), name="console_reveal"),
            path("<uuid:profile_id>/close/", wrap(require_POST(self.close)), name="console_close"),
            path("<uuid:profile_id>/decide/", wrap(require_POST(self.decide)), name="console_decide"),
        ]
        return [*own, *super().get_urls()]

    def _page(self, profile_id: UUID) -> str:
        return reverse("admin:identity_profile_change", args=[profile_id])

    def _tab(self, request: HttpRequest, profile_id: UUID) -> str:
        """The page as it was when a form of it was sent: with the same tab open."""
        tab = request.POST.get("tab", "")
        return f"{self._page(profile_id)}#{tab}" if tab in profile_page.TABS else self._page(profile_id)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _enter(self, request: HttpRequest, profile_id: UUID, at: datetime) -> gate.Person:
        try:
            return gate.enter(request, profile_id, at=at)
        except NotPermitted:
            raise PermissionDenied from None

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page of one person. A merged-away id leads to the survivor's page."""
        self._check(request)
        try:
            profile_id = UUID(object_id)
        except ValueError:
            raise Http404 from None
        at = timezone.now()
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Profile", "is_fullwidth": "1"}
        try:
            person = gate.enter(request, profile_id, at=at)
        except NotPermitted as refusal:
            denied = {**frame, "refusal": refusal, "profile_id": gate.profile_id_of(profile_id)}
            return render(request, "console/profile_denied.html", denied, status=403)
        if person.moved:
            messages.info(request, "This profile was merged into another: you see the one that answers for it now.")
            return redirect(self._page(person.id))
        response = render(request, "console/profile.html", {**frame, **profile_page.context(request, person, at=at)})
        response["Cache-Control"] = "no-store"
        return response

    def lookup(self, request: HttpRequest) -> HttpResponseRedirect:
        """Finds somebody by an identifier that is sent in the body."""
        self._check(request)
        kind, value = request.POST.get("kind", ""), request.POST.get("value", "").strip()
        found = find(kind, value) if kind in KINDS and value else []
        audited(request, "profile.lookup", object=("profile", ""), rows=len(found), details={"kinds": [kind]})
        if not found:
            messages.warning(request, f"Nobody is known by this {kind.replace('_', ' ') or 'identifier'}.")
            return redirect("admin:identity_profile_changelist")
        if len(found) > 1:
            messages.info(
                request, f"{len(found)} people have this {kind.replace('_', ' ')}; this is the first of them."
            )
        return redirect(self._page(found[0]))

    def more_events(self, request: HttpRequest, profile_id: UUID) -> HttpResponse:
        """The next page of the timeline, as a fragment."""
        self._check(request)
        person = self._enter(request, profile_id, timezone.now())
        try:
            moment, _, event_id = request.GET.get("before", "").partition("|")
            before = datetime.fromisoformat(moment.replace(" ", "+")), UUID(event_id)
        except ValueError:
            raise Http404 from None
        events, following = profile_page.timeline(person, before=before)
        gate.note(request, person, fields={"timeline"}, rows=len(events))
        return render(request, "console/_events.html", {"events": events, "following": following, "person": person})

    def why(self, request: HttpRequest, profile_id: UUID) -> HttpResponse:
        """Why the person is in a segment or not, as a fragment."""
        self._check(request)
        at = timezone.now()
        person = self._enter(request, profile_id, at)
        rows = visible(request.user, Segment.objects.filter(enabled=True), "view_segment")
        segment = rows.filter(key=request.GET.get("segment", "")).first()
        if segment is None:
            raise Http404
        gate.note(request, person, "profile.why", fields={"segments"})
        return render(request, "console/_why.html", {"it": answers.why_segment(person, segment, at=at)})

    def typed(self, request: HttpRequest, profile_id: UUID) -> HttpResponse:
        """Types or withdraws a steward's value of one attribute."""
        self._check(request)
        if not holds(request, "profiles:write"):
            raise PermissionDenied
        at = timezone.now()
        person, trait = self._enter(request, profile_id, at), request.GET.get("attribute", "")
        if trait not in typed_page.typeable():
            raise Http404
        form = typed_page.form_of(request, person, trait)
        if request.method == "POST" and typed_page.correct(request, person, form, at=at):
            return redirect(self._page(person.id))
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": f"Correct {trait}"}
        context = {**frame, "is_fullwidth": "1", **typed_page.context(request, person, form)}
        response = render(request, "console/typed.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def reveal(self, request: HttpRequest, profile_id: UUID) -> HttpResponseRedirect:
        """Opens identifying values for ten minutes."""
        self._check(request)
        reveal_form.posted(request, [profile_id])
        return redirect(self._tab(request, profile_id))

    def close(self, request: HttpRequest, profile_id: UUID) -> HttpResponseRedirect:
        """Masks them again before the ten minutes are over."""
        reveal.close(request, profile_id)
        return redirect(self._tab(request, profile_id))

    def decide(self, request: HttpRequest, profile_id: UUID) -> HttpResponse:
        """Says what a decision about the person's records would do, or makes it."""
        self._check(request)
        at = timezone.now()
        person = self._enter(request, profile_id, at)
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "is_fullwidth": "1"}
        return decision_page.decide_about(request, person, frame, at=at)
