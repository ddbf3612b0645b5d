"""RKNN: builds by the real toolkit, its simulator, its own scales, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from compress.errors import BuildError
from compress.models.quantized import read_table, strip
from compress.operators import OperatorLimit
from compress.records import QuantizationTable
from compress.runtimes.base import BuildOptions, RunOptions
from compress.runtimes.dequantized import without_quantizers
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx, is_quantized
from compress.runtimes.rewrites import rewrite_for
from compress.runtimes.rknn import Rknn, RknnRecord
from compress.runtimes.rknn_file import read_rknn
from compress.schema import Scheme
from compress.toolchains.environment import mending_command, state

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
RK3588 = BuildOptions(platform="rk3588")
LACKING = (
    OperatorLimit(operator="ReduceMax", source="tried"),
    *(OperatorLimit(operator=name, max_kernel=7, source="tried") for name in ("MaxPool", "GlobalMaxPool")),
)
pytestmark = pytest.mark.skipif(
    state("rknn").kind != "ready", reason=f"toolchain rknn is not ready: {mending_command('rknn')}"
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Interchange files: as exported (``plain``), and written with what the NPU has (``float``, ``int8``)."""
    folder = tmp_path_factory.mktemp("rknn")
    nets = {"float": tiny_nets.student_net(), "int8": strip(tiny_nets.fake_quant_net(), *SIZE)}
    for name, net in nets.items():
        export_onnx(net, OnnxRequest(SIZE, False, 18, {}), folder / f"plain-{name}.onnx")
        model, _ = rewrite_for(onnx.load(str(folder / f"plain-{name}.onnx")), LACKING)
        onnx.save(model, str(folder / f"{name}.onnx"))
    return {name: folder / f"{name}.onnx" for name in ("plain-int8", *nets)}


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "frames.npy"
    np.save(path, np.concatenate([_dark(seed) for seed in range(2)]))
    return path


@pytest.fixture(scope="module")
def built(sources: dict[str, Path], frames: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The int8 student for rk3588, all routes measured."""
    folder = tmp_path_factory.mktemp("built")
    return folder, list(Rknn().build(sources["int8"], "net", folder, BuildOptions("rk3588", frames)))


@pytest.fixture(scope="module")
def table() -> QuantizationTable:
    return read_table(tiny_nets.fake_quant_net(), Scheme(), ())


def _dark(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).integers(0, 77, (1, 3, *SIZE)).astype(np.float32) / np.float32(255)


def _psnr_db(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(np.mean((a.astype(np.float64) - b) ** 2)))


def test_trained_scales_beat_the_toolkits_own_and_all_are_measured(built: tuple[Path, list[str]]) -> None:
    folder, files = built
    assert files == ["net.rknn", "net.onnx", "net.json"] and {path.name for path in folder.iterdir()} == set(files)
    record = RknnRecord.read(folder / "net.json")
    dbs = {route.name: min(route.psnr_db) for route in record.routes}
    assert record.route == "trained" and set(dbs) == {"trained", "normal", "kl_divergence"}
    assert dbs["trained"] > 55 and dbs["trained"] > dbs["normal"] + 6 and dbs["trained"] > dbs["kl_divergence"] + 6
    assert record.internal_bytes > 0 and record.weight_bytes > 0


def test_the_simulator_answers_like_the_interchange_file(
    built: tuple[Path, list[str]], sources: dict[str, Path]
) -> None:
    folder, files = built
    session = Rknn().load(folder, tuple(files), RunOptions())
    x = _dark(5)
    first, kept = session.infer(x), x.copy()
    assert first.shape == x.shape and first.dtype == np.float32
    assert _psnr_db(first, answer_of(onnx.load(str(sources["int8"])), x)) > 55
    session.infer(np.zeros_like(x))
    np.testing.assert_array_equal(session.infer(x), first)
    np.testing.assert_array_equal(x, kept)
    session.prepare(x)()
    for bad in (x[:, :, :16], x.astype(np.float64), x[:, :1]):
        with pytest.raises(BuildError, match="takes"):
            session.infer(bad)  # type: ignore[arg-type]
    with pytest.raises(BuildError, match="has one size"):
        Rknn().load(folder, tuple(files), RunOptions(), (40, 64))


def test_scales_are_read_back_and_differences_have_a_cause(
    built: tuple[Path, list[str]], table: QuantizationTable
) -> None:
    folder, files = built
    found = Rknn().inspect(folder, tuple(files), table)
    assert found.scales_compared == len(table.tensors)
    assert found.int8_layers >= 4 and found.float_islands
    assert all("128/127" in line for line in found.scale_differences)
    assert not any(row.tensor in line for line in found.scale_differences for row in table.tensors
                   if row.kind == "activation")  # fmt: skip
    assert any("scales kl_divergence" in line for line in found.notes)
    for kind in ("activation", "weight"):
        place = next(i for i, row in enumerate(table.tensors) if row.kind == kind and "repair/middle1" in row.tensor
                     or row.kind == kind == "activation")  # fmt: skip
        row = table.tensors[place]
        wrong = row.model_copy(update={"scale": (row.scale[0] * 1.01, *row.scale[1:])})
        tensors = (*table.tensors[:place], wrong, *table.tensors[place + 1 :])
        lines = Rknn().inspect(folder, tuple(files), table.model_copy(update={"tensors": tensors})).scale_differences
        assert any(line.startswith(f"{row.tensor}: s") for line in lines), kind


def test_the_file_can_be_read_without_the_toolkit(built: tuple[Path, list[str]]) -> None:
    folder, _ = built
    found = read_rknn(folder / "net.rknn")
    assert found.platform == "rk3588" and any(tensor.scale for tensor in found.tensors)
    raw = (folder / "net.rknn").read_bytes()
    for length in (0, 3, 70, 5000, len(raw) // 2):
        (folder.parent / "cut.rknn").write_bytes(raw[:length])
        with pytest.raises(BuildError, match="not a whole .rknn"):
            read_rknn(folder.parent / "cut.rknn")


def test_other_chips(sources: dict[str, Path], frames: Path, tmp_path: Path, table: QuantizationTable) -> None:
    runtime = Rknn()
    for chip in ("rk3566", "rk3576", "rv1126b"):
        files = runtime.build(sources["int8"], chip, tmp_path, BuildOptions(platform=chip))
        found = runtime.inspect(tmp_path, files, table)
        assert found.scales_compared == len(table.tensors)
        assert all("128/127" in line for line in found.scale_differences), chip
    with pytest.raises(BuildError, match="float16.*needs calibration frames"):
        runtime.build(sources["int8"], "small", tmp_path, BuildOptions(platform="rv1106"))
    files = runtime.build(sources["int8"], "small", tmp_path, BuildOptions("rv1106", frames))
    record = RknnRecord.read(tmp_path / "small.json")
    assert record.route in ("normal", "kl_divergence") and "float16" in record.routes[0].refused
    found = runtime.inspect(tmp_path, files, table)
    assert found.float_layers == 0 and "scales can't be read back from an .rknn for rv1106" in found.notes
    answer = runtime.load(tmp_path, files, RunOptions()).infer(_dark(0))
    worst = min(next(route for route in record.routes if route.name == record.route).psnr_db)
    assert _psnr_db(answer, answer_of(onnx.load(str(sources["int8"])), _dark(0))) > worst - 0.01


def test_float_builds_run_in_float16(sources: dict[str, Path], tmp_path: Path) -> None:
    runtime = Rknn()
    files = runtime.build(sources["float"], "net", tmp_path, RK3588)
    found = runtime.inspect(tmp_path, files, None)
    assert (found.int8_layers, found.float_islands) == (0, ()) and found.float_layers > 0
    answer = runtime.load(tmp_path, files, RunOptions()).infer(_dark(1))
    assert _psnr_db(answer, answer_of(onnx.load(str(sources["float"])), _dark(1))) > 60


def test_errors_that_the_toolkit_calls_success_are_refused(sources: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="Unkown op target.*ReduceMax") as caught:
        Rknn().build(sources["plain-int8"], "net", tmp_path, RK3588)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_a_crash_of_the_toolkit_is_one_line(tmp_path: Path) -> None:
    """It ends with a segmentation fault on a bicubic resize."""
    shape = [1, 3, *SIZE]
    node = helper.make_node("Resize", ["dark", "", "factors"], ["bright"], mode="cubic")
    factors = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "factors")
    graph = helper.make_graph(
        [node], "bicubic", [helper.make_tensor_value_info("dark", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("bright", TensorProto.FLOAT, [1, 3, 2 * SIZE[0], 2 * SIZE[1]])], [factors],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, str(tmp_path / "a.onnx"))
    with pytest.raises(BuildError, match="rknn_toolkit was killed by SIG") as caught:
        Rknn().build(tmp_path / "a.onnx", "net", tmp_path, RK3588)
    assert "\n" not in str(caught.value)


def test_platforms_and_broken_builds_are_named(
    built: tuple[Path, list[str]], sources: dict[str, Path], tmp_path: Path
) -> None:
    for platform in (None, "rk1808"):
        with pytest.raises(BuildError, match="rk3588, rk3566, rk3576, rv1106, rv1126b"):
            Rknn().build(sources["int8"], "net", tmp_path, BuildOptions(platform=platform))
    folder, files = built
    for name in files:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "net.rknn").write_bytes((folder / "net.rknn").read_bytes()[:200])
    with pytest.raises(BuildError, match="net.rknn: cut short or changed"):
        Rknn().load(tmp_path, tuple(files), RunOptions())
    (tmp_path / "net.json").write_text("{}")
    with pytest.raises(BuildError, match="net.rknn: the record"):
        Rknn().inspect(tmp_path, tuple(files), None)


def test_frames_that_are_none(sources: dict[str, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((3, 3)))
    (tmp_path / "text.npy").write_text("no array")
    for name in ("flat.npy", "text.npy", "absent.npy"):
        with pytest.raises(BuildError, match=name):
            Rknn().build(sources["int8"], "net", tmp_path, BuildOptions("rk3588", tmp_path / name))


def test_the_float_self_of_a_quantized_graph(sources: dict[str, Path]) -> None:
    quantized, x = onnx.load(str(sources["int8"])), _dark(2)
    plain = without_quantizers(quantized)
    assert is_quantized(quantized) and not is_quantized(plain)
    near, far = answer_of(plain, x), answer_of(onnx.load(str(sources["float"])), x)
    assert _psnr_db(near, far) > _psnr_db(answer_of(quantized, x), far)
