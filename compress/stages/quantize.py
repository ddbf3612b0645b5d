"""Quantization: ranges from pictures, then training under the teacher with the untrained state as its control."""

from __future__ import annotations

import shutil
from pathlib import Path

from compress.artefacts import FloatNet, Labels, Quantized, Teacher, net_file
from compress.kept import kept_folder
from compress.schema import DataSpec, DistillSpec, QuantizeSpec, Scheme, Seed
from compress.stage import Progress, stage


@stage(gives=Quantized, version=3, environment=("torch", "nncf"))
def quantize(
    net: FloatNet, teacher: Teacher | None, quantize: QuantizeSpec, distill: DistillSpec, scheme: Scheme,
    data: DataSpec, seed: Seed, out: Path, scratch: Path, progress: Progress, labels: Labels | None = None,
) -> None:  # fmt: skip
    """Writes the files that ``Quantized`` lists.

    The first ranges come from training pictures (min-max); the same state, untrained, is kept as the
    PTQ control. Distillation goes on with the recipe's own weights, without feature hints: hints on
    fake-quant features teach the quantizer noise. ``own_weight`` keeps the picture that of the float network
    (ADR 0036). Without a teacher, the float network is one. Without phases nothing is trained, and what came out first
    is what ships.

    Raises BuildError for a scheme that can't be trained.
    """
    import torch

    from compress.data.source import open_source, spread
    from compress.models.enhance import padded_for, to_tensor
    from compress.models.quantized import insert_fake_quant, load_fake_quant, read_table, save_fake_quant
    from compress.models.weights import copy_net, load_net
    from compress.sensitivity.apply import widen
    from compress.training.under_teacher import Before, train_under

    torch.manual_seed(seed.seed)
    ready = scratch / "ptq"
    if not ready.exists():
        source = open_source(data, "train", labels)
        chosen = spread(len(source), quantize.calibration_images)
        floating = load_net(net.weights)
        frames = [padded_for(floating, to_tensor(source.pair(i)[0])) for i in chosen]
        progress.say(f"calibrates on {len(frames)} training pictures")
        first = insert_fake_quant(floating, frames, scheme, quantize)
        with kept_folder(ready) as part:
            copy_net(net.weights, part)
            save_fake_quant(first, part, "ptq")
            widen(part, "ptq", quantize.int16)
    copy_net(net_file(ready), out)
    if not quantize.train.phases:
        for kind in ("safetensors", "json"):
            shutil.copyfile(ready / f"ptq.{kind}", out / f"qat.{kind}")
        read_table(load_fake_quant(out, "qat"), scheme, quantize.keep_float).write(out / "quantization.json")
        return
    fake = load_fake_quant(ready, "ptq")
    train_under(
        (teacher or net).weights, fake, distill.model_copy(update={"hints": ()}), quantize.train, data, seed.seed,
        out, scratch, progress, labels, Before(net.weights, quantize.own_weight),
    )  # fmt: skip
    for name in ("ptq.safetensors", "ptq.json"):
        shutil.copyfile(ready / name, out / name)
    save_fake_quant(fake, out, "qat")
    read_table(load_fake_quant(out, "qat"), scheme, quantize.keep_float).write(out / "quantization.json")
