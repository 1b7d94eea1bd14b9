"""Admin: what became one and what became two, in words, with undo; and what people decided about two records."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.principals import actor_of, audited, holds
from cdp.console import foreseen, merge_words
from identity import decide
from identity.decide import Undecidable
from identity.models import Constraint, Merge

_PAGE = 50
_LINK = "text-primary-600 dark:text-primary-500"  # as the theme draws its own


def _person(called: dict[UUID, str], id: UUID | None) -> SafeString | str:
    """A link to a profile; only the end of its id where the reader may not see people."""
    if id is None:
        return "–"
    if not called:
        return f"…{str(id)[-8:]}"
    page = reverse("admin:identity_profile_change", args=[id])
    return format_html('<a class="{}" href="{}">{}</a>', _LINK, page, called.get(id, "withheld"))


class _Named(ReadOnlyAdmin):
    """A list whose rows are told in words: these are looked up for a whole page at once."""

    list_per_page = _PAGE
    show_full_result_count = False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page's rows, with their words."""
        found: Any = super().get_changelist_instance(request)
        found.result_list = list(found.result_list)
        self.tell(request, found.result_list)
        return found

    def tell(self, request: HttpRequest, rows: Iterable[Any]) -> None:
        """Gives each row its words (`told`)."""
        raise NotImplementedError


@admin.register(Merge)
class MergeAdmin(_Named):
    """Merges and splits, newest first."""

    list_display = ("at", "what", "person", "other", "why", "who", "undone_at")
    list_display_links = ("at", "what")
    list_filter = ("kind", ("undone_at", admin.EmptyFieldListFilter), "at")
    search_fields = ("=profile_id",)
    search_help_text = "The id of a profile"
    ordering = ("-id",)
    actions = ("undo",)  # type: ignore[assignment]

    def get_urls(self) -> list[URLPattern]:
        """The button of a merge's page comes before Django's catch-all."""
        undo = self.admin_site.admin_view(require_POST(self.undo_one))
        return [path("<uuid:merge_id>/undo/", undo, name="console_merge_undo"), *super().get_urls()]

    def tell(self, request: HttpRequest, rows: Iterable[Merge]) -> None:
        """Who it was about, why, and by whom."""
        merge_words.tell(request, rows, at=timezone.now())

    @admin.display(description="what", ordering="kind")
    def what(self, row: Any) -> str:
        """In two words."""
        return str(row.told.what)

    @admin.display(description="person")
    def person(self, row: Any) -> SafeString | str:
        """Whose profile it was."""
        return _person(row.told.called, row.told.person)

    @admin.display(description="somebody else now")
    def other(self, row: Any) -> SafeString | str:
        """Who parted from the person, or had been joined, and is another profile today."""
        return _person(row.told.called, row.told.other)

    @admin.display(description="because")
    def why(self, row: Any) -> str:
        """The links or the decision behind it."""
        return str(row.told.why)

    @admin.display(description="by", ordering="actor")
    def who(self, row: Any) -> str:
        """The user's name."""
        return str(row.told.who)

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """Who may decide about merges."""
        return holds(request, "merges:write")

    @admin.action(description="Undo: they are different people (a split: they are one)", permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Newest first, so that what came later is undone before what it stood on."""
        done = 0
        for row in queryset.order_by("-id"):
            done += self._undo(request, row.pk)
        if done:
            messages.success(request, f"Undone: {done}. They stay so, whatever comes later.")

    def _undo(self, request: HttpRequest, merge_id: UUID) -> bool:
        try:
            decide.undo(merge_id, by=actor_of(request), at=timezone.now())
        except Undecidable as error:
            messages.warning(request, f"Of {Merge.objects.get(pk=merge_id).at:%-d %b %Y %H:%M:%S}: {error}")
            return False
        return True

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """One merge or split in words, and what its undoing would do."""
        row = self._row(request, object_id)
        at, by = timezone.now(), actor_of(request)
        self.tell(request, [row])
        may_undo = holds(request, "merges:write") and row.undone_at is None
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "row": row,
            "title": row.told.what, "records": merge_words.records_of(row), "may_undo": may_undo,
            "would": foreseen.would(request, lambda: decide.undo(row.pk, by=by, at=at), at=at) if may_undo else None,
        }  # fmt: skip
        audited(request, "merge.read", object=("merge", row.pk), subjects=row.records, fields=["name"])
        response = render(request, "console/merge.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _row(self, request: HttpRequest, merge_id: object) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            row = Merge.objects.filter(pk=UUID(str(merge_id))).first()
        except ValueError:
            raise Http404 from None
        if row is None:
            raise Http404
        return row

    def undo_one(self, request: HttpRequest, merge_id: UUID) -> HttpResponseRedirect:
        """Undoes one merge or split, and shows the list."""
        row = self._row(request, merge_id)
        if not self.has_undo_permission(request):
            raise PermissionDenied
        if self._undo(request, row.pk):
            messages.success(request, "Undone. It stays so, whatever comes later.")
        return redirect("admin:identity_merge_changelist")


@admin.register(Constraint)
class ConstraintAdmin(_Named):
    """What people decided about two records."""

    list_display = ("at", "what", "left", "right", "who")
    list_display_links = None
    list_filter = ("verdict", "at")
    search_fields = ("=left_id", "=right_id")
    search_help_text = "The id of a record"
    ordering = ("-at",)

    def tell(self, request: HttpRequest, rows: Iterable[Constraint]) -> None:
        """Whose records they are, and who decided."""
        merge_words.tell_decisions(request, rows, at=timezone.now())

    @admin.display(description="decision", ordering="verdict")
    def what(self, row: Any) -> str:
        """In words."""
        return "one person" if row.verdict == Constraint.Verdict.MUST_LINK else "two people"

    @admin.display(description="one record")
    def left(self, row: Any) -> SafeString | str:
        """Whose record it is now."""
        return format_html("{} <small>{}</small>", _person(row.told.called, row.told.person), row.told.sources[0])

    @admin.display(description="the other")
    def right(self, row: Any) -> SafeString | str:
        """The same of the other."""
        return format_html("{} <small>{}</small>", _person(row.told.called, row.told.other), row.told.sources[1])

    @admin.display(description="by", ordering="actor")
    def who(self, row: Any) -> str:
        """The user's name."""
        return str(row.told.who)
