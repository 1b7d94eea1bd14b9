"""The page on which a steward types or withdraws a value of one attribute: a field for each part that the catalogue declares."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest

from cdp.access.middleware import request_id_of
from cdp.access.principals import actor_of
from cdp.catalogue import paths, snapshot
from cdp.catalogue.snapshot import FieldInfo
from cdp.console import answers, gate
from cdp.console.gate import Person
from identity import manual, survivorship

_YES_NO = [("", "–"), ("true", "yes"), ("false", "no")]
_IN = {"class": "in", "style": "width:100%;max-width:460px"}


def typeable() -> list[str]:
    """The attributes that can be typed, sorted: not those that are lists of objects."""
    listed = {survivorship.head(path) for path in snapshot.current().classes("trait") if "[]" in path}
    return [trait for trait in survivorship.attributes() if trait not in listed]


def _parts(trait: str) -> list[FieldInfo]:
    """The declared parts of an attribute: itself, or what lies below it."""
    infos = [it for it in snapshot.current().fields("trait") if survivorship.head(it.name) == trait]
    return [it for it in infos if len(paths.steps(it.name)) > 1] or infos


class TypedForm(forms.Form):
    """Values of an attribute's parts, and why. What is left empty is no part of the value."""

    def __init__(self, data: Any, *, trait: str, said: dict[str, Any]) -> None:
        super().__init__(data)
        self.trait, self._infos = trait, _parts(trait)
        for number, info in enumerate(self._infos):
            self.fields[f"part_{number}"] = _field(info, trait, said.get(info.name))
        self.fields["reason"] = forms.CharField(
            min_length=manual.SHORTEST_REASON,
            max_length=2000,
            label="Why",
            widget=forms.TextInput(attrs={**_IN, "placeholder": f"At least {manual.SHORTEST_REASON} letters"}),
        )

    @property
    def parts(self) -> list[Any]:
        """The fields of the values."""
        return [it for it in self if it.name.startswith("part_")]

    def value(self) -> Any:
        """What was typed, in the shape of the attribute; None if nothing was. For a valid form."""
        flat = {}
        for number, info in enumerate(self._infos):
            typed = _plain(info.type, self.cleaned_data[f"part_{number}"])
            if typed is not None:
                flat[info.name] = typed
        return paths.nest(flat).get(self.trait)

    def refuse(self, error: manual.InvalidValue) -> None:
        """Says what is wrong at the field it is about."""
        names = [f"part_{number}" for number, info in enumerate(self._infos) if info.name == error.path]
        self.add_error("reason" if error.path == "reason" else names[0] if names else None, str(error))


def _field(info: FieldInfo, trait: str, said: Any) -> forms.Field:
    label = info.name.removeprefix(f"{paths.escape(trait)}.")
    if info.type == "boolean":
        initial = "" if said is None else str(said).lower()
        widget = forms.Select(attrs={"class": "in"})
        return forms.ChoiceField(choices=_YES_NO, label=label, initial=initial, required=False, widget=widget)
    if info.type == "list":
        initial = "\n".join(map(str, said)) if isinstance(said, list) else said
        lines = forms.Textarea(attrs={**_IN, "rows": 4, "placeholder": "one a line"})
        return forms.CharField(label=label, initial=initial, required=False, widget=lines)
    if info.type == "number":
        number = forms.NumberInput(attrs={**_IN, "step": "any"})
        return forms.FloatField(label=label, initial=said, required=False, widget=number)
    kind = "date" if info.type == "date" else "text"
    hint = "2026-01-31T12:00:00Z" if info.type == "datetime" else ""
    text = forms.TextInput(attrs={**_IN, "type": kind, "placeholder": hint, "autocomplete": "off"})
    return forms.CharField(label=label, initial=said, required=False, max_length=manual.LONGEST, widget=text)


def _plain(type: str, typed: Any) -> Any:
    """A field's value as JSON has it; None for an empty one."""
    if typed in (None, ""):
        return None
    if type == "boolean":
        return typed == "true"
    if type == "number":
        return int(typed) if float(typed).is_integer() else typed
    if type == "list":
        return [line.strip() for line in typed.splitlines() if line.strip()] or None
    return typed


def form_of(request: HttpRequest, person: Person, trait: str) -> TypedForm:
    """The form, filled with what stands now as far as it is open to the reader."""
    said = {
        paths.escape(it.name) if it.name == trait else it.name: it.value
        for it in person.known.golden
        if it.data_class != "undeclared" and (person.open or it.data_class == "fact")
    }
    return TypedForm(request.POST if request.method == "POST" else None, trait=trait, said=said)


def correct(request: HttpRequest, person: Person, form: TypedForm, *, at: datetime) -> bool:
    """Whether it is done; what is wrong stands in the form."""
    if not form.is_valid():
        return False
    withdraw = "withdraw" in request.POST
    value = None if withdraw else form.value()
    if value is None and not withdraw:
        form.add_error(None, "Type a value; to let the sources have their say again, withdraw it.")
        return False
    try:
        done = manual.correct(
            person.id, {form.trait: value}, by=actor_of(request), at=at, reason=form.cleaned_data["reason"],
            purpose=person.purpose, request_id=request_id_of(request),
        )  # fmt: skip
    except manual.InvalidValue as error:
        form.refuse(error)
        return False
    said = (
        "Withdrawn: the sources have their say again." if withdraw else "It stands from now on, whatever sources say."
    )
    messages.success(request, said if done.traits else "It was so already: nothing changed.")
    return True


def context(request: HttpRequest, person: Person, form: TypedForm) -> dict[str, Any]:
    """The page: the form, and what is said of the attribute now. Writes an audit entry for what it shows."""
    content = answers.provenance(person)
    rows = [
        it for it in content.content if it["class"] != "undeclared" and survivorship.head(it["trait"]) == form.trait
    ]
    gate.note(request, person, fields={it["trait"] for it in rows}, subjects=content.subjects)
    return {
        "person": person,
        "form": form,
        "trait": form.trait,
        "rows": rows,
        "typed": any(said["source"] == "steward" and said["survives"] for row in rows for said in row["candidates"]),
        "several": len(form.parts) > 1,
    }
