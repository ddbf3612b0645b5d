"""Stage ``sensitivity``: what int8 costs each layer, and the layers made wider so that the drop budget holds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Labels, Promoted, Quantized
from compress.errors import DataError
from compress.records import QuantizationTable
from compress.schema import DataSpec, LayerTiming, Promotion, Scheme, SensitivitySpec
from compress.sensitivity.records import LayerCost, PromotionPoint
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from compress.data.source import Pair


@stage(gives=Promoted, version=2, environment=("torch", "nncf", "openvino"))
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
    from compress.sensitivity.measure import Bench
    from compress.sensitivity.plot import sensitivity_svg
    from compress.sensitivity.promote import MAX_TRIES, wider_precisions

    names, pairs, digest = _pictures(data, sensitivity.max_images, labels)
    net, floating = load_fake_quant(quantized.folder, "qat"), load_net(quantized.weights).eval()
    layers = quantized_layers(net)
    wider = wider_precisions(promotion)
    planned = len(layers) * (3 if "int16" in wider else 2) + 3 + (MAX_TRIES if sensitivity.promote and wider else 0)
    bench = Bench(net, floating, layers, pairs, progress, scratch, planned)
    scores = tuple(bench.layer(layer, wider) for layer in layers)
    costs = _costs(quantized, tuple(layer.name for layer in layers), promotion, timing)
    chosen = choose(bench, scores, costs, promotion) if sensitivity.promote else {}
    curve: tuple[PromotionPoint, ...] = ()
    if wider and sensitivity.promote and breaks(bench, promotion):
        curve = promotion_curve(bench, all_candidates(bench, scores, costs, promotion), costs, chosen)
    report = make_report(bench, scores, costs, chosen, promotion).model_copy(
        update={"data_kind": data.kind, "data_digest": digest, "images": names, "curve": curve}
    )
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


def _costs(
    quantized: Quantized, names: Sequence[str], promotion: Promotion, timing: LayerTiming
) -> dict[str, LayerCost]:
    from compress.models.quantized import load_fake_quant, strip
    from compress.models.weights import load_net
    from compress.runtimes.picture import padded_size
    from compress.sensitivity.cost import Machine, layer_costs

    floating = load_net(quantized.weights).eval()
    size = padded_size(*promotion.size, int(floating.size_multiple))  # type: ignore[arg-type]
    int8 = strip(load_fake_quant(quantized.folder, "qat"), *size)
    machine = Machine(
        timing.runtime, timing.local, timing.threads, timing.float_precision, size, promotion.int16_slowdown,
        promotion.float_slowdown,
    )  # fmt: skip
    return layer_costs(int8, floating, names, machine)
