"""JSON that strict parsers refuse but SDKs do send: NaN and Infinity (Python), lone surrogates (cut emoji in browsers).

Only what strict parsing refused comes here; a whole batch must not be lost to one such value.
"""

import json
from typing import Any


def mended(body: bytes) -> Any:
    """The value, with null for a number that JSON does not have and U+FFFD for half a character.

    Raises ValueError or RecursionError when it is no JSON for other reasons."""
    return _whole(json.loads(body, parse_constant=_null))


def _null(name: str) -> None:
    return None


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(name): _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value
