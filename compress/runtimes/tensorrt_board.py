"""The engine of a TensorRT build, made on its board by the scripts that the build carries.

trtexec makes it, or JetPack's Python where there is no trtexec. What the board's builder measured is kept on the board,
beside the jobs' folders, for all engines to come; TensorRT drops what another version or GPU measured.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Literal

from compress.devices.board import Board as Reached
from compress.devices.board import BoardKind, Ended
from compress.devices.boards import open_board
from compress.errors import BuildError, Busy, DeviceError
from compress.records import Record
from compress.store.digests import hash_file

_BUILD_S = 1800.0
_ASK_S = 60.0
_SHOWN = 3
_KEPT = "../tensorrt.timing"
_TAKEN = 75
_HOLD = f'if command -v flock >/dev/null; then hold="flock -E {_TAKEN} -w 600 ../device.lock"; else hold=; fi'
"""The builder measures, so it waits for the runner (``devices.runner.lock``) where the board has flock."""
_NO_TRTEXEC, _NO_PYTHON = "no trtexec here", "No module named 'tensorrt'"

_FACTS = """\
say() { printf '%s\\t%s\\n' "$1" "$(head -n 1 | tr -d '\\000')"; }
uname -srm | say kernel
cat /proc/device-tree/model 2>/dev/null | say model
cat /etc/nv_tegra_release 2>/dev/null | say l4t
nvpmodel -q 2>/dev/null | say power_mode
"""


class Board(Record):
    """``NAME.board.json``: what made ``NAME.engine``. Facts that the board does not tell are left out."""

    onnx_digest: str
    engine_digest: str
    engine_size_bytes: int
    maker: Literal["trtexec", "python"]
    tensorrt: str
    facts: dict[str, str]

    def line(self) -> str:
        """For the report."""
        where = self.facts.get("model") or self.facts.get("kernel") or "a board that tells nothing of itself"
        return f"engine of {self.engine_size_bytes / 1024:.0f} KiB made on {where} by TensorRT {self.tensorrt}"


def make_engine(kind: BoardKind, host: str, folder: Path, name: str) -> tuple[str, ...]:
    """Make the engine of the build ``name`` in ``folder`` on the board ``host``; gives what is in ``folder`` then.

    ``NAME.engine``, ``NAME.timing``, ``NAME.layers.json`` (trtexec only) and ``NAME.board.json``. Raises DeviceError
    for a board that can't be reached or has no TensorRT, Busy for one where another measurement does not end, and
    BuildError with TensorRT's reasons where that makes none.
    """
    board = open_board(kind, host)
    graph, engine = folder / f"{name}.onnx", folder / f"{name}.engine"
    with board.job() as job:
        board.put((graph, *(folder / f"{name}.engine.{kind}" for kind in ("sh", "py"))), job)
        maker, done = _made(board, job, name)
        if done.returncode != 0:
            raise BuildError(f"{graph.name}: TensorRT on {host} makes no engine of it: {_tail(done.said)}")
        wanted = tuple(f"{name}.{end}" for end in ("engine", "timing", "layers.json"))
        found = board.get(wanted, f"{job}/out", folder)
        facts = board.run(_FACTS, _ASK_S).said
    if engine.name not in found or engine.stat().st_size == 0:
        raise BuildError(f"{graph.name}: {maker} on {host} ended well and left no engine: {_tail(done.said)}")
    Board(
        onnx_digest=hash_file(graph), engine_digest=hash_file(engine), engine_size_bytes=engine.stat().st_size,
        maker=maker, tensorrt=_version(done.said), facts=_facts(facts),
    ).write(folder / f"{name}.board.json")  # fmt: skip
    return *found, f"{name}.board.json"


def _made(board: Reached, job: str, name: str) -> tuple[Literal["trtexec", "python"], Ended]:
    """Run the build's scripts in ``job``, with the board's earlier timings; they are kept where it went well."""
    enter = f"cd {shlex.quote(job)} && mkdir -p out"
    timing = shlex.quote(f"out/{name}.timing")
    before, after = (
        f"{{ ! [ -f {_KEPT} ] || cp {_KEPT} {timing}; }}",
        f"{{ ! [ -f {timing} ] || cp {timing} {_KEPT}; }}",
    )

    def run(script: str) -> Ended:
        done = board.run(f"{enter} && {before} && {_HOLD} && $hold {script} out && {after}", _BUILD_S)
        if done.returncode == _TAKEN:
            raise Busy(f"{board.host}: measured by another process for too long; wait for it or end it")
        return done

    done = run(f"sh {shlex.quote(name)}.engine.sh")
    if done.returncode == 0 or _NO_TRTEXEC not in done.said:
        return "trtexec", done
    done = run(f"python3 {shlex.quote(name)}.engine.py")
    if done.returncode != 0 and (done.returncode == 127 or _NO_PYTHON in done.said):
        raise DeviceError(f"{board.host}: neither trtexec nor Python's tensorrt there; on it: apt install tensorrt")
    return "python", done


def _version(said: str) -> str:
    """TensorRT's version from what trtexec (``[TensorRT v100300]``) or the Python script (``TensorRT 10.3.0``) said."""
    found = re.search(r"\[TensorRT v(\d+)\]", said)
    if found:
        number = int(found[1])
        return f"{number // 10000}.{number // 100 % 100}.{number % 100}"
    plain = re.search(r"TensorRT (\d[\w.]*)", said)
    return plain[1] if plain else "of unknown version"


def _facts(said: str) -> dict[str, str]:
    pairs = (line.partition("\t") for line in said.splitlines())
    return {name: value.strip() for name, tab, value in pairs if tab and value.strip()}


def _tail(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-_SHOWN:]) or "it said nothing"
