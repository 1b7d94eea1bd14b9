from cdp.demo.truth import NOBODY, Entry, tags


def entry(system: str, key: str, *identifiers: tuple[str, str], person: str = "alice", reason: str = "") -> Entry:
    return Entry(system, key, person, 1, reason, frozenset(identifiers))


def test_a_shared_mailbox_is_exact() -> None:
    assert tags([entry("crm", "1", ("email", "a")), entry("loyalty", "2", ("email", "a"))]) == ["exact", "exact"]


def test_a_shared_phone_alone_is_named() -> None:
    assert tags([entry("crm", "1", ("phone", "5")), entry("loyalty", "2", ("phone", "5"))]) == ["shared_phone_only"] * 2


def test_a_chain_reaches_as_far_as_its_links() -> None:
    records = [
        entry("crm", "1", ("customer_number", "1")),
        entry("web", "2", ("customer_number", "1"), ("email", "a")),
        entry("pos", "3", ("email", "a")),
    ]
    assert tags(records) == ["exact"] * 3


def test_what_is_out_of_reach_says_why_and_the_crm_record_stays() -> None:
    records = [
        entry("loyalty", "2", ("loyalty_card", "2"), reason="changed_email_and_phone"),
        entry("crm", "1", ("customer_number", "1")),
    ]
    assert tags(records) == ["changed_email_and_phone", "exact"]


def test_strangers_with_the_same_value_are_not_tied() -> None:
    records = [entry("crm", "1", ("phone", "5")), entry("crm", "2", ("phone", "5"), person="bob")]
    assert tags(records) == ["only_record", "only_record"]


def test_what_nobody_can_link() -> None:
    records = [
        entry("pos", "R-1"),
        entry("web", "device", ("anonymous_id", "device"), reason="never_signed_in"),
        entry("web", "anonymous", person=NOBODY),
    ]
    assert tags(records) == ["no_identifier", "never_signed_in", "junk_identifier"]
