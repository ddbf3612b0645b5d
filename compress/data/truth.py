"""Pairs whose low is the high: for a network that is to see the truth itself, such as an auto-encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from compress.data.night import NightSource
from compress.data.source import PairSource, Source

if TYPE_CHECKING:
    from compress.data.source import Pair
    from compress.schema.training import Sees


class TruthPairs(PairSource):
    """Of another source: its names and scenes, and its well-lit pictures on both sides."""

    def __init__(self, source: PairSource) -> None:
        self.names, self.scenes, self._source = source.names, source.scenes, source

    def pair(self, index: int) -> Pair:
        high = self._source.pair(index)[1]
        return high, high


Seen = TypeVar("Seen", bound=Source[Any])


def seen_by(sees: Sees, source: Seen) -> Seen | TruthPairs | NightSource:
    """``source`` as a network sees it that sees the dark pictures, or the truth, which then has to be pictures."""
    if sees == "dark":
        return source
    if isinstance(source, NightSource):
        return NightSource(source.pictures, lit=True)
    assert isinstance(source, PairSource)
    return TruthPairs(source)
