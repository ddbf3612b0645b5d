"""Stage ``sensitivity``: what int8 costs each layer, and the layers made wider so that the drop budget holds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.artefacts import Labels, Promoted, Quantized
from compress.errors import DataError
from compress.records import QuantizationTable
from compress.schema import DataSpec, LayerTiming, Promotion, Scheme, SensitivitySpec
from compress.sensitivity.records import LayerCost, PromotionPoint
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from compress.data.source import Pair
    from compress.sensitivity.cost import Machine
    from compress.sensitivity.layers import Layer
    from compress.sensitivity.measure import Bench
    from compress.sensitivity.promote import Choices


@stage(gives=Promoted, version=3, environment=("torch", "nncf", "openvino"))
def sensitivity(
    quantized: Quantized, sensitivity: SensitivitySpec, promotion: Promotion, scheme: Scheme, data: DataSpec,
    timing: LayerTiming, out: Path, scratch: Path, progress: Progress, labels: Labels | None = None,
) -> None:  # fmt: skip
    """Write the network again, promoted layers in 16 bit or float, ``sensitivity.json`` and ``sensitivity.svg``.

    Measured on validation pictures, never on the test split: what is chosen here is tested later. Trained scales
    stay as they are; to train anew around the float layers, add them to ``quantize.keep_float``.

    Raises DataError for a set without validation pictures.
    """
    from compress.data.labelled import definition_of
    from compress.models.quantized import load_fake_quant, read_table
    from compress.models.weights import load_net
    from compress.report.sensitivity import lines
    from compress.sensitivity.apply import copy_with
    from compress.sensitivity.choose import all_candidates, breaks, choose, make_report
    from compress.sensitivity.curve import promotion_curve
    from compress.sensitivity.layers import quantized_layers, quantizer_bits
    from compress.sensitivity.plot import sensitivity_svg
    from compress.sensitivity.promote import wider_precisions

    names, pairs, digest = _pictures(data, sensitivity.max_images, labels)
    net, floating = load_fake_quant(quantized.folder, "qat"), load_net(quantized.weights).eval()
    layers = quantized_layers(net)
    wider = wider_precisions(promotion)
    promotes = bool(wider) and sensitivity.promote
    bench, ranking, ranked = _benches(net, floating, names, pairs, sensitivity, promotion, progress, scratch)
    studied = layers if ranking is not None else ()
    ranking = ranking or bench
    scores = tuple(ranking.layer(layer, wider) for layer in studied)
    machine = _machine(promotion, timing, floating)
    costs = _costs(quantized, floating, tuple(layer.name for layer in studied), machine)
    chosen = choose(bench, ranking, scores, costs, promotion) if promotes else {}
    whole = _Whole(quantized, floating, layers, machine)
    curve: tuple[PromotionPoint, ...] = ()
    if promotes and breaks(bench, promotion):
        candidates = all_candidates(bench, ranking, scores, costs, promotion)
        curve = promotion_curve(bench, candidates, costs, chosen, whole.latencies_ms)
    report = make_report(bench, ranking, scores, costs, chosen, promotion).model_copy(
        update={
            "data_kind": data.kind, "data_digest": digest, "images": names, "curve": curve,
            "float_latency_ms": whole.float_ms, "ranked_images": ranked,
        }
    )  # fmt: skip
    if labels is not None:
        report = report.model_copy(update={"definition": definition_of(labels)})
    for line in lines(report):
        progress.say(line)
    report.write(out / "sensitivity.json")
    (out / "sensitivity.svg").write_text(sensitivity_svg(report), encoding="utf-8")
    copy_with(quantized.folder, quantizer_bits(layers, chosen), out)
    if chosen:
        floats = (row.layer for row in report.rows if row.promoted_to == "float")
        kept = (*QuantizationTable.read(quantized.table).kept_float, *floats)
        read_table(load_fake_quant(out, "qat"), scheme, kept).write(out / "quantization.json")
    else:
        shutil.copyfile(quantized.table, out / "quantization.json")


def _pictures(data: DataSpec, limit: int, labels: Labels | None) -> tuple[tuple[str, ...], tuple[Pair, ...], str]:
    """Names and pictures spread over the validation split, and the digest of the set."""
    from compress.data.source import data_digest, open_data, spread

    source = open_data(data, "val", labels)
    if not len(source):
        raise DataError("the set has no validation pictures to measure sensitivity on; set data.val_fraction above 0")
    chosen = spread(len(source), limit)
    names = tuple(source.names[index] for index in chosen)
    return names, tuple(source.pair(index) for index in chosen), data_digest(data)


def _benches(
    net: Any, floating: Any, names: tuple[str, ...], pairs: tuple[Pair, ...], spec: SensitivitySpec,
    promotion: Promotion, progress: Progress, scratch: Path,
) -> tuple[Bench, Bench | None, tuple[str, ...]]:  # fmt: skip
    """One for what is chosen, one for the single layers, and the names of its pictures where they are fewer.

    They are those that int8 harms most: on others it can't be seen which layer does it. None where single layers need
    not be looked at.
    """
    from compress.sensitivity.choose import breaks
    from compress.sensitivity.layers import quantized_layers
    from compress.sensitivity.measure import Bench
    from compress.sensitivity.promote import MAX_TRIES, wider_precisions

    layers, wider = quantized_layers(net), wider_precisions(promotion)
    tries = 3 + (MAX_TRIES if spec.promote and wider else 0)
    singles = len(layers) * (3 if "int16" in wider else 2)
    fewer = spec.ranked_images is not None and spec.ranked_images < len(pairs)
    planned, untrained = tries + (0 if fewer else singles), promotion.untrained
    bench = Bench(net, floating, layers, pairs, progress, scratch / "scores.jsonl", planned, untrained)
    if not spec.always and not breaks(bench, promotion):
        return bench, None, ()
    if not fewer:
        return bench, bench, ()
    lost = bench.lost(bench.at({})).each_db
    places = sorted(range(len(pairs)), key=lambda place: -lost[place])[: spec.ranked_images]
    some = tuple(pairs[place] for place in places)
    ranking = Bench(net, floating, layers, some, progress, scratch / "ranked.jsonl", singles + 3, untrained)
    return bench, ranking, tuple(names[place] for place in places)


def _machine(promotion: Promotion, timing: LayerTiming, floating: Any) -> Machine:
    from compress.runtimes.picture import padded_size
    from compress.sensitivity.cost import Machine

    return Machine(
        timing.runtime, timing.local, timing.threads, timing.float_precision,
        padded_size(*promotion.size, int(floating.size_multiple)), promotion.int16_slowdown, promotion.float_slowdown,
    )  # fmt: skip


def _costs(quantized: Quantized, floating: Any, names: Sequence[str], machine: Machine) -> dict[str, LayerCost]:
    from compress.models.quantized import load_fake_quant, strip
    from compress.sensitivity.cost import layer_costs

    if not names:
        return {}
    int8 = strip(load_fake_quant(quantized.folder, "qat"), *machine.size)
    return layer_costs(int8, floating, names, machine)


class _Whole:
    """Times whole networks with layers promoted, where the device is this machine."""

    def __init__(self, quantized: Quantized, floating: Any, layers: tuple[Layer, ...], machine: Machine) -> None:
        self._quantized, self._floating, self._layers, self._machine = quantized, floating, layers, machine
        self.float_ms: float | None = None

    def latencies_ms(self, sets: Sequence[Choices]) -> list[float | None]:
        from compress.sensitivity.whole import can_time, whole_latencies_ms

        if not can_time(self._machine):
            return [None] * len(sets)
        timed = [choices for choices in sets if not self._is_float(choices)]
        self.float_ms, *found = whole_latencies_ms([self._floating, *map(self._net, timed)], self._machine)
        rest = iter(found)
        return [self.float_ms if self._is_float(choices) else next(rest) for choices in sets]

    def _is_float(self, choices: Choices) -> bool:
        return len(choices) == len(self._layers) and set(choices.values()) == {"float"}

    def _net(self, choices: Choices) -> Any:
        from compress.models.quantized import load_fake_quant, strip
        from compress.sensitivity.apply import copy_with
        from compress.sensitivity.layers import quantizer_bits

        with tempfile.TemporaryDirectory() as text:
            copy_with(self._quantized.folder, quantizer_bits(self._layers, choices), Path(text))
            return strip(load_fake_quant(Path(text), "qat"), *self._machine.size)
