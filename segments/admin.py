"""Admin pages: segments with their live sizes, the rule with a preview while it is edited, and members."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, Value
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from cdp.access.admin import AuditedAdmin
from cdp.access.masking import rounded
from cdp.access.principals import actor_of, sees_rounded
from cdp.catalogue import snapshot
from consent.models import Purpose
from segments import program, reads
from segments.define import build_later, change, check, define, remove
from segments.models import Segment
from segments.preview import preview
from segments.rules import InvalidRule
from segments.sparkline import sparkline

_EXAMPLE = {
    "all": [{"trait": "country", "is": "NL"}, {"event": "Order Completed", "count": {"gte": 3}, "within": {"days": 90}}]
}
_LINK = "font-semibold text-primary-600 dark:text-primary-500 hover:underline"
# What a condition speaks of comes first; PostgreSQL keeps the keys of an object in an order of its own.
_SUBJECTS = ("all", "any", "not", "trait", "event", "segment", "consent")


class RuleField(forms.JSONField):
    """A rule as people read it: over several lines, what it speaks of before what it asks."""

    def prepare_value(self, value: Any) -> Any:
        """The text to edit; what could not be read stays as it was typed."""
        text = super().prepare_value(_ordered(value))
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except (TypeError, ValueError):
            return text


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: _SUBJECTS.index(name) if name in _SUBJECTS else len(_SUBJECTS))
        return {name: _ordered(value[name]) for name in names}
    return [_ordered(it) for it in value] if isinstance(value, list) else value


class SegmentForm(forms.ModelForm):  # type: ignore[type-arg]
    """A rule as JSON, checked as it is saved: each fault names its place and what to do."""

    purpose = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget,
        help_text="What the segment is for. People who do not permit it are counted as withheld and never listed.",
    )
    rule = RuleField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 16, "spellcheck": "false", "style": "font-family: monospace"}),
        encoder=None,
        help_text=mark_safe(  # noqa: S308 - a constant
            "Written by the form above, or as text by whoever likes; its"
            f' <a class="{_LINK}" href="/api/v1/segments/schema/">JSON Schema</a> is for programs.'
        ),
    )

    class Media:
        css = {"all": ["segments/editor.css"]}
        js = [Script("segments/editor.js", defer=True)]

    class Meta:
        model = Segment
        fields = ["name", "key", "description", "purpose", "rule", "enabled"]
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "purpose" in self.fields:
            names = [
                (it.key, f"{it.name or it.key} ({it.get_basis_display()})") for it in Purpose.objects.order_by("key")
            ]
            self.fields["purpose"].choices = names  # type: ignore[attr-defined]
        if "rule" in self.fields and not self.instance.name:
            self.initial.setdefault("rule", _EXAMPLE)

    def clean(self) -> dict[str, Any]:
        """Faults of the rule are errors of its field."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        key = self.instance.key or found.get("key", "")
        if found.get("rule") is not None and found.get("purpose") and key:
            try:
                check(found["rule"], purpose=found["purpose"], key=key)
            except InvalidRule as error:
                for fault in error.faults:
                    field = "purpose" if fault.path == "purpose" else "rule"
                    self.add_error(field, f"{fault.path or 'The rule'} {fault.problem}: {fault.remedy}.")
        return found


@admin.register(Segment)
class SegmentAdmin(AuditedAdmin):
    """Segments. Every change goes through the verbs of `segments.define`, which check, audit and build."""

    form = SegmentForm
    guarded = True
    list_display = ["name", "condition", "people", "withheld", "trend", "purpose", "state"]
    list_filter = ["enabled", "purpose"]
    search_fields = ["name", "key", "description"]
    ordering = ["name"]
    actions = ["rebuild"]
    prepopulated_fields = {"key": ["name"]}
    readonly_fields = ["condition", "sizes", "version", "built_at", "updated_at"]
    change_form_after_template = "segments/preview.html"

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """With the names that the editor offers: declared facts and events, which stand in clear."""
        catalogue = snapshot.current()
        traits = {it.name: it.type for it in catalogue.fields("trait") if it.data_class == "fact"}
        known = {"traits": traits, "events": catalogue.event_names()}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "segment_words": known})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new segment has no members yet."""
        editable = (None, {"fields": ["name", "key", "description", "purpose", "enabled", "rule"]})
        if obj is None:
            return [editable]
        return [("Now", {"fields": ["condition", "sizes", ("version", "built_at", "updated_at")]}), editable]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Others refer to it by its key, so that stays."""
        return [*self.readonly_fields, *(["key"] if obj else [])]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        """Only while it is new."""
        return {} if obj else dict(self.prepopulated_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Each row knows whether its reader gets rounded counts."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(coarse=Value(sees_rounded(request)))
        return rows

    def _size(self, segment: Segment) -> reads.Size:
        known: reads.Size | None = getattr(segment, "_size", None)
        if known is None:
            known = reads.size(segment, timezone.now())
            if getattr(segment, "coarse", True):
                known = reads.Size(rounded(known.listed), rounded(known.withheld))
            segment._size = known  # type: ignore[attr-defined]
        return known

    @display(description="Rule")  # type: ignore[untyped-decorator]
    def condition(self, segment: Segment) -> SafeString:
        """In words."""
        return format_html(
            '<span style="display:block;max-width:30rem;white-space:normal">{}</span>', program.words(segment.rule)
        )

    @display(description="People")  # type: ignore[untyped-decorator]
    def people(self, segment: Segment) -> SafeString:
        """Now, with a link to them."""
        link = reverse("admin:segments_segment_members", args=[segment.pk])
        return format_html('<a href="{}" class="{}">{}</a>', link, _LINK, f"{self._size(segment).listed:,}")

    @display(description="Withheld")  # type: ignore[untyped-decorator]
    def withheld(self, segment: Segment) -> str:
        """In it, without permission for its purpose."""
        return f"{self._size(segment).withheld:,}"

    @display(description="30 days")  # type: ignore[untyped-decorator]
    def trend(self, segment: Segment) -> SafeString:
        """Size over time."""
        sizes = reads.sizes_over_time([segment.pk], timezone.now())[segment.pk]
        return sparkline([rounded(size) for size in sizes] if getattr(segment, "coarse", True) else sizes)

    @display(description="State", label={"live": "success", "building": "warning", "off": "info"})  # type: ignore[untyped-decorator]
    def state(self, segment: Segment) -> str:
        """In a word."""
        return "off" if not segment.enabled else "live" if segment.built_at else "building"

    @display(description="Size")  # type: ignore[untyped-decorator]
    def sizes(self, segment: Segment) -> SafeString:
        """Listed and withheld, and the last 30 days."""
        return format_html(
            "{} {}, {} withheld {}",
            self.people(segment),
            "person" if self._size(segment).listed == 1 else "people",
            self.withheld(segment),
            self.trend(segment),
        )

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        """Through the verbs."""
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in form.cleaned_data}
        made = self._changed(request, obj, values) if change else self._made(request, form.cleaned_data)
        obj.__dict__.update(made.__dict__)

    def _made(self, request: HttpRequest, values: dict[str, Any]) -> Segment:
        now = timezone.now()
        return define(values["name"], values["rule"], by=actor_of(request), at=now, **{
            name: values[name] for name in ("key", "purpose", "description", "enabled")
        })  # fmt: skip

    def _changed(self, request: HttpRequest, obj: Segment, values: dict[str, Any]) -> Segment:
        return change(obj.pk, by=actor_of(request), at=timezone.now(), **values)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`define` has written the entry."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`change` has written the entry."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """`remove` writes the entry."""

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        """Through the verb."""
        remove(obj.pk, by=actor_of(request), at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Through the verb."""
        for segment in queryset:
            self.delete_model(request, segment)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A segment that others refer to is shown as protected."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        chosen = {it.key for it in objs}
        for segment in objs:
            for other in program.current().dependents(segment.key):
                if other.key not in chosen:
                    protected.append(f"Segment {other.key} refers to {segment.key}")
        return to_delete, counts, needed, protected

    @action(description="Rebuild", permissions=["change"])  # type: ignore[untyped-decorator]
    def rebuild(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        """Evaluates everyone anew; there should be no difference."""
        begun = []
        for segment in queryset:
            self.audit(request, "rebuild", segment)
            begun.append(build_later(segment.pk))
        if all(begun):
            self.message_user(request, "The segments are being rebuilt.", messages.SUCCESS)
        else:
            self.message_user(request, "The broker cannot be reached: ask again when it is back.", messages.ERROR)

    def get_urls(self) -> list[Any]:
        """The preview. The page of members is the console's, which knows people's names."""
        view = self.admin_site.admin_view
        own = [
            path("preview/", view(self.preview_view), name="segments_segment_preview"),
        ]
        return own + list(super().get_urls())

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What the rule in the form would give, as a piece of the page."""
        if request.method != "POST" or not (self.has_add_permission(request) or self.has_view_permission(request)):
            raise PermissionDenied
        bound = forms.JSONField(required=False)
        context: dict[str, Any] = {"coarse": sees_rounded(request)}
        try:
            found = preview(
                bound.clean(request.POST.get("rule", "")), timezone.now(), purpose=request.POST.get("purpose", "")
            )
            context["preview"] = found
            context["sample"] = [] if context["coarse"] else [_masked(it) for it in found.sample]
        except forms.ValidationError:
            context["faults"] = [
                {"path": "", "problem": "is not JSON yet", "remedy": "see commas, quotes and brackets"}
            ]
        except InvalidRule as error:
            context["faults"] = error.faults
        return TemplateResponse(request, "segments/preview_result.html", context)


def _masked(profile_id: UUID) -> SafeString:
    """A shortened id that leads to the profile's page, which asks for itself who may see what."""
    return format_html(
        '<a href="{}" class="font-mono {}">{}…{}</a>',
        f"/admin/identity/profile/{profile_id}/change/",
        _LINK,
        str(profile_id)[:8],
        str(profile_id)[-4:],
    )
