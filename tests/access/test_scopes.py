import pytest

from cdp.access.scopes import SCOPES, UnknownScope, any_grants, parse


@pytest.mark.parametrize(
    ("written", "opens", "shut"),
    [
        ("profiles:read", {"profiles:read"}, {"profiles:reveal", "segments:read"}),
        ("profiles:*", {"profiles:read", "profiles:reveal"}, {"segments:read"}),
        ("profiles", {"profiles:read"}, {"profiles:reveal"}),
        ("segments", {"segments:read", "segments:write"}, {"profiles:read"}),
        ("read", {"profiles:read", "audit:read"}, {"profiles:reveal", "consents:write"}),
        ("*:write", {"consents:write", "update:write"}, {"profiles:read"}),
        ("*", set(SCOPES), set()),
    ],
)
def test_what_a_scope_opens(written: str, opens: set[str], shut: set[str]) -> None:
    held = [parse(written)]
    assert all(any_grants(held, scope) for scope in opens)
    assert not any(any_grants(held, scope) for scope in shut)


@pytest.mark.parametrize("written", ["", "profile:read", "profiles:delete", "people", ":", "profiles:read:all"])
def test_an_unknown_scope_is_refused_with_the_known_ones(written: str) -> None:
    with pytest.raises(UnknownScope, match="profiles:reveal"):
        parse(written)
