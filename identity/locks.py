"""The one lock under which people change."""

from consent.locks import PEOPLE, take

# pg_advisory_xact_lock key; the first in the order of locks (docs/architecture.md). Consent's lock of people is the same
# one: a statement is recorded before identity in a batch and parties are regrouped inside it, so two locks could be taken
# in either order.
IDENTITY = PEOPLE

__all__ = ["IDENTITY", "take"]
