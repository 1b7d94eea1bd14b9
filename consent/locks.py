"""The lock of people: whoever changes who is one person, or what a person agreed to, takes it first."""

from cdp.database.together import execute

# The same lock as identity's: `record()` runs before identity in a batch and `regroup()` inside it, so two locks could be
# taken in either order and deadlock; and without any lock an entry and a regrouping that pass each other would leave a
# state that knows only one of them.
PEOPLE = 0x6964656E74  # "ident" in ASCII


def take() -> None:
    """Takes the lock until the transaction ends. Taking it again in the same transaction costs nothing."""
    execute("select pg_advisory_xact_lock(%s::bigint)", [PEOPLE])
