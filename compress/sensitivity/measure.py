"""What int8 costs each layer, in dB on real pictures that are neither trained on nor tested with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from compress.metrics import psnr_db
from compress.metrics.distance import untrained_loss_db
from compress.models.enhance import enhance
from compress.sensitivity.layers import Layer, widened
from compress.sensitivity.records import Wider

if TYPE_CHECKING:
    from compress.data.source import Pair, Picture
    from compress.stage import Progress

_FLOAT_NET = "the float network"


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


@dataclass(frozen=True)
class Loss:
    """What int8 costs each picture, in dB; below zero where it came nearer to the truth."""

    each_db: tuple[float, ...]

    @property
    def mean_db(self) -> float:
        return math.fsum(self.each_db) / len(self.each_db)

    @property
    def worst_db(self) -> float:
        return max(self.each_db)


@dataclass(frozen=True)
class LayerScores:
    """One layer: alone in int8, alone float, and alone with activations of 16 bit where the target has them."""

    layer: Layer
    alone: Scores
    without: Scores
    wide: Scores | None


class Bench:
    """A fake-quant network, its float self and pictures; measures the network with any layers wider than int8.

    What was measured is kept in the file ``log``, so a killed run measures nothing twice. ``planned``: how many
    measurements there will be at most, for the progress. ``untrained``: of each picture the larger of drop and distance
    to the float answer is its loss (``compress.metrics.distance``); else the drop is.
    """

    def __init__(
        self, net: nn.Module, floating: nn.Module, layers: tuple[Layer, ...], pairs: tuple[Pair, ...],
        progress: Progress, log: Path | None = None, planned: int = 0, untrained: bool = False,
    ) -> None:  # fmt: skip
        self._net, self.layers, self._pairs, self._progress = net, layers, pairs, progress
        self._log = log
        self._planned, self._untrained = planned, untrained
        self._known = _read_log(self._log)
        with widened(net, layers, dict.fromkeys((layer.name for layer in layers), "float")):
            self._truth: tuple[Picture, ...] = tuple(enhance(net, dark) for dark, _ in pairs)
        self.floating = self._score(_FLOAT_NET, floating, None)

    def at(self, choices: Mapping[str, Wider]) -> Scores:
        """Scores with every layer in int8 but those of ``choices``; measured once for each."""
        key = ", ".join(f"{name}={choices[name]}" for name in sorted(choices))
        return self._score(key, self._net, choices)

    def lost(self, scores: Scores) -> Loss:
        """What each picture loses against the float network."""
        if not self._untrained:
            return Loss(tuple(there - here for there, here in zip(self.floating.psnr_db, scores.psnr_db, strict=True)))
        figures = zip(self.floating.psnr_db, scores.psnr_db, scores.closeness_db, strict=True)
        return Loss(tuple(untrained_loss_db(*each) for each in figures))

    def in_int8(self, active: Iterable[Layer]) -> Scores:
        """Scores with just ``active`` in int8, the others float."""
        names = {layer.name for layer in active}
        return self.at({layer.name: "float" for layer in self.layers if layer.name not in names})

    def layer(self, layer: Layer, wider: tuple[Wider, ...]) -> LayerScores:
        """The layer by itself, in 16 bit only where ``wider`` has it."""
        wide = self.at({layer.name: "int16"}) if "int16" in wider else None
        return LayerScores(layer, self.in_int8((layer,)), self.at({layer.name: "float"}), wide)

    def _score(self, key: str, net: nn.Module, choices: Mapping[str, Wider] | None) -> Scores:
        if key in self._known:
            return self._known[key]
        done = len(self._known)
        self._progress.update(done, max(self._planned, done + 1), f"{len(choices or ())} layers wider")
        with nullcontext() if choices is None else widened(net, self.layers, choices):
            answers = [enhance(net, dark) for dark, _ in self._pairs]
        scores = Scores(
            tuple(psnr_db(answer, bright) for answer, (_, bright) in zip(answers, self._pairs, strict=True)),
            tuple(psnr_db(answer, truth) for answer, truth in zip(answers, self._truth, strict=True)),
        )
        self._known[key] = scores
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, scores.psnr_db, scores.closeness_db]) + "\n")
        return scores


def _read_log(path: Path | None) -> dict[str, Scores]:
    """What was measured before; a line that a kill cut short is none."""
    found: dict[str, Scores] = {}
    if path is None or not path.exists():
        return found
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    path.write_text(f"{whole}\n" if whole else "", encoding="utf-8")
    for line in whole.splitlines():
        key, psnr, closeness = json.loads(line)
        found[key] = Scores(tuple(psnr), tuple(closeness))
    return found
