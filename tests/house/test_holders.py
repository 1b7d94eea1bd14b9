"""Every model that keeps something of a person is claimed by exactly one holder (`cdp.vault.holders`)."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connections
from django.db.models import BinaryField, Field, Model

from cdp.vault.holders import all_holders

ROOMS = ("cdp.", "consent", "identity", "segments")
# A field by one of these names holds facts of a person, a digest of an identifier, or points at a person.
PERSONAL = re.compile(
    r"^(facts|golden|traits|properties|sealed|wrapped|evidence|party|parties|subjects?"
    r"|.*(digest|record|profile|winner|loser|party|subject)s?(_ids?)?)$"
)
# Fields that match and are not about a customer, each with its reason.
EXEMPT = {
    "access.apikey.hash": "the hash of a random token of a service account",
    "sources.source.key_hash": "the hash of a random token of a source",
    "consent.notice.text_hash": "the hash of a public text",
    "outbox.change.profile_id": "a random id, deleted within seconds by whoever drains it",
    "catalogue.field.digest": "the digest of a field's name, not of a person",
}


def _own_models() -> list[type[Model]]:
    return [
        model
        for config in apps.get_app_configs()
        if config.name.startswith(ROOMS)
        for model in config.get_models()
        if model._meta.managed and not model._meta.proxy
    ]


def _personal(model: type[Model]) -> Iterator[str]:
    for field in model._meta.get_fields():
        if not isinstance(field, Field):
            continue
        inner = field.base_field if isinstance(field, ArrayField) else field
        if isinstance(inner, BinaryField) or PERSONAL.match(field.name):
            yield field.name


def _held() -> set[str]:
    return {name for holder in all_holders() for name in holder.models}


MODELS = _own_models()


@pytest.mark.parametrize("model", MODELS, ids=[model._meta.label_lower for model in MODELS])
def test_personal_data_has_a_holder(model: type[Model]) -> None:
    label = model._meta.label_lower
    personal = [name for name in _personal(model) if f"{label}.{name}" not in EXEMPT]
    assert not personal or label in _held(), (
        f"{label} keeps {', '.join(personal)} and no holder claims it: register one in its room's AppConfig.ready()"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("alias", ["default", "vault"])
def test_tables_without_a_model_have_a_holder_too(alias: str) -> None:
    """A table that a migration makes in SQL is claimed by the label that its model would have."""
    with connections[alias].cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, a.attname, t.typname = 'bytea' FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            JOIN pg_type t ON t.oid = a.atttypid
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace""")
        columns = cursor.fetchall()
    models = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    claimed = {label.replace(".", "_") for label in _held()}
    assert {
        table for table, column, binary in columns
        if table not in models and (binary or PERSONAL.match(column)) and table not in claimed
    } == set()  # fmt: skip


def test_holders_claim_only_what_exists() -> None:
    rooms = {config.label for config in apps.get_app_configs() if config.name.startswith(ROOMS)}
    assert {label.partition(".")[0] for label in _held()} <= rooms


def test_the_vault_erases_last() -> None:
    assert all_holders()[-1].name == "vault"


def test_no_exemption_is_left_over() -> None:
    fields = {f"{model._meta.label_lower}.{field.name}" for model in MODELS for field in model._meta.get_fields()}
    assert set(EXEMPT) <= fields
