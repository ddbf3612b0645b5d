"""Stage ``sensitivity``: what int8 costs each layer, and the layers left float so that the drop budget holds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Quantized
from compress.errors import DataError
from compress.records import LayerCost, QuantizationTable, SensitivityReport, SensitivityRow
from compress.schema import DataSpec, LayerTiming, Promotion, Scheme, SensitivitySpec
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from compress.data.source import Pair
    from compress.sensitivity.measure import Bench, LayerScores, Scores

_DECIMALS = 6


@stage(gives=Quantized, version=1, environment=("torch", "nncf", "openvino"))
def sensitivity(
    quantized: Quantized, sensitivity: SensitivitySpec, promotion: Promotion, scheme: Scheme, data: DataSpec,
    timing: LayerTiming, out: Path, progress: Progress,
) -> None:  # fmt: skip
    """Write the network again, without the quantizers of promoted layers, ``sensitivity.json`` and ``sensitivity.svg``.

    Measured on validation pictures, never on the test split: what is chosen here is tested later. Trained scales
    stay as they are; to train anew around the float layers, add them to ``quantize.keep_float``.

    Raises DataError for a set without validation pictures.
    """
    from compress.models.quantized import load_fake_quant, read_table
    from compress.models.weights import load_net
    from compress.sensitivity.apply import copy_without, dropped_quantizers
    from compress.sensitivity.layers import quantized_layers
    from compress.sensitivity.measure import Bench
    from compress.sensitivity.plot import sensitivity_svg

    names, pairs, digest = _pictures(data, sensitivity.max_images)
    net, floating = load_fake_quant(quantized.folder, "qat"), load_net(quantized.weights).eval()
    layers = quantized_layers(net)
    bench = Bench(net, floating, layers, pairs, progress)
    scores = tuple(bench.layer(layer) for layer in layers)
    costs = _costs(quantized, tuple(layer.name for layer in layers), promotion, timing)
    promoted = _chosen(bench, scores, costs, sensitivity, promotion)
    report = _report(bench, scores, costs, promoted, promotion).model_copy(
        update={"data_kind": data.kind, "data_digest": digest, "images": names}
    )
    _tell(report, promotion, progress)
    report.write(out / "sensitivity.json")
    (out / "sensitivity.svg").write_text(sensitivity_svg(report), encoding="utf-8")
    copy_without(quantized.folder, dropped_quantizers(layers, promoted), out)
    if promoted:
        kept = (*QuantizationTable.read(quantized.table).kept_float, *promoted)
        read_table(load_fake_quant(out, "qat"), scheme, kept).write(out / "quantization.json")
    else:
        shutil.copyfile(quantized.table, out / "quantization.json")


def _pictures(data: DataSpec, limit: int) -> tuple[tuple[str, ...], tuple[Pair, ...], str]:
    """Names and pictures spread over the validation split, and the digest of the set."""
    from compress.data.source import data_digest, open_data

    source = open_data(data, "val")
    if not len(source):
        raise DataError("the set has no validation pictures to measure sensitivity on; set data.val_fraction above 0")
    count = min(limit, len(source))
    chosen = [place * len(source) // count for place in range(count)]
    names = tuple(source.names[index] for index in chosen)
    return names, tuple(source.pair(index) for index in chosen), data_digest(data)


def _costs(
    quantized: Quantized, names: tuple[str, ...], promotion: Promotion, timing: LayerTiming
) -> dict[str, LayerCost]:
    from compress.models.quantized import load_fake_quant, strip
    from compress.models.weights import load_net
    from compress.runtimes.picture import padded_size
    from compress.sensitivity.cost import Machine, layer_costs

    floating = load_net(quantized.weights).eval()
    size = padded_size(*promotion.size, int(floating.size_multiple))  # type: ignore[arg-type]
    int8 = strip(load_fake_quant(quantized.folder, "qat"), *size)
    machine = Machine(timing.runtime, timing.local, timing.threads, timing.float_precision, size)
    return layer_costs(int8, floating, names, machine)


def _chosen(
    bench: Bench, scores: tuple[LayerScores, ...], costs: dict[str, LayerCost], spec: SensitivitySpec,
    promotion: Promotion,
) -> tuple[str, ...]:  # fmt: skip
    """Layers to leave float, in the order in which they run. None where the budget holds, or nothing may be promoted.

    Where not even all layers are enough, those are promoted that alone bring something: as good as it gets.
    """
    from compress.sensitivity.promote import Candidate, cheapest

    def holds(names: frozenset[str]) -> bool:
        return _holds(bench.all_but(names), bench.floating, promotion)

    if not (spec.promote and promotion.float_layers) or holds(frozenset()):
        return ()
    everything = bench.all_but(())
    candidates = [
        Candidate(each.layer.name, everything.drop_db(each.without), costs[each.layer.name].of_promotion)
        for each in scores
    ]
    deficit_db = everything.drop_db(bench.floating) - (promotion.max_int8_drop_db or 0.0)
    names = cheapest(candidates, deficit_db, holds)
    if names is None:
        names = frozenset(each.name for each in candidates if each.gain_db > 0)
    return tuple(each.layer.name for each in scores if each.layer.name in names)


def _holds(scores: Scores, floating: Scores, promotion: Promotion) -> bool:
    mean, worst = promotion.max_int8_drop_db, promotion.max_worst_drop_db
    return (mean is None or scores.drop_db(floating) <= mean) and (
        worst is None or scores.worst_drop_db(floating) <= worst
    )


def _report(
    bench: Bench, scores: tuple[LayerScores, ...], costs: dict[str, LayerCost], promoted: tuple[str, ...],
    promotion: Promotion,
) -> SensitivityReport:  # fmt: skip
    from compress.metrics import DEFINITION

    base, everything, after = bench.in_int8(()), bench.all_but(()), bench.all_but(promoted)
    rows = [_row(each, base, everything, costs[each.layer.name], each.layer.name in promoted) for each in scores]
    first = next(iter(costs.values()))
    return SensitivityReport(
        definition=DEFINITION, data_kind="", data_digest="", split="val", images=(),
        float_psnr_db=_rounded(bench.floating.mean_db), drop_db=_rounded(everything.drop_db(bench.floating)),
        worst_drop_db=_rounded(everything.worst_drop_db(bench.floating)), limit_db=promotion.max_int8_drop_db,
        worst_limit_db=promotion.max_worst_drop_db, promoted=promoted,
        rows=tuple(sorted(rows, key=lambda row: (-row.cost_alone_db, row.closeness_db))),
        drop_after_db=_rounded(after.drop_db(bench.floating)),
        worst_drop_after_db=_rounded(after.worst_drop_db(bench.floating)),
        cost_of_promotion=round(sum(costs[name].of_promotion for name in promoted), 4),
        cost_unit=first.unit, cost_origin=first.origin, holds=_holds(after, bench.floating, promotion),
    )  # fmt: skip


def _row(each: LayerScores, base: Scores, everything: Scores, cost: LayerCost, promoted: bool) -> SensitivityRow:
    return SensitivityRow(
        layer=each.layer.name, quantizers=each.layer.quantizers, cost_alone_db=_rounded(each.alone.drop_db(base)),
        worst_alone_db=_rounded(each.alone.worst_drop_db(base)),
        gain_if_float_db=_rounded(everything.drop_db(each.without)),
        gain_if_16bit_db=_rounded(everything.drop_db(each.wide)),
        closeness_db=_rounded(each.alone.mean_closeness_db), cost=cost, promoted=promoted,
    )  # fmt: skip


def _rounded(value: float) -> float:
    return round(value, _DECIMALS) + 0.0


def _tell(report: SensitivityReport, promotion: Promotion, progress: Progress) -> None:
    from compress.sensitivity.table import lines

    for line in lines(report):
        progress.say(line)
    if not report.holds and not promotion.float_layers:
        progress.say("the target runs no single layers in float; widen the student or raise the budget")
