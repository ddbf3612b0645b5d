"""TensorRT builds: the rules for QDQ, the proxy's answers, and what the board is given."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from small_qdq import finished, small_qdq
from tiny_builds import tensor

from compress.bundle.contract import check_build
from compress.errors import BuildError, ToolchainError
from compress.records import Build, IOContract
from compress.runtimes import open_runtime, runs_here
from compress.runtimes.base import BuildOptions
from compress.runtimes.tensorrt import CheckAnswer, CheckRequest, Proxy
from compress.runtimes.tensorrt_rules import broken_rules
from compress.toolchains.call import run_worker
from compress.toolchains.environment import mending_command, python_of, state

needs_sdk = pytest.mark.skipif(
    state("tensorrt").kind != "ready", reason=f"toolchain tensorrt is not ready: {mending_command('tensorrt')}"
)
STAND_INS = (("SM80", "SM80"), ("SM88", "SM86"), ("SM75", "SM75"), ("SM121", "SM121"))
NO_STAND_IN = (("SM90", "builds nothing that SM90 runs"), ("orin", "write it like SM87"))


def _saved(model: onnx.ModelProto, folder: Path, name: str = "net.onnx") -> Path:
    onnx.save(model, str(folder / name))
    return folder / name


def _out(folder: Path) -> Path:
    (folder / "out").mkdir()
    return folder / "out"


def _refusal(source: Path, out: Path, options: BuildOptions | None = None) -> str:
    with pytest.raises(BuildError) as caught:
        open_runtime("tensorrt").build(source, "net", out, options or BuildOptions())
    assert "\n" not in str(caught.value) and list(out.iterdir()) == []
    return str(caught.value)


def test_symmetric_int8_keeps_the_rules() -> None:
    assert broken_rules(small_qdq()) == broken_rules(small_qdq(bias=np.zeros(16, np.float32))) == ()


@pytest.mark.parametrize(
    ("model", "node", "problem"),
    [
        (small_qdq(zero=np.int8(3)), "quantize", "zero-point 3; it must be 0"),
        (small_qdq(zero=np.int8(-128)), "dequantize", "zero-point -128; it must be 0"),
        (small_qdq(zero=np.uint8(0)), "quantize", "uint8 codes"),
        (small_qdq(zero=np.uint8(128)), "dequantize", "zero-point 128; it must be 0"),
        (small_qdq(bias=np.zeros(16, np.int32)), "bias", "an int32 bias; TensorRT wants biases as floats"),
    ],
    ids=["asymmetric", "asymmetric, codes from 0", "uint8", "uint8 from the middle", "int32 bias"],
)  # fmt: skip
def test_what_tensorrt_would_refuse_or_misread_is_refused_by_name(
    model: onnx.ModelProto, node: str, problem: str, tmp_path: Path
) -> None:
    assert any(line.startswith(f"{node}: {problem}") for line in broken_rules(model))
    said = _refusal(_saved(model, tmp_path), _out(tmp_path))
    assert said.startswith("net.onnx: not for TensorRT: ") and "scheme.activations=symmetric" in said


def test_a_zero_point_left_out_means_uint8() -> None:
    model = small_qdq()
    del model.graph.node[1].input[2]
    assert [line for line in broken_rules(model) if line.startswith("quantize: uint8 codes")]


def test_scales_and_zero_points_are_constants() -> None:
    model = small_qdq()
    model.graph.node[1].input[1:] = ["made", "made too"]
    said = broken_rules(model)
    assert said == ("quantize: a computed scale; it must be a constant",
                    "quantize: a computed zero-point; it must be the constant 0")  # fmt: skip


def test_a_truncated_file_is_one_line(tmp_path: Path) -> None:
    source = _saved(small_qdq(), tmp_path)
    source.write_bytes(source.read_bytes()[:3000])
    assert "net.onnx" in _refusal(source, _out(tmp_path))


def test_without_the_environment_its_setup_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_TOOLCHAINS", str(tmp_path / "nowhere"))
    out = _out(tmp_path)
    with pytest.raises(ToolchainError, match="compress setup tensorrt"):
        open_runtime("tensorrt").build(_saved(small_qdq(), tmp_path), "net", out)
    assert list(out.iterdir()) == []


def test_builds_do_not_run_here() -> None:
    assert runs_here("onnx") and not runs_here("tensorrt")


@needs_sdk
def test_the_parser_alone_would_cut_uint8_codes(tmp_path: Path) -> None:
    """Why the rules are ours to check: it warns, takes the graph and makes int8 of it."""
    source = _saved(small_qdq(zero=np.uint8(0)), tmp_path)
    request = CheckRequest(onnx=str(source), architecture="SM87", operators=())
    answer = run_worker("tensorrt", "tensorrt_check", request, CheckAnswer, 300)
    assert answer.refused == () and answer.engine_size_bytes > 0
    assert any("Defaulting to INT8" in line for line in answer.warnings)


@needs_sdk
def test_the_proxy_says_what_it_is_and_which_layers_run_in_int8(tmp_path: Path) -> None:
    runtime, out = open_runtime("tensorrt"), _out(tmp_path)
    files = runtime.build(_saved(small_qdq(), tmp_path), "net", out)
    assert files == ("net.onnx", "net.engine.sh", "net.engine.py", "net.proxy.json")
    proxy = Proxy.read(out / "net.proxy.json")
    assert (proxy.asked_architecture, proxy.architecture) == ("SM87", "SM86") and "SM87" in proxy.what
    assert proxy.int8_layers == ("second",) and proxy.float_layers == ("first",)
    found = runtime.inspect(out, files, None)
    assert (found.int8_layers, found.float_layers, found.float_islands) == (1, 1, ("first",))
    assert found.operators["Conv"] == 2 and proxy.engine_size_bytes > 0 and proxy.activation_memory_bytes
    assert found.notes[0].startswith("proxy (TensorRT-RTX ") and "not SM87's own TensorRT" in found.notes[0]


@needs_sdk
@pytest.mark.parametrize(("asked", "nearest"), STAND_INS)
def test_the_nearest_architecture_below_stands_in(asked: str, nearest: str, tmp_path: Path) -> None:
    out = _out(tmp_path)
    open_runtime("tensorrt").build(_saved(small_qdq(), tmp_path), "net", out, BuildOptions(platform=asked))
    assert Proxy.read(out / "net.proxy.json").architecture == nearest


@needs_sdk
@pytest.mark.parametrize(("asked", "problem"), NO_STAND_IN)
def test_an_architecture_without_a_stand_in_is_refused(asked: str, problem: str, tmp_path: Path) -> None:
    assert problem in _refusal(_saved(small_qdq(), tmp_path), _out(tmp_path), BuildOptions(platform=asked))


@needs_sdk
def test_an_operator_that_tensorrt_lacks_is_named_with_its_node(tmp_path: Path) -> None:
    said = _refusal(_saved(small_qdq(last="Bernoulli"), tmp_path), _out(tmp_path))
    assert "it lacks the operator Bernoulli (end)" in said and "TensorRT-RTX" in said


@needs_sdk
def test_a_node_that_the_parser_refuses_comes_with_its_reason(tmp_path: Path) -> None:
    said = _refusal(_saved(small_qdq(last="Hardmax", axis=7), tmp_path), _out(tmp_path))
    assert "end (Hardmax): " in said


@needs_sdk
def test_a_build_changed_later_is_refused(tmp_path: Path) -> None:
    runtime, out = open_runtime("tensorrt"), _out(tmp_path)
    files = runtime.build(_saved(small_qdq(), tmp_path), "net", out)
    _saved(small_qdq(bias=np.ones(16, np.float32)), out)
    with pytest.raises(BuildError, match="not the file that net.proxy.json is about"):
        runtime.inspect(out, files, None)
    (out / "net.proxy.json").write_text("{}")
    with pytest.raises(BuildError, match="net.proxy.json: not the report"):
        runtime.inspect(out, files, None)


@needs_sdk
def test_the_contract_is_read_back_from_the_graph(tmp_path: Path) -> None:
    runtime, out = open_runtime("tensorrt"), _out(tmp_path)
    model = finished([helper.make_node("Relu", ["dark"], ["bright"], name="only")], {})
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("bright", TensorProto.FLOAT, (1, 3, 16, 16)))
    files = runtime.build(_saved(model, tmp_path), "net", out)
    contract = IOContract(
        input=tensor("dark", 1, 3, 16, 16), output=tensor("bright", 1, 3, 16, 16), size_multiple=8, preprocessing="",
        postprocessing="",
    )  # fmt: skip
    build = Build(
        name="net", variant="int8", runtime="tensorrt", files=files, height=16, width=16, ships=True, contract=contract,
        size_bytes=sum((out / name).stat().st_size for name in files), inspection=runtime.inspect(out, files, None),
    )  # fmt: skip
    check_build(build, out)


@needs_sdk
def test_the_python_builder_makes_the_engine_by_the_same_interface(tmp_path: Path) -> None:
    """TensorRT-RTX has the same Python interface as TensorRT; here it stands in for the board's."""
    out = _out(tmp_path)
    open_runtime("tensorrt").build(_saved(small_qdq(), tmp_path), "net", out)
    engine = tmp_path / "made" / "net.engine"
    ended = _run_builder(out, "from tensorrt_rtx_bindings import *\nfrom tensorrt_rtx_bindings import __version__\n")
    assert ended.returncode == 0, ended.stderr
    assert engine.stat().st_size > 10_000 and engine.with_suffix(".timing").is_file()
    assert ended.stdout.startswith(f"net.engine: {engine.stat().st_size} bytes, TensorRT ")
    engine.unlink()
    _saved(small_qdq(last="Bernoulli"), out)
    refused = _run_builder(out, "from tensorrt_rtx_bindings import *\nfrom tensorrt_rtx_bindings import __version__\n")
    assert refused.returncode == 1 and "net.onnx: end: " in refused.stderr and not engine.exists()
    old = _run_builder(out, "__version__ = '8.5.2'\nclass NetworkDefinitionCreationFlag: EXPLICIT_BATCH = 0\n")
    assert old.returncode == 1 and "TensorRT 8.5.2 has no strongly typed networks" in old.stderr


def _run_builder(out: Path, package: str) -> subprocess.CompletedProcess[str]:
    (out / "tensorrt.py").write_text(package)  # beside the script, so that its import finds it
    command = [str(python_of("tensorrt")), "-W", "ignore", str(out / "net.engine.py"), str(out.parent / "made")]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The board's shell script, as a build holds it."""
    from compress.runtimes.tensorrt import command_script

    path = tmp_path / "net.engine.sh"
    path.write_text(command_script("net"), encoding="utf-8")
    return path


def _run_script(script: Path, version: int, help_text: str) -> subprocess.CompletedProcess[str]:
    """Run it with a trtexec that says its version and help, and else repeats what it was asked."""
    tools = script.parent / "tools"
    tools.mkdir(exist_ok=True)
    banner = f"&&&& RUNNING TensorRT.trtexec [TensorRT v{version}]"
    fake = f'#!/bin/sh\ncase "$*" in --help) echo "{banner}"; echo "{help_text}" ;; *) printf "%s\\n" "$@" ;; esac\n'
    (tools / "trtexec").write_text(fake)
    (tools / "trtexec").chmod(0o755)
    return _sh(script, f"{tools}:{os.environ['PATH']}")


def _sh(script: Path, path: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(script), str(script.parent / "made")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": path}, cwd="/")


def test_the_command_takes_the_precision_from_the_graph(script: Path) -> None:
    ten = _run_script(script, 100300, "--stronglyTyped  Create a strongly typed network")
    asked = ten.stdout.split()
    assert ten.returncode == 0 and {"--stronglyTyped", "--noTF32", f"--onnx={script.parent}/net.onnx"} < set(asked)
    made = script.parent / "made"
    assert {f"--saveEngine={made}/net.engine", f"--timingCacheFile={made}/net.timing"} < set(asked) and made.is_dir()
    assert not {"--int8", "--fp16", "--best"} & set(asked)
    eleven = _run_script(script, 110400, "no such flag any more")
    assert eleven.stdout.split() == [word for word in asked if word != "--stronglyTyped"]


def test_the_command_refuses_what_can_not_work(script: Path, tmp_path: Path) -> None:
    old = _run_script(script, 8502, "--int8")
    assert old.returncode == 2 and "10 or newer is needed" in old.stderr and old.stdout == ""
    without = _sh(script, "/usr/bin:/bin")
    assert without.returncode == 2 and "no trtexec here" in without.stderr
