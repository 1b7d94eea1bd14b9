"""Who does not want to be found by likeness: the purpose "matching", asked of the ledger as of any other."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from consent.permits import permits_many
from identity import records
from identity.linking.comparable import PURPOSE
from identity.records import Rec


def refused(recs: Collection[Rec], *, at: datetime) -> set[UUID]:
    """Those of the records whose person the purpose is not permitted for. Two queries where nobody ever spoke of it."""
    if not recs:
        return set()
    records.load_evidence([rec for rec in recs if not rec.new and not rec.evidence])
    asked = [rec.evidence.keys() or (rec.key_digest,) for rec in recs]
    answers = permits_many(asked, PURPOSE, at=at)
    return {rec.id for rec, answer in zip(recs, answers, strict=True) if not answer.allowed}
