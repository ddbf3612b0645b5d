"""All facts of one network: what running it shows, what its graph says, and what can be made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.errors import NetworkError, WeightsError, one_line
from compress.foreign.recurrent import recurrent_layers, recurrent_problem
from compress.inspection import facts
from compress.inspection.answers import MULTIPLES, Answer, Sizes, answer_to, try_sizes
from compress.inspection.conventions import Counted, counted
from compress.inspection.facts import Border, Facts, Hurt, Lack, LayerFact
from compress.inspection.graphs import graph_of
from compress.inspection.layers import FEW_PARAMETERS, module_layers
from compress.inspection.opening import Opened, opened
from compress.inspection.ways import Measured, ways
from compress.runtimes.picture import padded_size

if TYPE_CHECKING:
    import onnx

    from compress.operators import OperatorLimit
    from compress.schema import SourceSpec

    Limits = dict[str, tuple[OperatorLimit, ...]]


@dataclass(frozen=True)
class _OfGraph:
    """What a graph says; ``problem``: why there is none, so that this is empty."""

    inputs: tuple[Border, ...] = ()
    outputs: tuple[Border, ...] = ()
    parameters: int = 0
    macs: int | None = None
    operators: tuple[tuple[str, int], ...] = ()
    lacking: tuple[Lack, ...] = ()
    int8_estimate: tuple[Hurt, ...] = ()
    layers: tuple[LayerFact, ...] = ()
    problem: str | None = None


def inspect_network(source: SourceSpec, asked: tuple[int, int], limits: Limits, layers: bool) -> Facts:
    """``asked``: height and width, made multiples of what the network takes; ``limits``: of each target.

    Raises what ``opened`` raises, and WeightsError for a network that runs on no size that was tried.
    """
    with opened(source) as net:
        sizes = _sizes(net)
        size = net.size or padded_size(*asked, sizes.multiple or 1)
        answer = _answer(net, sizes, size)
        try:
            graph = _read(graph_of(net, size), size, limits)
        except NetworkError as error:
            graph = _OfGraph(macs=_macs(net, size), problem=str(error))
        named = module_layers(net.net, size) if layers and net.modules else ()
        return Facts(
            network=source.network or "", kind=net.kind,
            inputs=(graph.inputs if net.file else ()) or (Border(name="input", shape=(1, 3, *(net.size or (0, 0)))),),
            outputs=answer.outputs, pictures=answer.pictures(size), size=size, fixed_size=net.size,
            size_multiple=None if net.size else sizes.multiple, multiples_failed=sizes.failed,
            parameters=sum(each.numel() for each in net.net.parameters()) or graph.parameters,
            macs=graph.macs, conventions=_conventions(net, sizes),
            operators=dict(graph.operators), lacking=graph.lacking,
            int8_estimate=graph.int8_estimate, graph_problem=graph.problem,
            warnings=tuple(_warnings(source, net, sizes, asked, size, answer, layers)),
            ways=ways(source, _measured(net, sizes, size, answer, graph.problem)),
            layers=named or (graph.layers if layers else ()),
        )  # fmt: skip


def _answer(net: Opened, sizes: Sizes, size: tuple[int, int]) -> Answer:
    try:
        return answer_to(net.net, size)
    except WeightsError as error:
        if sizes.multiple is not None or net.size is not None:
            raise
        way = f"nor on multiples of {MULTIPLES[0]} to {MULTIPLES[-1]}; give a size that it takes (--size H W)"
        raise WeightsError(f"{error}; {way}") from None


def _sizes(net: Opened) -> Sizes:
    if net.kind == "ours":
        return Sizes(int(getattr(net.net, "size_multiple", 1)), (), "")
    return Sizes(None, (), "") if net.size else try_sizes(net.net)


def _read(model: onnx.ModelProto, size: tuple[int, int], limits: Limits) -> _OfGraph:
    """Raises NetworkError where shapes can't be inferred."""
    from compress.runtimes.rewrites.graph import Graph

    try:
        free, graph = Graph(model), Graph(facts.sized(model, size))
    except Exception as error:  # onnx raises kinds of its own from C++
        said = one_line(error, kind=False)
        raise NetworkError(f"shapes can't be inferred for {size[0]}x{size[1]}: {said}") from None
    return _OfGraph(
        inputs=facts.borders(free, iter(model.graph.input)),
        outputs=facts.borders(graph, iter(graph.model.graph.output)),
        parameters=facts.parameters(model),
        macs=facts.macs(graph),
        operators=tuple(
            sorted(Counter(node.op_type for node in model.graph.node if node.op_type != "Constant").items())
        ),
        lacking=tuple(each for name, bounds in limits.items() for each in facts.lacks(graph, name, bounds)),
        int8_estimate=facts.hurts(graph),
        layers=facts.node_layers(graph),
    )


def _conventions(net: Opened, sizes: Sizes) -> tuple[Counted, ...]:
    """None for a network of one size only: ``macs`` is for that."""
    if net.size is not None:
        return ()
    return counted(lambda size: _macs(net, size) if net.file is None else _file_macs(net, size), sizes.multiple or 1)


def _file_macs(net: Opened, size: tuple[int, int]) -> int | None:
    from compress.runtimes.rewrites.graph import Graph

    try:
        return facts.macs(Graph(facts.sized(graph_of(net, size), size)))
    except Exception:  # no valid graph, or shapes that can't be inferred; told where the graph is read
        return None


def _macs(net: Opened, size: tuple[int, int]) -> int | None:
    """Of one run in torch: convolutions and matrix products."""
    from compress.models.pruning import count_macs

    if net.file is not None:
        return None
    try:
        return count_macs(net.net, *size) or None
    except Exception:  # somebody else's code, watched
        return None


def _warnings(
    source: SourceSpec,
    net: Opened,
    sizes: Sizes,
    asked: tuple[int, int],
    size: tuple[int, int],
    answer: Answer,
    layers: bool,
) -> Iterator[str]:
    if net.kind == "module" and source.weights is None:
        yield "the figures are of the network as its code makes it; a run wants its weights (--weights FILE)"
    if net.size is not None and net.size != asked:
        yield f"it takes {size[0]}x{size[1]} only: figures are for that"
    elif size != asked:
        yield f"it does not take {asked[0]}x{asked[1]}: figures are for {size[0]}x{size[1]}"
    if net.modules and sum(each.numel() for each in net.net.parameters()) > FEW_PARAMETERS and layers:
        yield f"what pruning would leave alone was not tried: more than {FEW_PARAMETERS:,} parameters"
    if sizes.reason and sizes.multiple is None and not net.size:
        yield f"no size multiple that was tried runs: {sizes.reason}"
    if net.kind == "module" and (left := recurrent_layers(net.net)) and not recurrent_problem(net.net):
        yield f"recurrent layers can't be quantized and stay float: {', '.join(left)}"
    ratios = sorted(answer.scales(size) - {(1, 1)})
    if ratios and not answer.pictures(size):
        number, part = ratios[0]
        yield f"it answers pictures of {number}{f'/{part}' if part > 1 else ''} times the size"


def _measured(net: Opened, sizes: Sizes, size: tuple[int, int], answer: Answer, graph_problem: str | None) -> Measured:
    given = getattr(getattr(net.net, "input", None), "type", "")
    return Measured(
        kind=net.kind, pictures=answer.pictures(size), outputs=tuple(each.name for each in answer.outputs),
        chosen=answer.chosen, multiple=sizes.multiple, failed=sizes.failed, fixed=net.size,
        byte=given == "tensor(uint8)", graph_problem=graph_problem, path_problem=_path_problem(net, size),
        student_problem=_student_problem(net), scales=tuple(sorted(answer.scales(size) - {(1, 1)})),
    )  # fmt: skip


def _student_problem(net: Opened) -> str | None:
    """Why an ONNX file can't be quantized, by making a torch module of it, as a run does, or a module in no part."""
    from compress.foreign.onnx_torch.convert import as_torch

    if net.file is None:
        return recurrent_problem(net.net) if net.kind == "module" else None
    try:
        as_torch(net.file)
    except (NetworkError, WeightsError) as error:
        return str(error).removeprefix(f"{net.file.name}: ")
    return None


def _path_problem(net: Opened, size: tuple[int, int]) -> str | None:
    """Why its layers can't be changed; None for networks that have none, of which that is said elsewhere."""
    from compress.models.tracing import find_probe, trace_problem

    if net.kind != "module":
        return None
    if problem := recurrent_problem(net.net):
        return problem
    try:
        trace_problem(net.net, find_probe(net.net, size))
    except NetworkError as error:
        return str(error)
    except Exception as error:  # somebody else's code, run in another precision
        return f"can't be followed ({one_line(error)})"
    return None
