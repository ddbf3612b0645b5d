"""What int8 costs each layer, and what making layers wider costs and gains."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from compress.records import Origin, Record, without_empty

Wider = Literal["int16", "float"]
"""Precisions beyond int8. int16: 16-bit activations into the layer, its weights stay int8."""


class LayerCost(Record):
    """What a layer costs in each precision: milliseconds if measured, else an estimate in units of a million int8 MACs.

    ``int16``: None where 16-bit layers can't be timed.
    """

    int8: float
    int16: float | None = None
    floating: float
    unit: Literal["ms", "MMAC"]
    origin: Origin

    def of(self, precision: Wider) -> float | None:
        """What ``precision`` adds to the time in int8; never below zero, for a profile is noisy."""
        wider = self.floating if precision == "float" else self.int16
        return None if wider is None else max(0.0, wider - self.int8)


class SensitivityRow(Record):
    """What int8 does to one layer, in dB of mean PSNR as the report's drops are; positive: int8 is worse.

    ``cost_alone_db``: this layer alone in int8, the others float. ``gain_if_float_db``: all in int8 but this one;
    ``gain_if_16bit_db``: the same with its activations in 16 bit, None where the target has no such layers.
    ``closeness_db``: PSNR of the picture with this layer alone in int8 against the float one's.
    """

    layer: str
    quantizers: tuple[str, ...]
    cost_alone_db: float
    worst_alone_db: float
    gain_if_float_db: float
    gain_if_16bit_db: float | None
    closeness_db: float
    cost: LayerCost
    promoted_to: Wider | None = None

    @property
    def promotion_gain_db(self) -> float | None:
        """What its promotion brings if it is the only one."""
        return {"float": self.gain_if_float_db, "int16": self.gain_if_16bit_db, None: None}[self.promoted_to]

    @property
    def promotion_cost(self) -> float | None:
        """What its promotion adds, in the unit of ``cost``."""
        return None if self.promoted_to is None else self.cost.of(self.promoted_to)


class PromotionPoint(Record):
    """So many layers promoted: what int8 costs then, and what all layers take, in the report's unit.

    ``latency_ms``: median of the whole network as a build on this machine, None where it can't be timed here.
    ``chosen``: it is what was promoted.
    """

    promoted: int
    cost: float
    drop_db: float
    worst_drop_db: float
    latency_ms: float | None = None
    chosen: bool = False


class SensitivityReport(Record):
    """``sensitivity.json``: rows by falling cost. Drops are the float network's PSNR minus the fake-quant one's.

    ``limit_db`` / ``worst_limit_db``: the target's budget for mean and worst image, None where none is set.
    ``wider``: the precisions beyond int8 that the target has. ``curve``: where int8 alone breaks the budget, quality
    against time as layers are promoted, by rising cost, with the whole float network's ``float_latency_ms`` beside it.
    ``closeness_db``: mean PSNR of the picture against the float one's, with all in int8 and after promotion.
    ``ranked_images``: those of ``images`` that the rows were measured on; empty: all. ``untrained``: a drop is, of each
    picture, the larger of it and the distance to the float answer (``compress.metrics.distance``).
    """

    definition: str
    data_kind: str
    data_digest: str
    split: str
    images: tuple[str, ...]
    float_psnr_db: float
    drop_db: float
    worst_drop_db: float
    limit_db: float | None
    worst_limit_db: float | None
    rows: tuple[SensitivityRow, ...]
    wider: tuple[Wider, ...]
    promoted: tuple[str, ...]
    drop_after_db: float
    worst_drop_after_db: float
    cost_of_promotion: float
    cost_unit: Literal["ms", "MMAC"]
    cost_origin: Origin
    holds: bool
    curve: tuple[PromotionPoint, ...] = ()
    float_latency_ms: float | None = None
    closeness_db: float | None = None
    closeness_after_db: float | None = None
    ranked_images: tuple[str, ...] = ()
    untrained: bool = False

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "untrained")

    @property
    def whole_speedup(self) -> float | None:
        """Of the whole network over its float self, timed on this machine; None where that was not."""
        times = [point.latency_ms for point in self.curve if point.chosen and point.latency_ms]
        return self.float_latency_ms / times[0] if times and self.float_latency_ms else None

    @property
    def speedup(self) -> float | None:
        """What all layers take in float over what they take now, by their own times; None where none takes any."""
        spent = sum(row.cost.int8 + (row.promotion_cost or 0.0) for row in self.rows)
        return sum(row.cost.floating for row in self.rows) / spent if spent > 0 else None

    @property
    def of_fidelity(self) -> str:
        """The fidelity that decibels are of, for lack of a ground truth; empty where there is one."""
        return self.definition.partition(":")[0] if self.definition.startswith("fidelity") else ""
