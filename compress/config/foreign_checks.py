"""What a plan says of a network from outside, checked before any work; nothing of the network is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compress.errors import WeightsError
from compress.foreign.kinds import Kind, kind_of, split_callable
from compress.plan import Plan
from compress.schema import AdapterSpec, Recipe, SourceSpec


def teacher_problems(recipe: Recipe) -> Iterator[str]:
    """A line for each thing that the recipe lacks or contradicts itself in about its teacher."""
    teacher = recipe.teacher
    if teacher.source.network is None:
        yield from _left_over("teacher", teacher.source, teacher.adapter)
        return
    if teacher.network is not None:
        yield "teacher.network: is of our own networks; leave it out beside teacher.source"
    if teacher.weights != type(teacher)().weights:
        yield "teacher.weights: is of our own networks; leave it out, and give teacher.source.weights"
    yield from _source("teacher.source", teacher.source)
    yield from _adapter("teacher", teacher.adapter)
    yield from _asks(recipe)


def student_problems(plan: Plan) -> Iterator[str]:
    """A line for each thing that the plan lacks or contradicts itself in about a student that is brought."""
    student, stages = plan.recipe.student, plan.stages
    if student.source.network is None:
        yield from _left_over("student", student.source, student.adapter)
        if "student" in stages:
            yield "student.source.network: stage 'student' takes in a network of yours; give it, and student.adapter"
        return
    trainers = [name for name in ("distill", "control") if name in stages]
    if trainers:
        yield (
            f"student.source: stage '{trainers[0]}' trains a network of ours; use recipe=adopt or recipe=ptq (stage "
            "'student' in its place), or give yours as teacher.source and distil it"
        )
    elif "student" not in stages:
        yield "student.source: no stage takes it in; list 'student' in stages before prune or quantize"
    for name in sorted(key for key in plan.origins if key in _OURS):
        yield f"{name}: is of our own networks; leave it out beside student.source"
    yield from _source("student.source", student.source)
    yield from _adapter("student", student.adapter)
    if student.adapter.tile is not None:
        yield (
            "student.adapter.tile: a student is built as one graph, not in tiles; leave it out, and set "
            "target.export.size to a size that it takes (the bundle's runner tiles larger pictures)"
        )
    if kind_or_none(student.source) == "torchscript":
        yield (
            "student.source.network: a TorchScript archive's layers can't be quantized; give module:callable and its "
            "weights, a .pt2 or a .onnx file, or distil it as teacher.source"
        )
    if "prune" in stages and kind_or_none(student.source) in ("onnx", "pt2"):
        yield (
            "stages: 'prune' takes channels out of layers that the author wrote, which a .onnx or .pt2 file has no "
            "more; use recipe=ptq, leave prune out, or give module:callable"
        )
    if "teacher" not in stages:
        yield from _asks(plan.recipe)


_OURS = {f"student.{name}" for name in ("network", "width", "depth", "light_width", "iterations", "reparameterize")}


def kind_or_none(source: SourceSpec) -> Kind | None:
    """None where it is said elsewhere that there is no such kind."""
    try:
        return kind_of(source.network or "")
    except WeightsError:
        return None


def _adapter(key: str, adapter: AdapterSpec) -> Iterator[str]:
    for name in adapter.unsaid():
        yield f"{key}.adapter.{name}: has to be said of a network from outside; it is not guessed"
    yield from (f"{key}.adapter.{line}" for line in adapter.contradictions())


def _asks(recipe: Recipe) -> Iterator[str]:
    from compress.foreign.asking import shrunken_asks

    for stage, train in (("distill", recipe.distill.train), ("prune", recipe.prune.train),
                         ("quantize", recipe.quantize.train)):  # fmt: skip
        if stage in recipe.stages:
            yield from (f"{stage}.train.{line}" for line in shrunken_asks(train))


def _left_over(key: str, source: SourceSpec, adapter: AdapterSpec) -> Iterator[str]:
    if source != SourceSpec():
        yield f"{key}.source.network: is not said, though other things of {key}.source are"
    if adapter != AdapterSpec():
        yield f"{key}.adapter: our own networks need none; leave it out, or give {key}.source.network"


def _source(key: str, source: SourceSpec) -> Iterator[str]:
    network = source.network or ""
    try:
        kind = kind_of(network)
    except WeightsError as error:
        yield f"{key}.network: {error}"
        return
    place = split_callable(network)[0] if kind == "module" else network
    if (kind != "module" or place.endswith(".py")) and not Path(place).expanduser().is_file():
        yield f"{key}.network: no file '{place}'"
    if kind == "module" and source.weights is None:
        yield f"{key}.weights: module:callable has none; give a .safetensors file, a saved state dict or a hub's folder"
    elif kind == "module" and not Path(source.weights or "").expanduser().exists():
        yield f"{key}.weights: nothing at '{source.weights}'"
    if kind != "module" and (source.weights or source.entry or source.prefix):
        yield f"{key}: weights, entry and prefix are of module:callable; leave them out"
    if kind == "torchscript" and source.trust is None:
        from compress.foreign.torchscript_file import WHY

        yield f"{key}.trust: {WHY}"
