"""Admin pages: what every field means, and the keys that nobody has declared yet."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from cdp import audit
from cdp.access.admin import AuditedAdmin
from cdp.access.rest import actor_of
from cdp.catalogue.builtin import EVENTS, FIELDS, Builtin
from cdp.catalogue.declare import InvalidDeclaration, accept, declare, declare_named, suggestion_for, withdraw
from cdp.catalogue.identifiers import KINDS
from cdp.catalogue.models import Field, Overflow
from cdp.catalogue.observe import MOST, open_name
from cdp.catalogue.snapshot import SCOPES

_SHOWN_CLASSES = (("fact", "Fact: stands in clear, usable in rules"), ("identifying", "Identifying: sealed"))


class FieldForm(forms.ModelForm):  # type: ignore[type-arg]
    """A declaration."""

    data_class = forms.ChoiceField(choices=_SHOWN_CLASSES, label="Class of data")
    type = forms.ChoiceField(choices=[choice for choice in Field.Type.choices if choice[0] != "name"])
    identifier = forms.ChoiceField(
        choices=[("", "none"), *((kind, kind.replace("_", " ")) for kind in KINDS)],
        required=False,
        help_text="For an identifying trait that finds a person: what kind of identifier it carries.",
    )

    class Meta:
        model = Field
        fields = ["scope", "name", "data_class", "type", "identifier", "purposes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "purposes" in self.fields:  # not on the page of somebody who may only look
            self.fields["purposes"].required = False
        if self.instance.pk and self.instance.data_class == Field.DataClass.UNDECLARED:
            suggestion = suggestion_for(self.instance, name_of(self.instance))
            self.initial.update({"data_class": suggestion.data_class, "type": suggestion.type})

    def clean(self) -> dict[str, Any]:
        """Event names have one type and class."""
        cleaned = super().clean() or self.cleaned_data
        if (cleaned.get("scope") or self.instance.scope) == Field.Scope.EVENT:
            cleaned |= {"type": "name", "data_class": "fact", "identifier": ""}
        return cleaned

    def _post_clean(self) -> None:
        """Nothing is written to the row here: `declare` does that."""


def name_of(field: Field) -> str:
    """The name of a row, opened."""
    return field.name or (open_name(field.id, bytes(field.sealed_name)) if field.sealed_name else "")


@admin.register(Field)
class FieldAdmin(AuditedAdmin):
    """Declarations and undeclared keys. Names of undeclared keys show only to those who may declare them."""

    form = FieldForm
    list_display = ["shown_name", "scope", "class_label", "type_label", "suggestion", "identifier", "seen", "last_seen"]
    list_filter = [
        ("data_class", ChoicesDropdownFilter),
        ("scope", ChoicesDropdownFilter),
        ("type", ChoicesDropdownFilter),
    ]
    search_fields = ["name"]
    ordering = ["-data_class", "-seen", "id"]
    actions = ["accept_suggestions"]
    actions_list = ["builtin"]
    list_filter_submit = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Field]:
        """Remembers on each row whether this reader may see the name of an undeclared key."""
        return super().get_queryset(request).extra(select={"_open": "%s"}, select_params=[self._may_open(request)])

    def _may_open(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("catalogue.change_field"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        """A new declaration names its field; a row keeps its name."""
        form = ["data_class", "type", "identifier", "purposes"]
        counts = ["seen", "first_seen", "last_seen", "shape"]
        return ["scope", "shown_name", "suggestion", *form, *counts] if obj else ["scope", "name", *form]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What is counted is not edited."""
        return ["scope", "shown_name", "suggestion", "seen", "first_seen", "last_seen", "shape"] if obj else []

    @display(description="Name", ordering="name")  # type: ignore[untyped-decorator]
    def shown_name(self, field: Field) -> str:
        """The name, or a placeholder for those who may not see it."""
        if field.name:
            return field.name
        return name_of(field) if getattr(field, "_open", False) else "(undeclared key)"

    @display(description="Class", label={"fact": "success", "identifying": "warning", "undeclared": "danger"})  # type: ignore[untyped-decorator]
    def class_label(self, field: Field) -> str:
        """The class, coloured."""
        return field.data_class

    @display(description="Type", ordering="type")  # type: ignore[untyped-decorator]
    def type_label(self, field: Field) -> str:
        """The declared type."""
        return "–" if field.data_class == Field.DataClass.UNDECLARED else field.type

    @display(description="Suggestion")  # type: ignore[untyped-decorator]
    def suggestion(self, field: Field) -> str:
        """What an undeclared key should be."""
        if field.data_class != Field.DataClass.UNDECLARED:
            return "–"
        it = suggestion_for(field, name_of(field))
        return f"{it.data_class}, {it.type}: {it.because}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Showing opened names is a read of what may be personal data: an entry."""
        undeclared = Field.objects.filter(data_class=Field.DataClass.UNDECLARED).count()
        if undeclared and self._may_open(request) and request.method == "GET":
            actor = actor_of(request)
            audit.record("catalogue.read_undeclared", by=actor, object=("catalogue", ""), rows=undeclared)
        for it in Overflow.objects.all():
            text = f"{it.keys} more undeclared keys of scope {it.scope} were not listed: {MOST} are kept per scope."
            self.message_user(request, text, messages.WARNING)
        page: HttpResponse = super().changelist_view(request, extra_context)
        return page

    def save_model(self, request: HttpRequest, obj: Field, form: Any, change: bool) -> None:
        """One call of the verb."""
        values = {
            key: form.cleaned_data[key]
            for key in ("type", "data_class", "identifier", "purposes")
            if key in form.cleaned_data
        }
        values["purposes"] = values.get("purposes") or []
        if change:
            made = declare(Field.objects.get(pk=obj.pk), by=actor_of(request), **values)
        else:
            named = {key: form.cleaned_data[key] for key in ("scope", "name")}
            made = declare_named(**named, **values, by=actor_of(request))
        obj.__dict__.update(made.__dict__)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What cannot be declared is told on the page."""
        try:
            page: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
            return page
        except InvalidDeclaration as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect(request.path)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`declare` has written the entry."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """`declare` has written the entry."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """`withdraw` writes the entry."""

    def delete_model(self, request: HttpRequest, obj: Field) -> None:
        """Undoes the declaration."""
        withdraw(obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Field]) -> None:
        """Undoes the declarations."""
        for field in queryset:
            withdraw(field, by=actor_of(request))

    @action(description="Accept the suggestions", permissions=["change"])  # type: ignore[untyped-decorator]
    def accept_suggestions(self, request: HttpRequest, queryset: QuerySet[Field]) -> None:
        """Declares the chosen undeclared keys as suggested."""
        rows = list(queryset.filter(data_class=Field.DataClass.UNDECLARED))
        for field in rows:
            accept(field, by=actor_of(request))
        self.message_user(request, f"{len(rows)} declared. Data that comes from now on follows them.", messages.SUCCESS)

    @action(description="Built-in declarations", url_path="builtin", permissions=["view"])  # type: ignore[untyped-decorator]
    def builtin(self, request: HttpRequest) -> HttpResponse:
        """The list that comes with the software."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        groups = [
            {"title": f"{scope.capitalize()} fields", "fields": [it for it in FIELDS if it.scope == scope]}
            for scope in SCOPES
        ]
        groups.append({"title": "Event names", "fields": [Builtin("event", name, "fact", "name") for name in EVENTS]})
        context = {**self.admin_site.each_context(request), "title": "Built-in declarations", "groups": groups}
        return render(request, "admin/catalogue/builtin.html", context)
