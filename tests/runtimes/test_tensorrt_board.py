"""The engine made on its board: by trtexec, by Python, or not at all. The board is a real ssh server on loopback.

TensorRT itself is at hand nowhere: trtexec is a script that writes what trtexec writes, and for Python's package
TensorRT-RTX stands in.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from loopback import HOST, Loopback, loopback
from small_qdq import small_qdq

from compress.errors import BuildError, Busy, DeviceError
from compress.runtimes import open_runtime
from compress.runtimes.base import BuildOptions
from compress.runtimes.tensorrt import command_script
from compress.runtimes.tensorrt_board import Board, make_engine
from compress.store.digests import hash_file
from compress.toolchains.environment import mending_command, python_of, state

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")
needs_sdk = pytest.mark.skipif(
    state("tensorrt").kind != "ready", reason=f"toolchain tensorrt is not ready: {mending_command('tensorrt')}"
)

TRTEXEC = r"""
case "$*" in --help) echo "&&&& RUNNING TensorRT.trtexec [TensorRT v100300]"; echo --stronglyTyped; exit 0 ;; esac
for word; do case "$word" in
  --onnx=*) onnx=${word#*=} ;; --saveEngine=*) engine=${word#*=} ;; --timingCacheFile=*) timing=${word#*=} ;;
  --exportLayerInfo=*) layers=${word#*=} ;;
esac; done
echo "&&&& RUNNING TensorRT.trtexec [TensorRT v100300] # trtexec $*"
"""
BUILDS = TRTEXEC + 'cat "$onnx" > "$engine"; echo measured >> "$timing"; echo "{}" > "$layers"'


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A board with no TensorRT at all: what Python it has knows none either."""
    with loopback("asyncssh", tmp_path) as served:
        monkeypatch.setenv("COMPRESS_SSH_CONFIG", str(served.config))
        served.tool("python3", "echo \"ModuleNotFoundError: No module named 'tensorrt'\" >&2; exit 1")
        yield served


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build called ``net``, as far as a board is concerned."""
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(b"a graph")
    (folder / "net.engine.sh").write_text(command_script("net"), encoding="utf-8")
    (folder / "net.engine.py").write_text("", encoding="utf-8")
    return folder


def test_trtexec_makes_the_engine_and_the_board_keeps_its_timings(board: Loopback, build: Path) -> None:
    board.tool("trtexec", BUILDS)
    board.tool("nvpmodel", "echo NV Power Mode: MAXN_SUPER; echo 2")
    files = make_engine("ssh", HOST, build, "net")
    assert files == ("net.engine", "net.timing", "net.layers.json", "net.board.json")
    assert (build / "net.engine").read_bytes() == b"a graph" and (build / "net.timing").read_text() == "measured\n"
    told = Board.read(build / "net.board.json")
    assert (told.maker, told.tensorrt, told.engine_size_bytes) == ("trtexec", "10.3.0", 7)
    assert told.onnx_digest == told.engine_digest == hash_file(build / "net.onnx")
    assert told.facts["kernel"].startswith("Linux ") and told.facts["power_mode"] == "NV Power Mode: MAXN_SUPER"
    assert "l4t" not in told.facts and "TensorRT 10.3.0" in told.line()
    make_engine("ssh", HOST, build, "net")
    assert (build / "net.timing").read_text() == "measured\nmeasured\n"
    assert board.jobs == []


def test_a_refused_graph_leaves_its_reasons_and_nothing_else(board: Loopback, build: Path) -> None:
    refuses = 'echo "[E] ModelImporter.cpp: No importer for Bernoulli"; echo "&&&& FAILED TensorRT.trtexec"; exit 1'
    board.tool("trtexec", TRTEXEC + refuses)
    with pytest.raises(
        BuildError, match=r"net\.onnx: TensorRT on board makes no engine of it: .*for Bernoulli \| &&&& "
    ):
        make_engine("ssh", HOST, build, "net")
    board.tool("trtexec", TRTEXEC)
    with pytest.raises(BuildError, match=r"net\.onnx: trtexec on board ended well and left no engine: "):
        make_engine("ssh", HOST, build, "net")
    board.tool("trtexec", 'echo "&&&& RUNNING TensorRT.trtexec [TensorRT v8502]"; echo --int8')
    with pytest.raises(BuildError, match="10 or newer is needed"):
        make_engine("ssh", HOST, build, "net")
    assert {path.suffix for path in build.iterdir()} == {".onnx", ".sh", ".py"} and board.jobs == []


def test_an_engine_is_not_made_while_another_measures(board: Loopback, build: Path) -> None:
    board.tool("trtexec", BUILDS)
    board.tool("flock", 'shift 4; exec /usr/bin/flock -E 75 -w 0.2 "$@"')
    folder = board.home / ".cache" / "compress"
    folder.mkdir(parents=True)
    with (folder / "device.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="board: measured by another process for too long"):
            make_engine("ssh", HOST, build, "net")
    assert make_engine("ssh", HOST, build, "net")[0] == "net.engine"


def test_a_board_without_tensorrt_is_told_what_to_install(board: Loopback, build: Path) -> None:
    with pytest.raises(
        DeviceError, match="board: neither trtexec nor Python's tensorrt there; .*: apt install tensorrt"
    ):
        make_engine("ssh", HOST, build, "net")


@needs_sdk
def test_a_build_for_a_board_holds_the_engine_that_python_made_there(
    board: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = board.home / "tensorrt"
    package.mkdir()
    lines = ("from tensorrt_rtx_bindings import *", "from tensorrt_rtx_bindings import __version__")
    (package / "__init__.py").write_text("\n".join(lines))
    board.tool("python3", f'PYTHONPATH="{board.home}" exec "{python_of("tensorrt")}" -W ignore "$@"')
    out, runtime = tmp_path / "out", open_runtime("tensorrt")
    out.mkdir()
    source = tmp_path / "net.onnx"
    onnx.save(small_qdq(), str(source))
    files = runtime.build(source, "net", out, BuildOptions(host=HOST))
    assert files[:1] == ("net.onnx",) and files[4:] == ("net.engine", "net.timing", "net.board.json")
    told = Board.read(out / "net.board.json")
    assert told.maker == "python" and told.engine_size_bytes > 10_000
    assert told.line() in runtime.inspect(out, files, None).notes
    assert all((out / name).stat().st_size for name in files)
    told.model_copy(update={"onnx_digest": "0" * 64}).write(out / "net.board.json")
    with pytest.raises(BuildError, match=r"net\.onnx: not the file that net\.board\.json is about; export it again"):
        runtime.inspect(out, files, None)
    (out / "net.board.json").write_text(json.dumps({"maker": "hand"}))
    with pytest.raises(BuildError, match="not the report of a TensorRT build"):
        runtime.inspect(out, files, None)
