"""What int8 costs each layer, in dB on real pictures that are neither trained on nor tested with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from compress.metrics import psnr_db
from compress.models.enhance import enhance
from compress.sensitivity.layers import Layer, only, sixteen_bits

if TYPE_CHECKING:
    from compress.data.source import Pair, Picture
    from compress.stage import Progress


@dataclass(frozen=True)
class Scores:
    """PSNR in dB of each picture, against ground truth and against the float network's picture."""

    psnr_db: tuple[float, ...]
    closeness_db: tuple[float, ...]

    @property
    def mean_db(self) -> float:
        return math.fsum(self.psnr_db) / len(self.psnr_db)

    @property
    def mean_closeness_db(self) -> float:
        return math.fsum(self.closeness_db) / len(self.closeness_db)

    def drop_db(self, better: Scores) -> float:
        """Mean PSNR of ``better`` minus this one's."""
        return better.mean_db - self.mean_db

    def worst_drop_db(self, better: Scores) -> float:
        """The same for the picture that loses most."""
        return max(there - here for there, here in zip(better.psnr_db, self.psnr_db, strict=True))


@dataclass(frozen=True)
class LayerScores:
    """One layer: alone in int8, alone float, and alone with activations of 16 bit."""

    layer: Layer
    alone: Scores
    without: Scores
    wide: Scores


class Bench:
    """A fake-quant network, its float self and pictures; measures the network with any set of layers in int8."""

    def __init__(
        self, net: nn.Module, floating: nn.Module, layers: tuple[Layer, ...], pairs: tuple[Pair, ...],
        progress: Progress,
    ) -> None:  # fmt: skip
        self._net, self.layers, self._pairs, self._progress = net, layers, pairs, progress
        self._done, self._total = 0, 3 * len(layers) + 3
        self._truth: tuple[Picture, ...] = ()
        self._known: dict[frozenset[str], Scores] = {}
        self.floating = self._score(partial(enhance, floating), ())
        with only(net, layers, ()):
            self._truth = tuple(enhance(net, dark) for dark, _ in pairs)

    def in_int8(self, active: Iterable[Layer]) -> Scores:
        """Scores with just ``active`` in int8; measured once for each set."""
        chosen = tuple(active)
        key = frozenset(layer.name for layer in chosen)
        if key not in self._known:
            self._known[key] = self._score(partial(enhance, self._net), (only(self._net, self.layers, chosen),))
        return self._known[key]

    def all_but(self, floats: Iterable[str]) -> Scores:
        """Scores with every layer in int8 but those named."""
        names = frozenset(floats)
        return self.in_int8(layer for layer in self.layers if layer.name not in names)

    def layer(self, layer: Layer) -> LayerScores:
        wide = self._score(partial(enhance, self._net), (sixteen_bits(self._net, layer),))
        return LayerScores(layer, self.in_int8((layer,)), self.all_but((layer.name,)), wide)

    def _score(self, run: Callable[[Picture], Picture], within: tuple[AbstractContextManager[None], ...]) -> Scores:
        with ExitStack() as stack:
            for state in within:
                stack.enter_context(state)
            answers = [run(dark) for dark, _ in self._pairs]
        self._done += 1
        self._progress.update(min(self._done, self._total), self._total, "layers in int8")
        return Scores(
            tuple(psnr_db(answer, bright) for answer, (_, bright) in zip(answers, self._pairs, strict=True)),
            tuple(psnr_db(answer, truth) for answer, truth in zip(answers, self._truth, strict=False)),
        )
