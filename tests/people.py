"""The cast: invented people that tests speak of. Nobody here is real; domains and numbers are reserved for examples."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """One of the cast. Phone numbers lie in the range that is reserved for fiction."""

    first: str
    last: str
    email: str
    phone: str
    birthday: str
    user_id: str


ALICE = Person("Alice", "Archer", "alice@example.com", "+1 202-555-0101", "1984-03-02", "u-alice")
BOB = Person("Bob", "Baker", "bob@example.org", "+1 202-555-0102", "1979-11-30", "u-bob")
CHARLIE = Person("Charlie", "Chandler", "charlie@example.net", "+1 202-555-0103", "1991-07-15", "u-charlie")
CAST = (ALICE, BOB, CHARLIE)
