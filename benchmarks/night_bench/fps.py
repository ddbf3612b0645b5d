"""``night_fps.json`` and its table: a network of two tasks against the two of one task that it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from compress.records import Record

Kind = Literal["float", "int8"]
BOTH = "both"


class FpsRow(Record):
    """One network: parameters, multiply-accumulates of a picture, and the best median time of a run in ms."""

    network: str
    params: int
    macs: int
    float_ms: float
    int8_ms: float

    def ms(self, kind: Kind) -> float:
        return self.float_ms if kind == "float" else self.int8_ms


class FpsFile(Record):
    """``size``: height and width of the picture; the first row is the network of two tasks, the others have one."""

    command: str
    commit: str
    size: tuple[int, int]
    threads: int
    runs: int
    rounds: int
    fingerprint: dict[str, str]
    rows: tuple[FpsRow, ...]

    @property
    def both(self) -> FpsRow:
        return next(row for row in self.rows if row.network == BOTH)

    def after_another_ms(self, kind: Kind) -> float:
        """The networks of one task, one after the other."""
        return sum(row.ms(kind) for row in self.rows if row.network != BOTH)

    def ratio(self, kind: Kind) -> float:
        """How many times as many frames the network of two tasks does in the same time."""
        return self.after_another_ms(kind) / self.both.ms(kind)


def fps_table(found: FpsFile) -> str:
    """As Markdown, with a line before it that says where it was measured."""
    height, width = found.size
    said = (
        f"`{found.command}`, commit {found.commit}, {found.fingerprint.get('cpu', 'unknown processor')}, "
        f"{found.threads} threads, OpenVINO, {height}x{width}, one picture a run; best median of {found.rounds} "
        f"rounds of {found.runs} runs, all builds in turn."
    )
    return f"{said}\n\n" + "\n".join(_lines(found))


def _lines(found: FpsFile) -> Iterator[str]:
    yield "| network | parameters | GMACs | float ms | float FPS | INT8 ms | INT8 FPS |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in found.rows:
        yield f"| {row.network} | {row.params:,} | {row.macs / 1e9:.3f} | {_times(row.float_ms, row.int8_ms)} |"
    alone = [row for row in found.rows if row.network != BOTH]
    params, macs = (sum(getattr(row, name) for row in alone) for name in ("params", "macs"))
    times = _times(found.after_another_ms("float"), found.after_another_ms("int8"))
    yield f"| the two alone, one after the other | {params:,} | {macs / 1e9:.3f} | {times} |"
    ratios = f"{found.ratio('float'):.2f} times | | {found.ratio('int8'):.2f} times"
    yield f"| **both against that** | | | | {ratios} |"


def _times(float_ms: float, int8_ms: float) -> str:
    return " | ".join(f"{ms:.2f} | {1000 / ms:.0f}" for ms in (float_ms, int8_ms))
