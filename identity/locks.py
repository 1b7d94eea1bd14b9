"""The one lock under which people change."""

from consent.locks import PEOPLE, take

# pg_advisory_xact_lock key, the first in the order of locks (docs/architecture.md). One lock for identity and consent: an
# observation can change parties, and a party's consents are recorded in the same transaction.
IDENTITY = PEOPLE

__all__ = ["IDENTITY", "take"]
