"""The first layer whose answer in a build is no longer the reference's.

Both networks get the same picture, and their tensors are compared in the order of computation. All are exposed
in one run; if the difference then goes away, it comes from what the SDK fuses, and they are exposed one at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compress.errors import BuildError
from compress.parity.probe import Point, Probe
from compress.parity.records import Divergence, LayerDifference
from compress.runtimes.interchange import OUTPUT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.parity.probe import Tensors
    from compress.runtimes.base import Batch

WEIGHT_LIMIT_DB = 80.0
"""Signal over difference of weights that count as equal: integers times a float32 scale, off by its last bit (140 dB
measured). That of activations is the probe's own."""

EQUAL_DB = 200.0
"""Stands for tensors without any difference."""


def snr_db(reference: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Power of ``reference`` over that of the difference, in dB, at most EQUAL_DB; -inf for NaN or infinity."""
    import numpy as np

    error = float(np.mean((reference.astype(np.float64) - found) ** 2))
    if not math.isfinite(error):
        return -math.inf
    power = float(np.mean(reference.astype(np.float64) ** 2))
    if error == 0.0:
        return EQUAL_DB
    return min(EQUAL_DB, 10.0 * math.log10(power / error)) if power else -EQUAL_DB


def compare_layers(reference: Probe, suspect: Probe, x: Batch) -> tuple[LayerDifference, ...]:
    """Every tensor that both have, in the reference's order, all exposed in one run of each.

    Raises BuildError when they have none in common, or one of them does not run.
    """
    points = _common(reference, suspect)
    names = [point.name for point in points]
    return _differences(points, reference.run(x, names), suspect.run(x, names), suspect.activation_limit_db)


def first_divergence(reference: Probe, suspect: Probe, x: Batch) -> Divergence:
    """Where ``suspect`` leaves ``reference`` for ``x`` (1, 3, H, W) in [0, 1], with all layers that were compared.

    Raises BuildError as ``compare_layers``.
    """
    layers = compare_layers(reference, suspect, x)
    first = next((layer for layer in layers if _is_off(layer)), None)
    fused = False
    if first is None and _answers_differ(reference, suspect, x):
        first, fused = _one_at_a_time(reference, suspect, x), True
    return Divergence(layers=layers, first=first, only_when_fused=fused and first is not None)


def _common(reference: Probe, suspect: Probe) -> list[Point]:
    there = {point.name for point in suspect.points()}
    points = [point for point in reference.points() if point.name in there]
    if not points:
        raise BuildError("no tensor of the build has a name that the network knows; its layers can't be compared")
    return points


def _differences(
    points: Sequence[Point], truth: Tensors, found: Tensors, activation_limit_db: float
) -> tuple[LayerDifference, ...]:
    rows = []
    for point in points:
        expected, answer = truth[point.name], found[point.name]
        if expected.shape != answer.shape:  # an SDK that moved a layout change across it
            continue
        limit_db = WEIGHT_LIMIT_DB if point.label.endswith(" weight") else activation_limit_db
        snr = snr_db(expected, answer)
        rows.append(LayerDifference(name=point.name, label=point.label, snr_db=_finite(snr), limit_db=limit_db))
    return tuple(rows)


def _finite(snr: float) -> float:
    return round(max(snr, -EQUAL_DB), 2)  # JSON has no infinity


def _is_off(layer: LayerDifference) -> bool:
    return layer.snr_db < layer.limit_db


def _answers_differ(reference: Probe, suspect: Probe, x: Batch) -> bool:
    """Whether the pictures differ when nothing but them is exposed; False where one of them names no output."""
    if any(OUTPUT not in {point.name for point in probe.points()} for probe in (reference, suspect)):
        return False
    return snr_db(reference.run(x, [OUTPUT])[OUTPUT], suspect.run(x, [OUTPUT])[OUTPUT]) < suspect.activation_limit_db


def _one_at_a_time(reference: Probe, suspect: Probe, x: Batch) -> LayerDifference | None:
    """Expose one tensor a run, in order, so that all the rest is fused as in the build."""
    points = _common(reference, suspect)
    truth = reference.run(x, [point.name for point in points])
    for point in points:
        for layer in _differences([point], truth, suspect.run(x, [point.name]), suspect.activation_limit_db):
            if _is_off(layer):
                return layer
    return None


def narrowed(coarse: Divergence, fine: Divergence) -> Divergence:
    """``coarse`` (against torch, which shows layers) with the operator that ``fine`` (against the checked ONNX file,
    which shows every operator) finds before the coarse one's layer, if it does."""
    if coarse.first is None or fine.first is None:
        return coarse
    order = [layer.name for layer in fine.layers]
    known = coarse.first.name in order
    if known and order.index(fine.first.name) < order.index(coarse.first.name):
        return coarse.model_copy(update={"operator": fine.first})
    return coarse
