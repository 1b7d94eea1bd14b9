"""The lock of people: whoever changes who is one person, or what a person agreed to, takes it first."""

from cdp.database.together import Rows, Statement, together

# The same lock as identity's: `record()` runs before identity in a batch and `regroup()` inside it, so two locks could be
# taken in either order and deadlock; and without any lock an entry and a regrouping that pass each other would leave a
# state that knows only one of them.
PEOPLE = 0x6964656E74  # "ident" in ASCII


def take(*asked: Statement) -> list[Rows]:
    """Takes the lock until the transaction ends; the rows of what is asked under it, in the same round trip."""
    return together(("select pg_advisory_xact_lock(%s::bigint)", [PEOPLE]), *asked)[1:]
