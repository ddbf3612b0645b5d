"""What the SDKs said about each build: precisions, float islands, scales, and notes of their own."""

from __future__ import annotations

import re

from compress.records import Build, NotBuilt
from compress.report.rows import LABELS, Results

_ROOT = re.compile(r"^(?:\w+:)?/net/")  # some SDKs put the operator's kind before it
_OPERATOR = re.compile(r"/(?:Conv|ConvTranspose|Gemm|MatMul)(?:_\d+)?(?:/.*)?$")


def build_lines(results: Results) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """For each build that there is something to say of, what ships first: its title, and a line for each fact."""
    order = list(LABELS)
    builds = sorted(results.builds.builds, key=lambda build: (not build.ships, -order.index(build.variant)))
    told = [(_title(build), (*warnings(build), *_facts(build))) for build in builds]
    return tuple((title, lines) for title, lines in told if lines)


def warnings(build: Build) -> tuple[str, ...]:
    """What of an INT8 build is not as it was quantized."""
    found = build.inspection
    lines = []
    if build.variant in ("int8", "ptq") and not found.int8_layers:
        lines.append("WARNING: no layer runs in int8")
    if found.float_though_trained:
        lines.append(f"WARNING: float islands, though quantized: {_named(found.float_though_trained)}")
    lines += [f"WARNING: scale differs: {difference}" for difference in found.scale_differences]
    return tuple(lines)


def island_line(build: Build) -> str | None:
    """How many layers with weights run in what, with the float ones by name; None for a float build."""
    found = build.inspection
    if not found.int8_layers:
        return None
    line = f"{found.int8_layers} of {found.int8_layers + found.float_layers} layers with weights run in int8"
    planned = tuple(name for name in found.float_islands if name not in found.float_though_trained)
    return f"{line}; left float: {_named(planned)}" if planned else line


def absent_line(absent: NotBuilt) -> str:
    """What could not be made, and why."""
    what = f"{LABELS[absent.variant]} for {absent.runtime}" if absent.variant else absent.runtime
    what += " of free size" if absent.free else ""
    return f"{what}: not built: {absent.reason}"


def _title(build: Build) -> str:
    return f"{build.name} ({build.size_bytes:,} bytes{', ships' if build.ships else ''})"


def _facts(build: Build) -> tuple[str, ...]:
    found = build.inspection
    islands = island_line(build)
    lines = [islands] if islands else []
    if found.scales_compared and not found.scale_differences:
        lines.append(f"{found.scales_compared} scales read back, all equal")
    return (*lines, *found.notes)


def _named(layers: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(_OPERATOR.sub("", _ROOT.sub("", name)).replace("/", ".") for name in layers))
