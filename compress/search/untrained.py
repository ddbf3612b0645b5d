"""A candidate as an INT8 build before any training: its speed and size are those that it will have."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.artefacts import Quantized, net_file
from compress.plan import Plan
from compress.records import Build, BuildList
from compress.schema import ExportSpec, Section, StudentSpec
from compress.stage import Progress
from compress.stages import load_stage

if TYPE_CHECKING:
    from torch import nn

_FRAMES = 2


def untrained(plan: Plan, out: Path) -> tuple[Quantized, int]:
    """The plan's student with random weights, or the user's own as it is brought, narrowed and quantized, in the empty
    folder ``out``; its parameters.

    Channels go by magnitude. A trained network may lose others: where it is pruned it is timed again once trained.
    Raises ConfigError, BuildError and NetworkError for a network that can't be made so.
    """
    import torch

    from compress.models.enhance import padded_for, to_tensor
    from compress.models.quantized import insert_fake_quant, load_fake_quant, read_table, save_fake_quant
    from compress.models.weights import keep_net, load_net
    from compress.runtimes.picture import dark_noise
    from compress.sensitivity.apply import widen

    recipe, target = plan.recipe, plan.target
    torch.manual_seed(recipe.seed)
    _student(recipe.student, out)
    net = load_net(net_file(out))
    if "prune" in plan.stages:
        keep_net(_narrowed(net, plan), out, pruned=True)
        net = load_net(net_file(out))
    frame = padded_for(net, to_tensor(dark_noise(*target.export.size)))
    fake = insert_fake_quant(net, [frame] * _FRAMES, target.scheme, recipe.quantize)
    save_fake_quant(fake, out, "qat")
    if recipe.quantize.int16:
        widen(out, "qat", recipe.quantize.int16)
        fake = load_fake_quant(out, "qat")
    read_table(fake, target.scheme, recipe.quantize.keep_float).write(out / "quantization.json")
    return Quantized(out, "", ""), sum(p.numel() for p in load_net(net_file(out)).parameters())


def without_control(quantized: Quantized, out: Path) -> Quantized:
    """A trained network in the empty folder ``out`` without its PTQ control, which would be exported as well."""
    from compress.models.weights import copy_net

    copy_net(quantized.weights, out)
    for name in ("qat.json", "qat.safetensors", "quantization.json"):
        shutil.copyfile(quantized.folder / name, out / name)
    return Quantized(out, quantized.key, quantized.digest)


def exported(plan: Plan, quantized: Quantized, out: Path, progress: Progress) -> Build:
    """The one build that the target's device runs, into the empty folder ``out``, by the stage that makes all of them.

    Raises what that stage raises, and BuildError where its toolchain makes none.
    """
    from compress.errors import BuildError

    runtime, stage = plan.target.device.runtime, load_stage("export")
    only = plan.target.export.model_copy(update={"builds": (runtime,), "dynamic": False})
    sections: dict[type[Section], Section] = {**plan.sections, ExportSpec: only}
    given: dict[Any, Any] = {**sections, Quantized: quantized, Path: out, Progress: progress}
    stage.function(**{name: given.get(kind) for name, kind in stage.parameters.items()})
    listed = BuildList.read(out / "builds.json")
    found = [build for build in listed.builds if build.ships and build.runtime == runtime]
    if not found:
        why = next((gap.reason for gap in listed.not_built), "none was made")
        raise BuildError(f"no {runtime} build: {why}")
    return found[0]


def _student(spec: StudentSpec, out: Path) -> None:
    if spec.source.network is not None:
        from compress.foreign.brought import bring_in

        bring_in(spec.source, spec.adapter, out)  # the stage would export it as well, and that is what follows here
        return
    from compress.models.student import student_to_train, trained_student
    from compress.models.weights import save_net

    save_net(trained_student(student_to_train(spec).eval()).eval(), out / "net.safetensors")


def _narrowed(net: nn.Module, plan: Plan) -> nn.Module:
    from compress.foreign.adapted import own_names
    from compress.models.pruning import count_macs, prune_until
    from compress.runtimes.picture import padded_size
    from compress.stages.prune import enough_of

    spec = plan.recipe.prune
    size = padded_size(*plan.target.export.size, int(net.size_multiple))  # type: ignore[arg-type]
    enough = enough_of(spec, count_macs(net, *size), size)
    multiple = plan.target.channels.multiple
    return prune_until(net, enough, lambda _: None, "magnitude", multiple, own_names(net, spec.keep), size).net
