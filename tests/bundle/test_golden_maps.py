"""Golden frames of builds that answer with maps, alone or beside a picture: written, and tried in three ways."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import two_heads
from bundle_flips import C_FLAGS
from openvino_c import openvino_c

from compress.bundle.contract import CONTRACT, ContractFile
from compress.bundle.golden import GoldenFile, Tolerance, read_png, write_golden
from compress.bundle.golden_maps import MIN_SNR_DB, read_stored, write_maps
from compress.bundle.readme import bundle_readme
from compress.bundle.shipped import ship_builds
from compress.bundle.toolbox import copy_tools
from compress.cli import execute
from compress.detection.decode import decode
from compress.detection.in_graph import with_objects
from compress.errors import BuildError
from compress.models.fcos_lite import FcosLite
from compress.records import BoxMaps, Build, BuildList, IOContract, RuntimeName
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.both import both_contract
from compress.runtimes.interchange import MAPS, OUTPUT, OnnxRequest, export_onnx
from compress.runtimes.maps import maps_contract
from compress.runtimes.parts import parts_runner

SIZE = (64, 96)
LAYOUT = BoxMaps(classes=two_heads.CLASSES)
BOTH, ALONE = "int8-openvino-64x96", "int8-onnx-64x96"


def _listed(folder: Path, name: str, runtime: RuntimeName, contract: IOContract) -> Build:
    files = open_runtime(runtime).build(folder / f"{name}.source", name, folder)
    return Build(
        name=name, variant="int8", runtime=runtime, files=files, height=SIZE[0], width=SIZE[1], ships=True,
        size_bytes=sum((folder / file).stat().st_size for file in files), contract=contract,
        inspection=open_runtime(runtime).inspect(folder, files, None),
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two builds: both outputs through OpenVINO, maps alone through ONNX Runtime, with the boxes in them.

    Beside it the first alone."""
    source, bundle = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made") / "bundle"
    bundle.mkdir()
    torch.manual_seed(3)
    export_onnx(two_heads.net(), OnnxRequest(SIZE, False, 18, {}), source / f"{BOTH}.source")
    alone = FcosLite(8, 2).eval()
    alone.load_state_dict({k: v for k, v in two_heads.net().state_dict().items() if not k.startswith("repair")})
    export_onnx(alone, OnnxRequest(SIZE, False, 18, {"variant": "int8"}), source / f"{ALONE}.source")
    inside = with_objects(onnx.load(str(source / f"{ALONE}.source")), MAPS, LAYOUT, SIZE)
    onnx.save(inside, str(source / f"{ALONE}.source"))
    builds = (
        _listed(source, BOTH, "openvino", both_contract("openvino", *SIZE, 32, LAYOUT)),
        _listed(source, ALONE, "onnx", maps_contract("onnx", *SIZE, 32, LAYOUT, objects=True)),
    )
    ship_builds(BuildList(builds=builds), source, bundle)
    (bundle.parent / "third").mkdir()
    ship_builds(BuildList(builds=builds[:1]), source, bundle.parent / "third")
    rng = np.random.default_rng(3)
    pictures = {name: rng.integers(0, 120, (70, 100, 3), dtype=np.uint8) for name in ("a", "b")}
    runs = {build.name: (build, parts_runner(build, source, RunOptions(threads=1))) for build in builds}
    write_golden(bundle, pictures, runs, {}, "CC0")
    copy_tools(bundle)
    return bundle


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def _spoil(bundle: Path, build: str) -> None:
    """The expected maps of ``build`` are in another order now."""
    golden = GoldenFile.read(bundle / "golden" / "golden.json")
    for frame in golden.frames:
        (output,) = (each for each in frame.outputs if each.build == build)
        path = bundle / output.maps
        values = np.frombuffer(path.read_bytes(), "<f4").copy()
        path.write_bytes(values[::-1].tobytes())


def test_frames_hold_the_tensor_and_the_boxes(made: Path) -> None:
    golden = GoldenFile.read(made / "golden" / "golden.json")
    assert golden.tolerance.min_maps_snr_db == MIN_SNR_DB
    for frame in golden.frames:
        both, alone = sorted(frame.outputs, key=lambda output: output.build, reverse=True)
        assert (both.build, alone.build) == (BOTH, ALONE) and both.file and not alone.file
        assert read_png(made / both.file).shape == (*SIZE, 3)
        for output in (both, alone):
            maps = read_stored(made / output.maps, np.zeros((1, 21, 8, 12)))[0]
            boxes = decode(maps, LAYOUT, *SIZE)
            lines = (made / output.boxes).read_text().splitlines()
            assert len(lines) == len(boxes) > 0
            first = [float(word) for word in lines[0].split()]
            np.testing.assert_allclose(first, [boxes.labels[0], boxes.scores[0], *boxes.corners[0]], atol=1e-3)
    with pytest.raises(BuildError, match="holds 2016 values, the build answers 21"):
        read_stored(made / golden.frames[0].outputs[0].maps, np.zeros((1, 21, 1, 1)))


def test_the_list_for_c_has_a_line_for_each_output(made: Path) -> None:
    first, *lines = (made / "golden" / "golden.txt").read_text().splitlines()
    assert first == f"tolerance 40.0 32 {MIN_SNR_DB}"
    assert [line.split()[0] for line in lines] == [BOTH, BOTH, ALONE] * 2
    assert [line.split()[2].rpartition(".")[2] for line in lines] == ["ppm", "f32", "f32"] * 2


def test_pictures_alone_are_listed_as_before() -> None:
    assert Tolerance().model_dump(mode="json") == {"min_psnr_db": 40.0, "max_abs_codes": 32}


def test_maps_lie_as_they_leave_the_build(tmp_path: Path) -> None:
    maps = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    spec = maps_contract("onnx", *SIZE, 32, LAYOUT).output
    for layout, values in (("NCHW", maps), ("NHWC", maps.transpose(1, 2, 0))):
        write_maps(tmp_path / "maps", maps, spec.model_copy(update={"layout": layout}))
        assert (tmp_path / "maps").read_bytes() == np.ascontiguousarray(values).tobytes()


def test_a_contract_with_two_outputs_is_of_the_third_format_and_one_with_boxes_of_the_fourth(made: Path) -> None:
    assert ContractFile.read(made.parent / "third" / CONTRACT).format == "compress-contract/3"
    listed = ContractFile.read(made / CONTRACT)
    assert listed.format == "compress-contract/4"
    both, alone = listed.builds
    assert [each.name for each in alone.contract.ends] == ["maps", "objects"] and len(both.contract.ends) == 2
    assert both.feeding is not None and both.feeding.maps is not None and alone.feeding is not None
    assert both.feeding.maps.size_bytes == alone.feeding.output.size_bytes == 21 * 8 * 12 * 4
    assert alone.feeding.maps is None and "maps" not in json.loads(alone.feeding.text())
    header = (made / "contract.h").read_text()
    assert "#define COMPRESS_INT8_OPENVINO_64X96_MAPS_BYTES 8064" in header
    assert "INT8_ONNX_64X96_MAPS_BYTES" not in header


def test_the_readme_says_how_both_are_used(made: Path) -> None:
    builds = ContractFile.read(made / CONTRACT).builds
    text = bundle_readme("two", (), "id", builds, {each.name for each in made.iterdir()})
    assert "compress_read(build" in text and "compress_boxes(build" in text and "at least\n40 dB" in text
    assert "`boxes.h`" in text and text.count("- output: `maps`") == 2 and "- maps buffer: 8,064 bytes" in text
    alone = bundle_readme("one", (), "id", builds[1:], set())
    assert "compress_read(build" not in alone and "compress_boxes(build" in alone


def test_here_all_pass_and_maps_that_differ_are_named(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["selftest", str(bundle)]) == 0
    said = capsys.readouterr().out
    assert said.count("pass: ") == 4 and said.count("; maps ") == 2 and said.count(": maps ") == 2
    _spoil(bundle, BOTH)
    assert execute(["selftest", str(bundle)]) == 1
    told = capsys.readouterr()
    assert told.out.count("DIFFERS: int8-openvino") == 2 and "(allowed: 40.0 dB)" in told.err


def _alone(bundle: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(bundle / "tools" / "selftest.py")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_board_with_python_does_it_alone(bundle: Path) -> None:
    done = _alone(bundle)
    assert done.returncode == 0 and done.stdout.count("pass: ") == 6, done.stdout + done.stderr
    _spoil(bundle, ALONE)
    done = _alone(bundle)
    assert done.returncode == 1 and done.stdout.count("DIFFERS: int8-onnx-64x96") == 2


@pytest.mark.skipif(not shutil.which("cc") or openvino_c() is None, reason="needs cc and OpenVINO's C headers")
def test_a_c_program_does_it_from_the_header_alone(bundle: Path, tmp_path: Path) -> None:
    found = openvino_c()
    assert found is not None
    include, library = found
    program, source = tmp_path / "selftest", bundle / "tools" / "selftest_openvino.c"
    flags = [*C_FLAGS, "-O1", "-isystem", str(include), "-I", str(bundle), f"-Wl,-rpath,{library.parent}"]
    subprocess.run(["cc", *flags, "-o", str(program), str(source), str(library), "-lm"], check=True, timeout=120)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(program), str(bundle)], capture_output=True, text=True, timeout=120)

    done = run()
    assert done.returncode == 0 and done.stdout.count("pass: ") == 6, done.stdout + done.stderr
    assert done.stdout.count("maps ") == 4
    _spoil(bundle, BOTH)
    assert run().returncode == 1 and run().stdout.count("DIFFERS: int8-openvino") == 2


def test_typical_mistakes_are_out_of_tolerance(made: Path) -> None:
    """Another range, a shift, an upside down picture: all fall below the limit for maps."""
    from compress.parity.bisect import snr_db

    (build,) = (each for each in ContractFile.read(made / CONTRACT).builds if each.name == BOTH)
    listed = Build(**{k: getattr(build, k) for k in ("name", "variant", "runtime", "files", "size_bytes", "height",
                                                      "width", "contract")}, ships=True,
                   inspection=open_runtime("openvino").inspect(made, build.files, None))  # fmt: skip
    run = parts_runner(listed, made, RunOptions(threads=1))
    picture = read_png(made / GoldenFile.read(made / "golden" / "golden.json").frames[0].input)
    right = run(picture)
    assert right[OUTPUT].shape == (*SIZE, 3)
    for wrong in (picture // 4, np.roll(picture, 16, axis=1), picture[::-1]):
        assert snr_db(right[MAPS], run(np.ascontiguousarray(wrong))[MAPS]) < MIN_SNR_DB
