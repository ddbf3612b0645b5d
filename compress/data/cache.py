"""Keeping decoded pairs in memory, within a stated budget."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from compress.data.source import PairSource

if TYPE_CHECKING:
    from compress.data.source import Pair


class CachedPairs(PairSource):
    """Pairs made on demand by ``make(index)``; they are kept until the budget is full, and stay.

    Filling beats "least recently used" here: an epoch visits each pair once in random order, so a
    cache that holds a share ``s`` of the set and evicts would mostly throw out what comes next,
    while one that keeps what it has serves exactly ``s`` of all requests.

    ``made`` counts calls of ``make``, ``kept_bytes`` is what is held, never more than
    ``budget_bytes``. Safe to use from several threads; ``make`` runs in parallel.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        scenes: tuple[str, ...],
        make: Callable[[int], Pair],
        budget_bytes: int,
    ) -> None:
        self.names = names
        self.scenes = scenes
        self.budget_bytes = budget_bytes
        self.kept_bytes = 0
        self.made = 0
        self._make = make
        self._kept: dict[int, Pair] = {}
        self._lock = threading.Lock()

    def pair(self, index: int) -> Pair:
        if not 0 <= index < len(self.names):
            raise IndexError(f"pair {index} of {len(self.names)}")
        with self._lock:
            found = self._kept.get(index)
        if found is not None:
            return found
        made = self._make(index)
        size_bytes = made[0].nbytes + made[1].nbytes
        with self._lock:
            self.made += 1
            if index not in self._kept and self.kept_bytes + size_bytes <= self.budget_bytes:
                self._kept[index] = made
                self.kept_bytes += size_bytes
            return self._kept.get(index, made)
