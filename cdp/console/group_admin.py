"""Admin: groups. The list shows masked names; the page of one group asks permission, and opens by role and reveal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.views import ChangeList

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.principals import audited, purpose_of
from cdp.console import group_answers, group_gate, group_page, reveal
from cdp.console.group_gate import GroupNotPermitted
from cdp.groups import reads
from cdp.groups.models import Group, Member
from cdp.groups.reads import Size


class Groups(ChangeList):
    """A page of the list, with masked names and sizes for its rows."""

    def get_results(self, request: HttpRequest) -> None:
        """Adds `called` and `size` to each row, and writes that the list was read."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]
        ids = [row.id for row in rows]
        sizes, views = reads.sizes(ids), {view.id: view for view in reads.load(ids)}
        for row in rows:
            row.called, row.size = group_answers.called(views[row.id], open=False), sizes.get(row.id, Size())
        self.result_list = rows
        audited(request, "group.list", object=("group", ""), fields=["name"], rows=len(rows))


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    """Companies, households and teams."""

    list_display = ("what", "known", "people", "last_call", "changed")
    list_display_links = ("what",)
    list_before_template = "console/_group_lookup.html"
    sortable_by = ()
    ordering = ("-id",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """With names."""
        return Groups

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only groups of which a member permits the reader's purpose."""
        return reads.visible(purpose_of(request), timezone.now())

    @display(description="group", header=True)  # type: ignore[untyped-decorator]
    def what(self, row: Any) -> list[str]:
        """Masked name, and the id."""
        initials = "".join(word[0] for word in row.called.split()[:2] if word[0].isalpha()) or "?"
        return [row.called, str(row.id), initials.upper()]

    @admin.display(description="facts")
    def known(self, row: Group) -> str:
        """Some of its facts."""
        return ", ".join(f"{path} {value}" for path, value in sorted(row.facts.items())[:3]) or "–"

    @admin.display(description="members")
    def people(self, row: Any) -> int:
        """How many people."""
        return int(row.size.people)

    @admin.display(description="last call")
    def last_call(self, row: Any) -> datetime | None:
        """When a member last said that they belong to it."""
        seen: datetime | None = row.size.last_seen
        return seen

    @admin.display(description="changed")
    def changed(self, row: Group) -> datetime:
        """When something of it last moved."""
        return row.updated_at

    def get_urls(self) -> list[URLPattern]:
        """The page's own doors come before Django's catch-all."""
        wrap = self.admin_site.admin_view
        own = [
            path("lookup/", wrap(require_POST(self.lookup)), name="console_group_lookup"),
            path("<uuid:group_id>/members/", wrap(self.more_members), name="console_group_members"),
            path("<uuid:group_id>/reveal/", wrap(require_POST(self.reveal)), name="console_group_reveal"),
            path("<uuid:group_id>/close/", wrap(require_POST(self.close)), name="console_group_close"),
        ]
        return [*own, *super().get_urls()]

    def _page(self, group_id: UUID) -> str:
        return reverse("admin:groups_group_change", args=[group_id])

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page of one group."""
        self._check(request)
        try:
            group_id = UUID(object_id)
        except ValueError:
            raise Http404 from None
        at = timezone.now()
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Group", "is_fullwidth": "1"}
        try:
            seen = group_gate.enter(request, group_id, at=at)
        except GroupNotPermitted as refusal:
            denied = {**frame, "refusal": refusal, "group_id": group_id}
            return render(request, "console/group_denied.html", denied, status=403)
        response = render(request, "console/group.html", {**frame, **group_page.context(request, seen, at=at)})
        response["Cache-Control"] = "no-store"
        return response

    def lookup(self, request: HttpRequest) -> HttpResponseRedirect:
        """Finds a group by its id, which is sent in the body."""
        self._check(request)
        found = reads.find(request.POST.get("value", ""))
        audited(request, "group.lookup", object=("group", ""), rows=len(found))
        if not found:
            messages.warning(request, "No group is known by this id.")
            return redirect("admin:groups_group_changelist")
        if len(found) > 1:
            messages.info(
                request, f"{len(found)} groups of different namespaces have this id; this is the first of them."
            )
        return redirect(self._page(found[0]))

    def more_members(self, request: HttpRequest, group_id: UUID) -> HttpResponse:
        """The next page of members, as a fragment."""
        self._check(request)
        at = timezone.now()
        try:
            after = UUID(request.GET.get("after", ""))
            seen = group_gate.enter(request, group_id, at=at)
        except ValueError:
            raise Http404 from None
        except GroupNotPermitted:
            raise PermissionDenied from None
        people, following = group_page.members(request, seen, after=after, at=at)
        return render(request, "console/_members.html", {"members": people, "following": following, "group": seen})

    def reveal(self, request: HttpRequest, group_id: UUID) -> HttpResponseRedirect:
        """Opens identifying values for ten minutes."""
        self._check(request)
        at = timezone.now()
        purpose, reason = request.POST.get("purpose", ""), request.POST.get("reason", "")
        if not Group.objects.filter(pk=group_id).exists():
            raise Http404
        subjects = list(Member.objects.filter(group_id=group_id).values_list("record_id", flat=True)[:2])
        try:
            group_gate.check(request, group_id, purpose, at=at)
            reveal.grant(
                request, group_id, purpose=purpose, reason=reason, subjects=subjects if len(subjects) == 1 else [], at=at,
                kind="group",
            )  # fmt: skip
            messages.success(request, "Open for ten minutes. This was written to the audit trail with your reason.")
        except (GroupNotPermitted, reveal.NoReason) as refusal:
            text = "None of its members permits it." if isinstance(refusal, GroupNotPermitted) else str(refusal)
            messages.error(request, f"Not opened: {text}")
        except PermissionError:
            raise PermissionDenied from None
        return redirect(self._page(group_id))

    def close(self, request: HttpRequest, group_id: UUID) -> HttpResponseRedirect:
        """Masks them again before the ten minutes are over."""
        reveal.close(request, group_id)
        return redirect(self._page(group_id))
