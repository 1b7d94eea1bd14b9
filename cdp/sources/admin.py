"""Admin pages: sources, their purposes and keys."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from cdp.access.admin import AuditedAdmin
from cdp.access.rest import actor_of
from cdp.sources import lookup
from cdp.sources.create import InvalidSource, checked_purposes, create, rotate_write_key
from cdp.sources.models import Source


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A source; its purposes as lines "purpose basis"."""

    purposes = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField border rounded px-3 py-2 w-full max-w-2xl"}),
        initial="operate contract",
        help_text="One a line: a purpose and its legal basis, such as “operate contract” or “newsletter consent”. "
        "Data that none of them permits is denied and not kept.",
    )

    class Meta:
        model = Source
        fields = ["name", "kind", "purposes", "priority", "region", "namespace", "enabled", "quiet_after", "muted"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.purposes:
            lines = (f"{it['purpose']} {it['basis']}" for it in self.instance.purposes)
            self.initial["purposes"] = "\n".join(lines)

    def clean_purposes(self) -> list[dict[str, str]]:
        """The stored shape."""
        pairs = []
        for line in self.cleaned_data["purposes"].splitlines():
            words = line.split()
            if len(words) not in (0, 2):
                raise forms.ValidationError("Each line has two words: a purpose and its legal basis.")
            if words:
                pairs.append((words[0], words[1]))
        try:
            return checked_purposes(pairs)
        except InvalidSource as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(Source)
class SourceAdmin(AuditedAdmin):
    """Systems that send data."""

    form = SourceForm
    guarded = True
    list_display = [
        "name",
        "kind_label",
        "purposes_label",
        "priority",
        "region",
        "key_label",
        "enabled_label",
        "created_at",
    ]
    list_filter = ["kind", "enabled"]
    search_fields = ["name"]
    ordering = ["name"]
    actions = ["rotate_key"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Name, kind and namespace stay once there is data under them."""
        return ["id", "name", "kind", "namespace", "key_prefix", "created_at"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new source has no id or key yet."""
        asked = ["name", "kind", "purposes", "priority", "region", "namespace", "enabled", "quiet_after", "muted"]
        return [*asked, "id", "key_prefix", "created_at"] if obj else asked

    @display(description="Kind", label={"http": "info", "file": "success", "steward": "warning"})  # type: ignore[untyped-decorator]
    def kind_label(self, source: Source) -> str:
        """The kind, coloured."""
        return source.kind

    @display(description="Purposes (legal basis)")  # type: ignore[untyped-decorator]
    def purposes_label(self, source: Source) -> SafeString:
        """Purposes and bases."""
        pairs = ((it["purpose"], it["basis"].replace("_", " ")) for it in source.purposes)
        return format_html_join(", ", "{} <span class='text-font-subtle-light'>({})</span>", pairs)

    @display(description="Write key")  # type: ignore[untyped-decorator]
    def key_label(self, source: Source) -> str:
        """The beginning of the key: the rest is not kept."""
        return f"{source.key_prefix}…" if source.key_prefix else "none"

    @display(description="Enabled", boolean=True)  # type: ignore[untyped-decorator]
    def enabled_label(self, source: Source) -> bool:
        """Whether data is taken."""
        return source.enabled

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """A new source gets its write key, shown once."""
        if change:
            super().save_model(request, obj, form, change)
            lookup.forget()
            return
        made, key = create(
            obj.name,
            kind=obj.kind,
            purposes=[(it["purpose"], it["basis"]) for it in obj.purposes],
            priority=obj.priority,
            region=obj.region,
            namespace=obj.namespace,
            by=actor_of(request),
        )
        Source.objects.filter(pk=made.pk).update(enabled=obj.enabled, quiet_after=obj.quiet_after, muted=obj.muted)
        made.refresh_from_db()
        obj.__dict__.update(made.__dict__)
        if made.kind == Source.Kind.HTTP:  # the others' data does not come over the wire
            self._show(request, made, key)

    def response_add(self, request: HttpRequest, obj: Source, post_url_continue: str | None = None) -> HttpResponse:
        """A source that is to send over HTTP has its first event to show: where events are watched, the key at the top."""
        asked = {"_continue", "_addanother", "_popup"} & request.POST.keys()
        if obj.kind != Source.Kind.HTTP or asked:
            answer: HttpResponse = super().response_add(request, obj, post_url_continue)
            return answer
        return redirect(f"{reverse('admin:console_debugger')}?source={obj.pk}")

    def _show(self, request: HttpRequest, source: Source, key: str) -> None:
        self.message_user(
            request,
            format_html(
                "Write key of {}: <code>{}</code>. Copy it now: it is not kept and not shown again.", source.name, key
            ),
            messages.WARNING,
        )

    @action(description="Replace the write key", permissions=["change"])  # type: ignore[untyped-decorator]
    def rotate_key(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        """The old keys end at once. A list action, because those are sent by POST."""
        for source in queryset:
            self._show(request, source, rotate_write_key(source, actor_of(request)))
