"""A bounded memory with a time to live, safe among threads."""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """The `size` values used last, none of them for longer than `seconds` after it was put in."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._seconds = size, seconds
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get_many(self, keys: Iterable[K]) -> tuple[dict[K, V], list[K]]:
        """What is remembered, and the keys of what is not (each once)."""
        found: dict[K, V] = {}
        missing: dict[K, None] = {}
        oldest = time.monotonic() - self._seconds
        with self._lock:
            for key in keys:
                entry = self._kept.get(key)
                if entry is None or entry[0] < oldest:
                    missing[key] = None
                else:
                    self._kept.move_to_end(key)
                    found[key] = entry[1]
        return found, list(missing)

    def get(self, key: K) -> V | None:
        """One value, or None."""
        return self.get_many((key,))[0].get(key)

    def put(self, values: Mapping[K, V]) -> None:
        """Remembers; what was used longest ago goes first."""
        now = time.monotonic()
        with self._lock:
            for key, value in values.items():
                self._kept[key] = (now, value)
                self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def drop(self, keys: Iterable[K]) -> None:
        """Forgets these."""
        with self._lock:
            for key in keys:
                self._kept.pop(key, None)

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)
