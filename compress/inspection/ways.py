"""The lines of a recipe that use a network, ready to paste. What can't be known is to be filled in, never guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from compress.config.tasks import OUTSIDE
from compress.inspection.facts import Way
from compress.inspection.opening import settings_of
from compress.models import NETWORKS

if TYPE_CHECKING:
    from compress.schema import SourceSpec

FILL_IN = "FILL_IN"
_PLAIN = re.compile(r"[A-Za-z_./][\w./+:-]*\Z")
_CODE_ONLY = "its layers can't be changed: give the author's module and weights (FILE.py:callable --weights FILE)"


@dataclass(frozen=True)
class Measured:
    """What the network showed. ``pictures``: outputs of the picture's shape; ``chosen``: how an output is named, None
    where there is one; ``byte``: it takes uint8; problems: why there is no graph, why layers can't be
    pruned, and why a file can't be quantized; ``scales``: of larger or smaller outputs, as ratios."""

    kind: str
    pictures: tuple[str, ...]
    outputs: tuple[str, ...]
    chosen: Literal["place", "name"] | None
    multiple: int | None
    failed: tuple[int, ...]
    fixed: tuple[int, int] | None
    byte: bool
    graph_problem: str | None
    path_problem: str | None
    student_problem: str | None = None
    scales: tuple[tuple[int, int], ...] = ()


def ways(source: SourceSpec, found: Measured) -> tuple[Way, ...]:
    """Each use that there is for such a network, those that it is not fit for with the reason."""
    if settings_of(source.network or "") is not None:
        return (_untrained(source.network or ""),)
    if found.kind == "ours":
        return (Way(use="teacher", lines=("teacher:", f"  weights: {_said(source.network or '')}")),)
    shape = None if found.pictures else _no_picture(found.scales)
    ptq, adopt = found.graph_problem or found.student_problem or shape, found.path_problem or shape
    if found.kind == "torchscript":
        ptq = f"a TorchScript archive can't be quantized; give .pt2, .onnx, or {_CODE_ONLY.partition(': give ')[2]}"
    if found.kind != "module":
        adopt = _CODE_ONLY
    return (
        _way("teacher", "teacher", source, found, shape),
        _way("ptq", "student", source, found, ptq),
        _way("adopt", "student", source, found, adopt),
    )


def _untrained(network: str) -> Way:
    name, _, variant = network.partition(":")
    chosen = (f"  variant: {variant}",) if variant else ()
    if NETWORKS[name].is_student:
        return Way(use="student", lines=("student:", f"  network: {name}", *chosen))
    return Way(use="teacher", lines=("teach:", f"  network: {name}", *chosen))


def _no_picture(scales: tuple[tuple[int, int], ...]) -> str:
    """In the words of a run, which takes enlarging networks of ours only (``config.tasks``)."""
    larger = [number for number, part in scales if part == 1 and number > 1]
    if not larger:
        return "none of its outputs has the shape of the picture"
    return (
        f"it enlarges by {larger[0]}, and {OUTSIDE}; of ours one learns that from pictures: "
        f"recipe=sr task.scale={larger[0]}"
    )


def _way(use: str, section: str, source: SourceSpec, found: Measured, problem: str | None) -> Way:
    lines = () if problem else (f"{section}:", *_source(source), "  adapter:", *_adapter(section, found))
    return Way.model_validate({"use": use, "lines": lines, "problem": problem})


def _source(source: SourceSpec) -> Iterator[str]:
    said = source.model_dump(exclude_defaults=True)
    if source.weights is None and source.network and ":" in source.network:
        said["weights"] = FILL_IN
    yield f"  source: {{{', '.join(f'{name}: {_said(str(value))}' for name, value in said.items())}}}"


def _adapter(section: str, found: Measured) -> Iterator[str]:
    yield f"    colours: {FILL_IN}  # RGB or BGR"
    yield "    range: 0..255  # it takes uint8" if found.byte else f"    range: {FILL_IN}  # 0..1, -1..1 or 0..255"
    yield f"    answers: {FILL_IN}  # picture, or residual: it is added to what the network was given"
    if found.fixed is not None:
        yield "    size_multiple: 1"
        if section == "teacher":
            yield f"    tile: [{found.fixed[0]}, {found.fixed[1]}]  # the only size that it takes"
            yield f"    overlap: {FILL_IN}  # pixels that neighbouring tiles share: as far as it sees, twice"
            yield f"    padding: {FILL_IN}  # reflect or replicate"
        else:
            size = f"[{found.fixed[0]},{found.fixed[1]}]"
            yield f"    # it takes one size only: pictures of that (data.size={size}), and target.export.size={size}"
    else:
        yield f"    size_multiple: {found.multiple or FILL_IN}  # {tried(found.multiple, found.failed)}"
        if found.multiple != 1:
            yield f"    padding: {FILL_IN}  # reflect or replicate"
    if found.chosen is not None:
        yield _output(found)


def _output(found: Measured) -> str:
    if len(found.pictures) == 1:
        name = found.pictures[0] if found.chosen == "place" else _said(found.pictures[0])
        return f"    output: {name}  # measured: the only one with the picture's shape"
    if found.pictures:
        return f"    output: {FILL_IN}  # one of {', '.join(found.pictures)}: these have the picture's shape"
    return f"    output: {FILL_IN}  # one of {', '.join(found.outputs)}"


def tried(multiple: int | None, failed: tuple[int, ...]) -> str:
    """``tried: 4 runs, 1 and 2 fail``."""
    names = " and ".join(filter(None, (", ".join(map(str, failed[:-1])), *map(str, failed[-1:]))))
    if multiple is None:
        return f"tried: {names} fail"
    fail = f", {names} {'fails' if len(failed) == 1 else 'fail'}" if failed else ""
    return f"tried: {multiple} runs{fail}"


def _said(text: str) -> str:
    """As YAML has it on one line."""
    from compress.config.yaml_loader import parse_yaml
    from compress.errors import ConfigError

    try:
        plain = bool(_PLAIN.match(text)) and parse_yaml(f"{{key: {text}}}", "") == {"key": text}
    except ConfigError:  # no YAML at all unless quoted: "A:"
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)
