"""What every runtime must do, whatever the SDK: one contract test, run against all that are registered."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
import torch
from numpy.typing import NDArray
from torch import nn

from compress.errors import BuildError
from compress.models.quantized import read_table, strip
from compress.operators import OperatorLimit
from compress.records import Inspection
from compress.runtimes import RUNTIMES, open_runtime
from compress.runtimes.base import PLAIN, BuildOptions, RunOptions, Runtime
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.runtimes.rewrites import rewrite_for
from compress.runtimes.rknn import Rknn
from compress.runtimes.rknn_file import read_rknn
from compress.schema import Scheme
from compress.toolchains.environment import mending_command, state

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
ONE = RunOptions(threads=1)
SCHEMES = {"tensorrt": Scheme(activations="symmetric")}
"""How a runtime's devices compute, where that is not the default."""
LACKING = (
    OperatorLimit(operator="ReduceMax", source="tried"),
    OperatorLimit(operator="MaxPool", max_kernel=7, source="tried"),
)
"""What the RKNN compiler makes an error of."""
FLOAT16 = ("rknn",)
"""Runtimes whose floats have eleven bits."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The float student and its stripped fake-quant selves as interchange files."""
    folder = tmp_path_factory.mktemp("sources")
    nets = {"float": tiny_nets.student_net()}
    nets |= {f"int8-{name}": strip(_fake_quant(name), *SIZE) for name in ("onnx", *SCHEMES)}
    for name, net in nets.items():
        export_onnx(net, OnnxRequest(SIZE, False, 18, {}), folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in nets}


def _fake_quant(name: str) -> nn.Module:
    return tiny_nets.fake_quant_net(SCHEMES.get(name, Scheme()))


def _source(sources: dict[str, Path], name: str, kind: str) -> Path:
    """The source of ``kind`` (float, int8) for runtime ``name``."""
    return sources["float"] if kind == "float" else sources[f"int8-{name if name in SCHEMES else 'onnx'}"]


class _ForRk3588(Rknn):
    """A chip has to be named, and ReduceMax written otherwise, as the target does it."""

    def build(self, source: Path, name: str, out: Path, options: BuildOptions = PLAIN) -> tuple[str, ...]:
        with tempfile.TemporaryDirectory() as folder:
            model, _ = rewrite_for(onnx.load(str(source)), LACKING)
            onnx.save(model, folder + "/source.onnx")
            return super().build(Path(folder, "source.onnx"), name, out, BuildOptions(platform="rk3588"))


def _maker(name: str) -> Runtime:
    """The runtime, if what it builds with is there."""
    runtime = _ForRk3588() if name == "rknn" else open_runtime(name)
    if runtime.toolchain is not None and state(runtime.toolchain).kind != "ready":
        pytest.skip(f"toolchain {runtime.toolchain} is not ready: {mending_command(runtime.toolchain)}")
    return runtime


def _runner(name: str) -> Runtime:
    """The runtime, if its builds run on this machine."""
    runtime = _maker(name)
    reason = runtime.why_not_here()
    if reason is not None:
        pytest.skip(reason)
    return runtime


Builds = Callable[[str, str], tuple[Path, tuple[str, ...]]]


@pytest.fixture(scope="module")
def builds(sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """Runtime and kind of source to folder and files, each built once; who changes a file works on a copy."""

    @cache
    def made(name: str, kind: str) -> tuple[Path, tuple[str, ...]]:
        runtime, folder = _maker(name), tmp_path_factory.mktemp(f"{name}-{kind}")
        return folder, runtime.build(_source(sources, name, kind), "net", folder)

    return made


@pytest.fixture
def dark() -> NDArray[np.float32]:
    return _codes(3, SIZE)


def _codes(seed: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """A dark picture of 8-bit codes, which every build takes without loss."""
    return np.random.default_rng(seed).integers(0, 77, (1, 3, *size)).astype(np.float32) / np.float32(255)


def _seen(answer: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """``answer`` as a build with this runtime's border can give it."""
    kind = open_runtime(name).border("bright", *SIZE).dtype
    return np.rint(answer * np.float32(255)) / np.float32(255) if kind in ("uint8", "int8") else answer


def _tolerance(name: str) -> float:
    """One code where the answer is codes: float sums of another order end on the other side of an edge."""
    if name in FLOAT16:
        return 4e-3
    return 1.001 / 255 if open_runtime(name).border("bright", *SIZE).dtype in ("uint8", "int8") else 1e-4


def _digests(name: str, folder: Path, files: tuple[str, ...]) -> object:
    """Of the bytes; RKNN's compiler writes addresses of its memory among them, so of that what can be read."""
    if name == "rknn":
        made = read_rknn(folder / files[0])
        return made.tensors, made.nodes, (folder / files[1]).read_bytes()
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files]


def _unexplained(found: Inspection) -> list[str]:
    """Differences but for those whose cause is known to be the SDK: RKNN's toolkit rounds weights again."""
    return [line for line in found.scale_differences if "128/127" not in line]


@pytest.mark.parametrize("name", RUNTIMES)
class TestRuntime:
    def test_builds_are_files_with_equal_bytes(
        self, name: str, sources: dict[str, Path], builds: Builds, tmp_path: Path
    ) -> None:
        folder, files = builds(name, "int8")
        builds(name, "float")  # whatever the process did before
        again = _maker(name).build(_source(sources, name, "int8"), "net", tmp_path)
        for place in (folder, tmp_path):
            assert {path.name for path in place.iterdir()} == set(files) == set(again)
        assert _digests(name, folder, files) == _digests(name, tmp_path, again)

    def test_float_build_answers_like_torch(self, name: str, builds: Builds, dark: NDArray[np.float32]) -> None:
        runtime = _runner(name)
        folder, files = builds(name, "float")
        with torch.no_grad():
            truth = tiny_nets.student_net()(torch.from_numpy(dark)).numpy()
        before = dark.copy()
        answer = runtime.load(folder, files, ONE).infer(dark)
        np.testing.assert_allclose(answer, _seen(truth, name), atol=_tolerance(name))
        assert np.mean(np.abs(answer - _seen(truth, name))) < (5e-4 if name in FLOAT16 else 1e-5)
        np.testing.assert_array_equal(dark, before)

    def test_int8_build_answers_like_the_fake_quant_net(
        self, name: str, builds: Builds, dark: NDArray[np.float32]
    ) -> None:
        runtime = _runner(name)
        folder, files = builds(name, "int8")
        with torch.no_grad():
            truth = _fake_quant(name)(torch.from_numpy(dark)).numpy()
            floating = tiny_nets.student_net()(torch.from_numpy(dark)).numpy()
        answer = runtime.load(folder, files, ONE).infer(dark)
        away = np.abs(answer - _seen(truth, name)).mean()
        assert away < (5e-4 if name in FLOAT16 else 0.3 * np.abs(answer - floating).mean())

    def test_answers_repeat_bit_for_bit_and_belong_to_the_caller(
        self, name: str, builds: Builds, dark: NDArray[np.float32]
    ) -> None:
        runtime = _runner(name)
        folder, files = builds(name, "int8")
        session = runtime.load(folder, files, RunOptions(threads=2))
        first = session.infer(dark)
        kept = first.copy()
        session.infer(np.zeros_like(dark))
        np.testing.assert_array_equal(first, kept)
        np.testing.assert_array_equal(runtime.load(folder, files, RunOptions(threads=2)).infer(dark), kept)

    def test_prepared_run_computes_on_its_input(self, name: str, builds: Builds, dark: NDArray[np.float32]) -> None:
        runtime = _runner(name)
        session = runtime.load(*builds(name, "float"), ONE)
        run = session.prepare(dark)
        assert run() is None  # type: ignore[func-returns-value]
        before = time.process_time_ns()
        for _ in range(20):
            run()
        assert time.process_time_ns() > before

    def test_inspection_tells_int8_from_float(self, name: str, sources: dict[str, Path], builds: Builds) -> None:
        runtime = _maker(name)
        layers = sum(node.op_type == "Conv" for node in onnx.load(str(sources["float"])).graph.node)
        floating = runtime.inspect(*builds(name, "float"), None)
        if name == "rknn":  # it writes pools, concatenations and slices as convolutions of its own
            layers = floating.float_layers
        assert (floating.int8_layers, floating.float_layers, floating.float_islands) == (0, layers, ())
        quantized = runtime.inspect(*builds(name, "int8"), None)
        trained = sum(row.kind == "weight" for row in read_table(_fake_quant(name), Scheme(), ()).tensors)
        # ONNX Runtime, RKNN and LiteRT have no int8 convolution whose answer stays float: the first and the last one.
        assert quantized.int8_layers == (trained if name in ("openvino", "tensorrt") else trained - 2)
        assert len(quantized.float_islands) == quantized.float_layers == layers - quantized.int8_layers

    def test_scales_are_the_trained_ones(self, name: str, builds: Builds) -> None:
        runtime = _maker(name)
        folder, files = builds(name, "int8")
        table = read_table(_fake_quant(name), Scheme(), ())
        found = runtime.inspect(folder, files, table)
        assert (found.scales_compared, _unexplained(found)) == (len(table.tensors), [])
        row = table.tensors[0]
        wrong = row.model_copy(update={"scale": tuple(s * 1.001 for s in row.scale)})
        changed = table.model_copy(update={"tensors": (wrong, *table.tensors[1:])})
        (difference,) = _unexplained(runtime.inspect(folder, files, changed))
        assert difference.startswith(f"{row.tensor}: scale ")
        shorter = table.model_copy(update={"tensors": table.tensors[1:]})
        (extra,) = _unexplained(runtime.inspect(folder, files, shorter))
        assert extra.endswith("not in the table")

    def test_other_sizes_are_taken_when_asked_for(self, name: str, builds: Builds) -> None:
        runtime = _runner(name)
        folder, files = builds(name, "float")
        x = _codes(1, (40, 64))
        with torch.no_grad():
            truth = tiny_nets.student_net()(torch.from_numpy(x)).numpy()
        if name in ("rknn", "tflite"):
            with pytest.raises(BuildError, match="has one size"):
                runtime.load(folder, files, ONE, (40, 64))
            return
        answer = runtime.load(folder, files, ONE, (40, 64)).infer(x)
        np.testing.assert_allclose(answer, _seen(truth, name), atol=_tolerance(name))

    def test_pictures_in_a_batch_are_answered_as_alone(self, name: str, builds: Builds) -> None:
        runtime = _runner(name)
        folder, files = builds(name, "int8")
        if name not in ("onnx", "openvino"):
            with pytest.raises(BuildError, match=f"{files[0]} takes one picture at a time; ask for batch 1, or an"):
                runtime.load_batch(folder, files, ONE, None, 3)
            assert runtime.load_batch(folder, files, ONE, None, 1)
            return
        x = np.concatenate([_codes(seed, SIZE) for seed in range(3)])
        session = runtime.load_batch(folder, files, ONE, None, 3)
        one = runtime.load(folder, files, ONE)
        alone = np.concatenate([one.infer(x[k : k + 1]) for k in range(3)])
        np.testing.assert_allclose(session.infer(x), alone, atol=1e-6)
        assert session.prepare(x)() is None  # type: ignore[func-returns-value]
        for wrong in (session, one):
            with pytest.raises(BuildError):
                wrong.infer(x[:2])

    def test_what_can_not_run_here_says_why(self, name: str, builds: Builds) -> None:
        runtime = _maker(name)
        reason = runtime.why_not_here()
        folder, files = builds(name, "float")
        if reason is None:
            assert runtime.load(folder, files, ONE)
            return
        with pytest.raises(BuildError) as caught:
            runtime.load(folder, files, ONE)
        assert reason in str(caught.value) and "\n" not in str(caught.value)

    def test_broken_files_are_one_line(self, name: str, builds: Builds, tmp_path: Path) -> None:
        runtime = _maker(name)
        whole, files = builds(name, "float")
        folder = shutil.copytree(whole, tmp_path / "copy")
        (folder / files[0]).write_bytes((folder / files[0]).read_bytes()[:200])
        for broken in (lambda: runtime.load(folder, files, ONE), lambda: runtime.inspect(folder, files, None)):
            with pytest.raises(BuildError) as caught:
                broken()
            assert files[0] in str(caught.value) and "\n" not in str(caught.value)

    def test_wrong_input_is_one_line(self, name: str, builds: Builds, dark: NDArray[np.float32]) -> None:
        runtime = _runner(name)
        folder, files = builds(name, "float")
        session = runtime.load(folder, files, ONE)
        for bad in (dark[:, :, :16], dark.astype(np.float64), dark[:, :1]):
            with pytest.raises(BuildError) as caught:
                session.infer(bad)  # type: ignore[arg-type]
            assert "\n" not in str(caught.value)
