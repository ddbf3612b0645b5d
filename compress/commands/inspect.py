"""``compress inspect``: what a network is made of, what each target lacks, and the recipe lines to use it."""

from __future__ import annotations

import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_PASS, ConfigError, WeightsError
from compress.inspection.conventions import lines_of
from compress.models import NETWORKS

if TYPE_CHECKING:
    from compress.inspection.facts import Facts, LayerFact
    from compress.operators import OperatorLimit
    from compress.schema import SourceSpec

SIZE = (400, 600)
_AS_OPTIONS = {
    "source.trust=torchscript": "--trust torchscript", "source.network=": "", "source.network: ": "",
    "source.weights": "--weights", "source.entry": "--entry", "source.prefix": "--prefix",
}  # fmt: skip
_HINTS = (
    "for hint: {teacher: NAME, student: NAME}; of one that runs several times its last answer; those with - feed none"
)
_USES = {
    "teacher": "as a teacher of one of our students",
    "student": "as the student, to be trained",
    "ptq": "with recipe=ptq, quantized as it is",
    "adopt": "with recipe=adopt, pruned and trained on in INT8",
}


def inspect(
    source: SourceSpec, size: tuple[int, int] | None, layers: bool, targets: tuple[str, ...], as_json: bool
) -> int:
    """Print the facts; what could not be found out is a warning.

    Raises WeightsError and NetworkRefused for what a run would not open, ConfigError for an unknown target.
    """
    limits = _limits(targets)
    network = source.network or ""
    if ":" not in network and network not in NETWORKS and not Path(network).expanduser().exists():
        from compress.foreign.kinds import FORMS

        ours = "a .safetensors file or the name of a network of ours"
        raise WeightsError(f"{network}: no such file; give {FORMS}, {ours}")
    from compress.inspection.inspect import inspect_network

    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings():  # what the author's code prints is no JSON
            warnings.simplefilter("ignore")
            found = inspect_network(source, size or SIZE, limits, layers)
    except WeightsError as error:
        raise type(error)(_as_options(str(error))) from None
    click.echo(found.text(), nl=False) if as_json else _print(found)
    return EXIT_PASS


def _as_options(message: str) -> str:
    """Keys of a recipe as the options that they are here."""
    for key, option in _AS_OPTIONS.items():
        message = message.replace(key, option)
    return message


def _limits(names: tuple[str, ...]) -> dict[str, tuple[OperatorLimit, ...]]:
    from compress.config.load import load_target
    from compress.config.names import listing, unknown_name

    known = listing("targets")
    unknown = tuple(unknown_name("targets", name, known) for name in names if name not in known)
    if unknown:
        raise ConfigError(unknown)
    return {name: load_target(known[name]).export.lacking for name in names or known}


def _print(found: Facts) -> None:
    for border in found.inputs:
        click.echo(f"input       {border.name} {_shape(border.shape)}")
    for border in found.outputs:
        picture = "  has the picture's shape" if border.name in found.pictures else ""
        click.echo(f"output      {border.name} {_shape(border.shape)}{picture}")
    click.echo(f"sizes       {_sizes(found)}")
    macs = "unknown" if found.macs is None else f"{found.macs:,}"
    click.echo(f"parameters  {found.parameters:,}\nMACs        {macs} for {found.size[0]}x{found.size[1]}")
    for line in lines_of(found.conventions) if found.conventions else ():
        click.echo(f"counted as  {line}")
    if found.operators:
        click.echo("operators   " + ", ".join(f"{name} {count}" for name, count in found.operators.items()))
    for lack in found.lacking:
        click.echo(f"{lack.target}: {lack.operator} x{lack.count} {lack.outcome}: {lack.problem}")
    if found.int8_estimate:
        click.echo("where INT8 may hurt (an estimate by rules; sensitivity.run=true measures it):")
    for hurt in found.int8_estimate:
        click.echo(f"  {hurt.operator} x{hurt.count}: {hurt.reason}")
    _print_layers(found)
    _print_uses(found)


def _print_layers(found: Facts) -> None:
    from compress.foreign.taken import CLOSED

    if not found.layers:
        return
    listened = any(layer.hint for layer in found.layers)
    why = next((line for kind, line in CLOSED.items() if kind == found.kind), "none gives (N, C, h, w)")
    click.echo(f"layers ({_HINTS if listened else f'no hint can be fed from them: {why}'}):")
    for layer in found.layers:
        click.echo(f"  {_layer(layer, listened)}")


def _print_uses(found: Facts) -> None:
    if found.graph_problem:
        click.echo(f"warning     operators, what targets lack and INT8 are not known: {found.graph_problem}")
    for line in found.warnings:
        click.echo(f"warning     {line}")
    click.echo("in a recipe (FILL_IN: what its author knows and can't be measured):")
    for lines in dict.fromkeys(way.lines for way in found.ways if way.lines):
        for way in found.ways:
            if way.lines == lines:
                click.echo(f"# {_USES[way.use]}")
        for line in lines:
            click.echo(line)
    for way in found.ways:
        if way.problem:
            why = "see the warning" if way.problem == found.graph_problem else way.problem
            click.echo(f"# not {_USES[way.use]}: {why}")


def _sizes(found: Facts) -> str:
    if found.fixed_size is not None:
        return f"{found.fixed_size[0]}x{found.fixed_size[1]} only"
    if found.kind == "ours":
        return f"multiples of {found.size_multiple}"
    from compress.inspection.ways import tried

    said = tried(found.size_multiple, found.multiples_failed)
    return f"multiples of {found.size_multiple} ({said})" if found.size_multiple else said


def _layer(layer: LayerFact, listened: bool) -> str:
    words = ["-", layer.name] if listened and not layer.hint else [layer.name]
    words += [_shape(layer.shape) if layer.shape else "no single tensor"]
    words += [f"x{layer.runs}"] if layer.runs > 1 else []
    words += [f"- pruning leaves it alone: {layer.kept_whole}"] if layer.kept_whole else []
    return " ".join(words)


def _shape(sides: tuple[int, ...]) -> str:
    return "x".join(str(side) if side else "?" for side in sides) or "unknown shape"
