"""Admin: survivorship. The list of attributes with their rules; the page of one rule, with what another would change."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from cdp.access.admin import ReadOnlyAdmin
from cdp.access.middleware import request_id_of
from cdp.access.principals import actor_of
from cdp.console import rules_page
from cdp.console.rules_page import RuleForm
from identity import survivorship
from identity.models import AttributeRule
from identity.strategies import InvalidRule
from identity.survivorship import StaleRule


@admin.register(AttributeRule)
class RuleAdmin(ReadOnlyAdmin):
    """Rules of survivorship. A change goes through the verb `survivorship.change`, which checks, audits and wakes the job."""

    def get_urls(self) -> list[URLPattern]:
        """The pages name an attribute by its declared name, which may stand in an address."""
        wrap = self.admin_site.admin_view
        own = [
            path("rule/", wrap(self.rule), name="console_rule"),
            path("preview/", wrap(require_POST(self.preview)), name="console_rule_preview"),
            path("progress/", wrap(self.progress), name="console_rule_progress"),
        ]
        return [*own, *super().get_urls()]

    def _frame(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "is_fullwidth": "1"}

    def _may_choose(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("identity.change_attributerule"))

    def _trait(self, request: HttpRequest) -> str:
        """The attribute that the request is about. Raises PermissionDenied, Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        trait = request.GET.get("attribute", "")
        if trait not in survivorship.attributes():
            raise Http404
        return trait

    def _form(self, request: HttpRequest, trait: str) -> RuleForm:
        row = survivorship.latest().get(trait)
        data = request.POST if request.method == "POST" else None
        return RuleForm(data, trait=trait, rule=survivorship.rule_of(row, trait))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """All attributes."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return render(
            request, "console/rules.html", {**self._frame(request, "Survivorship"), **rules_page.listing(request)}
        )

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """A version leads to the page of its attribute."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request):
            raise Http404
        return redirect(self._page(row.trait))

    def _page(self, trait: str) -> str:
        return f"{reverse('admin:console_rule')}?{urlencode({'attribute': trait})}"

    def rule(self, request: HttpRequest) -> HttpResponse:
        """One attribute's rule: shows it, or chooses another."""
        trait = self._trait(request)
        form = self._form(request, trait)
        if request.method == "POST":
            if not self._may_choose(request):
                raise PermissionDenied
            if form.is_valid() and self._choose(request, trait, form):
                return redirect(self._page(trait))
        context = {**self._frame(request, f"Survivorship of {trait}"), **rules_page.one(request, trait, form)}
        return render(request, "console/rule.html", {**context, "may_choose": self._may_choose(request)})

    def _choose(self, request: HttpRequest, trait: str, form: RuleForm) -> bool:
        """Whether it is done; what is wrong stands in the form."""
        chosen = None if "default" in request.POST else form.rule()
        seen = request.POST.get("version", "")
        try:
            survivorship.change(
                trait, chosen, by=actor_of(request), at=timezone.now(), request_id=request_id_of(request),
                version=int(seen) if seen.isdecimal() else None,
            )  # fmt: skip
        except InvalidRule as error:
            form.add_error(None, str(error))
            return False
        except StaleRule:
            form.add_error(None, "Somebody else chose another rule meanwhile: reload the page to see which.")
            return False
        messages.success(request, "Chosen. Golden records follow in the background; this page shows how far that is.")
        return True

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What the rule in the form would change, as a fragment."""
        trait = self._trait(request)
        form = self._form(request, trait)
        try:
            if not form.is_valid():
                raise InvalidRule("steps", "Choose from what is offered.")
            context = rules_page.previewed(request, trait, form.rule(), at=timezone.now())
        except InvalidRule as error:
            context = {"fault": str(error)}
        response = render(request, "console/_rule_preview.html", {**context, "trait": trait})
        response["Cache-Control"] = "no-store"
        return response

    def progress(self, request: HttpRequest) -> HttpResponse:
        """How far the job is, as a fragment."""
        job = rules_page.progress(request, self._trait(request))
        response = render(request, "console/_rule_progress.html", {"job": job, "now": timezone.now()})
        response["Cache-Control"] = "no-store"
        return response
