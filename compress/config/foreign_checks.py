"""What a plan says of a network from outside, checked before any work; nothing of the network is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compress.errors import WeightsError
from compress.foreign.kinds import kind_of, split_callable
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
    for name in teacher.adapter.unsaid():
        yield f"teacher.adapter.{name}: has to be said of a network from outside; it is not guessed"
    yield from (f"teacher.adapter.{line}" for line in teacher.adapter.contradictions())
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
