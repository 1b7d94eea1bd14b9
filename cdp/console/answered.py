"""What a steward answered in this session, so that undo goes as far back as the session. Ids and verdicts alone."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from django.http import HttpRequest

_KEY = "review_answers"
_MOST = 500


class Given(NamedTuple):
    """Answers given together. `question`: the one that they were about, None of several."""

    batch: UUID
    question: UUID | None
    verdict: str


def given(request: HttpRequest, batch: UUID, questions: Sequence[UUID], verdict: str) -> None:
    """Remembers answers."""
    one = str(questions[0]) if len(questions) == 1 else ""
    request.session[_KEY] = [*request.session.get(_KEY, []), [str(batch), one, verdict]][-_MOST:]


def latest_first(request: HttpRequest) -> Iterator[Given]:
    """The answers of this session; what is taken from here is remembered no longer."""
    while known := request.session.get(_KEY, []):
        batch, question, verdict = known[-1]
        request.session[_KEY] = known[:-1]
        yield Given(UUID(batch), UUID(question) if question else None, verdict)


def count(request: HttpRequest) -> int:
    """How many there are."""
    return len(request.session.get(_KEY, []))
