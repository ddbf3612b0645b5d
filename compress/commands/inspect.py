"""``compress inspect``: what a network is made of, what each target lacks, and the recipe lines to use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compress.errors import EXIT_PASS, ConfigError, NetworkError, WeightsError, one_line

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from compress.inspection.facts import Facts, LayerFact
    from compress.operators import OperatorLimit

_SIZE = (400, 600)


def inspect(
    network: str, weights: Path | None, size: tuple[int, int] | None, layers: bool, targets: tuple[str, ...],
    as_json: bool,
) -> int:  # fmt: skip
    """Print the facts. Raises WeightsError or NetworkError for what can't be opened, ConfigError for a target."""
    from compress.inspection.opening import as_onnx, open_net, open_onnx

    limits = _limits(targets)
    side = size or _SIZE
    if ":" not in network and not Path(network).is_file():
        raise WeightsError(f"{network}: no such file; give an .onnx or .safetensors file, or module:callable")
    if network.endswith(".onnx"):
        if weights is not None:
            raise WeightsError("--weights belongs to module:callable; an ONNX file holds its own")
        found = _facts(network, None, open_onnx(Path(network)), side, limits, layers)
    elif ":" in network or network.endswith(".safetensors"):
        net = open_net(network, weights)
        with as_onnx(net, side) as model:
            found = _facts(network, weights, model, side, limits, False)
        own = {"parameters": sum(each.numel() for each in net.parameters())}
        named = {"layers": _module_layers(net, side)} if layers else {}
        found = found.model_copy(update={**own, **named})
    else:
        raise WeightsError(
            f"{network}: no form that inspect opens; give an .onnx or .safetensors file, or module:callable"
        )
    click.echo(found.text(), nl=False) if as_json else _print(found, side)
    return EXIT_PASS


def _limits(names: tuple[str, ...]) -> dict[str, tuple[OperatorLimit, ...]]:
    from compress.config.load import load_target
    from compress.config.names import listing, unknown_name

    known = listing("targets")
    unknown = tuple(unknown_name("targets", name, known) for name in names if name not in known)
    if unknown:
        raise ConfigError(unknown)
    return {name: load_target(known[name]).export.lacking for name in names or known}


def _facts(
    network: str, weights: Path | None, model: onnx.ModelProto, size: tuple[int, int],
    limits: dict[str, tuple[OperatorLimit, ...]], layers: bool,
) -> Facts:  # fmt: skip
    from collections import Counter

    from compress.inspection import facts
    from compress.runtimes.rewrites.graph import Graph

    try:
        free = Graph(model)
        graph = Graph(facts.sized(model, size))
    except Exception as error:  # onnx raises its own kinds from C++
        raise NetworkError(
            f"{network}: shapes can't be inferred for {size[0]}x{size[1]}: {one_line(error, kind=False)}"
        ) from None
    return facts.Facts(
        network=network,
        inputs=facts.borders(free, iter(model.graph.input)),
        outputs=facts.borders(graph, iter(graph.model.graph.output)),
        parameters=facts.parameters(model),
        macs=facts.macs(graph),
        operators=dict(
            sorted(Counter(node.op_type for node in model.graph.node if node.op_type != "Constant").items())
        ),
        lacking=tuple(each for name, bounds in limits.items() for each in facts.lacks(graph, name, bounds)),
        int8_estimate=facts.hurts(graph),
        recipe=_recipe(network, weights),
        layers=facts.node_layers(graph) if layers else (),
    )


def _recipe(network: str, weights: Path | None) -> tuple[str, ...]:
    if network.endswith(".safetensors"):
        return ("teacher:", f"  weights: {network}")
    return ("source:", f"  network: {network}", *([f"  weights: {weights}"] if weights else []))


def _module_layers(net: nn.Module, size: tuple[int, int]) -> tuple[LayerFact, ...]:
    import torch

    from compress.inspection.facts import LayerFact

    found: list[LayerFact] = []

    def note(name: str) -> Any:
        def hook(_module: object, _inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor):
                found.append(LayerFact(name=name, shape=tuple(output.shape)))

        return hook

    handles = [each.register_forward_hook(note(name)) for name, each in net.named_modules() if name]
    with torch.no_grad():
        net(torch.zeros(1, 3, *size))
    for handle in handles:
        handle.remove()
    return tuple(dict.fromkeys(found))


def _print(found: Facts, size: tuple[int, int]) -> None:
    for word, values in (("input", found.inputs), ("output", found.outputs)):
        for each in values:
            click.echo(f"{word:<12}{each.name} {_shape(each.shape)}")
    macs = "unknown, a shape could not be inferred" if found.macs is None else f"{found.macs:,}"
    click.echo(f"parameters  {found.parameters:,}\nMACs        {macs} for {size[0]}x{size[1]}")
    click.echo("operators   " + ", ".join(f"{name} {count}" for name, count in found.operators.items()))
    for lack in found.lacking:
        click.echo(f"{lack.target}: {lack.operator} x{lack.count} {lack.outcome}: {lack.problem}")
    if found.int8_estimate:
        click.echo("where INT8 may hurt (an estimate by rules; sensitivity.run=true measures it):")
    for hurt in found.int8_estimate:
        click.echo(f"  {hurt.operator} x{hurt.count}: {hurt.reason}")
    for layer in found.layers:
        click.echo(f"layer {layer.name} {_shape(layer.shape)}")
    click.echo("in a recipe:")
    for line in found.recipe:
        click.echo(f"  {line}")


def _shape(sides: tuple[int, ...]) -> str:
    return "x".join(str(side) if side else "?" for side in sides) or "unknown shape"
