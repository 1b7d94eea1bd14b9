"""Admin: the queue of doubtful pairs, and the page of one pair."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.principals import actor_of, audited, holds, purpose_of, sees_identifying
from cdp.console import answered, foreseen, reveal_form, review_page
from cdp.console.review_page import Withheld, chosen, filtered
from consent.models import Purpose
from identity import queue, review
from identity.decide import Undecidable
from identity.models import Review
from identity.records import KeyMissing

WORDS = {"same": "the same person", "different": "different people", "unsure": "put aside"}


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """Questions to stewards. Answers go through `identity.review`, which decides and audits."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may read merges; a marketer sees people, not who might be whom."""
        return bool(super().has_view_permission(request, obj)) and holds(request, "merges:read")

    def get_urls(self) -> list[URLPattern]:
        """The page's own doors come before Django's catch-all."""
        wrap = self.admin_site.admin_view
        own = [
            path("answer/", wrap(require_POST(self.answer_many)), name="console_review_answers"),
            path("undo/", wrap(require_POST(self.undo)), name="console_review_undo"),
            path("<uuid:review_id>/answer/", wrap(require_POST(self.answer)), name="console_review_answer"),
            path("<uuid:review_id>/reveal/", wrap(require_POST(self.reveal)), name="console_review_reveal"),
        ]
        return [*own, *super().get_urls()]

    def _frame(self, request: HttpRequest, title: str) -> dict[str, Any]:
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "is_fullwidth": "1"}
        return {**frame, "may_decide": holds(request, "merges:write"), "answers": answered.count(request)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The queue."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        filters = chosen(request.GET)
        context = review_page.listing(request, filters, at=timezone.now())
        audited(request, "review.list", object=("review", ""), fields=["name"], rows=len(context["rows"]))
        response = render(
            request, "console/reviews.html", {**self._frame(request, "Review"), **context, "query": urlencode(filters)}
        )
        response["Cache-Control"] = "no-store"
        return response

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """One question."""
        row, at = self._row(request, object_id), timezone.now()
        filters = chosen(request.GET)
        before, after = queue.neighbours(filtered(filters, at=at), row.id)
        context = {
            **self._frame(request, "Are these one person?"), "row": row, "query": urlencode(filters), "before": before,
            "after": after, "reason": queue.REASONS.get(row.reason, row.reason), "may_reveal": sees_identifying(request),
            "now": at, "purposes": Purpose.objects.order_by("key"), "reads_for": purpose_of(request),
        }  # fmt: skip
        try:
            left, right = review_page.people_of(request, row, at=at)
            context |= review_page.pair(row, left, right, at=at)
        except Withheld as error:
            subjects, because = [row.left_id, row.right_id], {"because": error.refused.decision.code}
            audited(
                request, "review.read", object=("review", row.id), subjects=subjects, purpose=error.refused.purpose,
                outcome="denied", rows=0, details=because,
            )  # fmt: skip
            return render(request, "console/review.html", {**context, "refused": error.refused})
        except (KeyError, KeyMissing):
            raise Http404 from None
        verdict = Review.State.DIFFERENT if context["inside"] else Review.State.SAME
        if row.state == Review.State.OPEN and context["may_decide"]:
            by = actor_of(request)
            context["would"] = foreseen.would(
                request, lambda: review.answer([row.id], verdict, by=by, at=at).decision, at=at
            )
        fields = [it["name"] for it in context["traits"]]
        for purpose in sorted({left.purpose, right.purpose}):  # what was revealed is read for the purpose of that
            audited(
                request, "review.read", object=("review", row.id), purpose=purpose, fields=fields,
                subjects=[id for id, it in ((row.left_id, left), (row.right_id, right)) if it.purpose == purpose],
                details={"open": context["open"]},
            )  # fmt: skip
        response = render(request, "console/review.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _row(self, request: HttpRequest, review_id: object) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            row: Any = queue.every().filter(pk=UUID(str(review_id))).first()
        except ValueError:
            raise Http404 from None
        if row is None or row.left_profile is None or row.right_profile is None:
            raise Http404
        return row

    def _page(self, review_id: object, filters: dict[str, str]) -> str:
        return f"{reverse('admin:identity_review_change', args=[review_id])}?{urlencode(filters)}"

    def _queue(self, filters: dict[str, str]) -> str:
        return f"{reverse('admin:identity_review_changelist')}?{urlencode(filters)}"

    def answer(self, request: HttpRequest, review_id: UUID) -> HttpResponseRedirect:
        """Answers one question and goes to the next."""
        filters = chosen(request.GET)
        _, after = queue.neighbours(filtered(filters, at=timezone.now()), review_id)
        self._answer(request, [review_id])
        return redirect(self._page(after, filters) if after and after != review_id else self._queue(filters))

    def answer_many(self, request: HttpRequest) -> HttpResponseRedirect:
        """Answers the questions that were ticked."""
        try:
            ids = [UUID(text) for text in request.POST.getlist("review")]
        except ValueError:
            raise Http404 from None
        self._answer(request, ids)
        return redirect(self._queue(chosen(request.GET)))

    def _answer(self, request: HttpRequest, ids: list[UUID]) -> None:
        self._may_decide(request)
        verdict = request.POST.get("verdict", "")
        try:
            done = review.answer(ids, verdict, by=actor_of(request), at=timezone.now())
        except Undecidable as error:
            messages.warning(request, str(error))
            return
        if done.batch:
            answered.given(request, done.batch, ids, verdict)
        # Whoever parts two expects that what joined them is not followed any more.
        why = [foreseen.REFUSED.get(it, it) for it in done.decision.refused] if verdict == "same" else []
        refused = f" Some of their links still join nobody: {'; '.join(why)}." if why else ""
        stays = "They can be asked again." if verdict == "unsure" else "It stays so, whatever comes later."
        messages.success(request, f"{done.decided} answered: {WORDS[verdict]}.{refused} {stays}")

    def undo(self, request: HttpRequest) -> HttpResponseRedirect:
        """Takes the latest answers of this session that still stand back, and shows their question; of several, the queue."""
        self._may_decide(request)
        filters = chosen(request.GET)
        for last in answered.latest_first(request):
            try:
                done = review.undo(last.batch, by=actor_of(request), at=timezone.now())
            except Undecidable:  # replaced or taken back elsewhere meanwhile: the next older is meant
                continue
            several = f"{done.decided} answers" if done.decided > 1 else "The answer"
            left = answered.count(request)
            older = f"{left} older can be undone, too." if left else "It was the first of this session."
            messages.success(request, f"{several} “{WORDS[last.verdict]}” taken back: all is as it was. {older}")
            return redirect(self._queue(filters) if last.question is None else self._page(last.question, filters))
        messages.info(request, "There is nothing left to undo: no answer that you gave in this session stands.")
        return redirect(self._queue(filters))

    def _may_decide(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request) or not holds(request, "merges:write"):
            raise PermissionDenied

    def reveal(self, request: HttpRequest, review_id: UUID) -> HttpResponseRedirect:
        """Opens both people's values for ten minutes."""
        row = self._row(request, review_id)
        reveal_form.posted(request, sorted({row.left_profile, row.right_profile}))
        return redirect(self._page(review_id, chosen(request.GET)))
