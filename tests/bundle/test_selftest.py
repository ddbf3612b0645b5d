"""Golden frames through the builds of a bundle: by the command, by the board's own Python, and by a C program."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from bundle_flips import C_FLAGS
from loopback import BoardHere, board_here
from openvino_c import openvino_c
from tiny_builds import make_build

from compress.bundle.contract import CONTRACT, BuildContract, ContractFile
from compress.bundle.golden import write_golden
from compress.bundle.toolbox import copy_tools
from compress.cli import execute
from compress.records import Build
from compress.runtimes.base import RunOptions
from compress.runtimes.parts import parts_runner

KINDS = (("openvino", (1, 3, 16, 24)), ("onnx", (1, 3, 16, 24)), ("onnx", (1, 3, "height", "width")))


def _contract(build: Build) -> BuildContract:
    known = {key: getattr(build, key) for key in BuildContract.model_fields if hasattr(build, key)}
    return BuildContract(**{**known, "files": tuple(f"builds/{name}" for name in build.files)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("made") / "bundle"
    (bundle / "builds").mkdir(parents=True)
    builds = [
        make_build(bundle / "builds", kind, shape, f"int8-{kind}-{shape[2]}")  # type: ignore[arg-type]
        for kind, shape in KINDS
    ]
    ContractFile(builds=tuple(_contract(build) for build in builds)).write(bundle / CONTRACT)
    rng = np.random.default_rng(3)
    pictures = {name: rng.integers(0, 200, (32, 40, 3), dtype=np.uint8) for name in ("a", "b")}
    runs = {build.name: (build, parts_runner(build, bundle / "builds", RunOptions())) for build in builds}
    write_golden(bundle, pictures, runs, {}, "CC0")
    copy_tools(bundle)
    return bundle


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def spoil(bundle: Path) -> None:
    """Every expected picture of the ONNX build of fixed size is upside down now."""
    golden = json.loads((bundle / "golden" / "golden.json").read_text())
    files = {o["file"] for frame in golden["frames"] for o in frame["outputs"] if o["build"] == "int8-onnx-16"}
    for file in files:
        from compress.bundle.golden import _write_picture, read_png

        _write_picture(bundle / file, read_png(bundle / file)[::-1].copy())


def test_here_all_pass_and_a_frame_that_differs_is_named(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["selftest", str(bundle)]) == 0
    assert capsys.readouterr().out.count("pass: ") == 6
    spoil(bundle)
    assert execute(["selftest", str(bundle)]) == 1
    said = capsys.readouterr()
    assert said.out.count("pass: ") == 4 and said.out.count("DIFFERS: int8-onnx-16, frame ") == 2
    assert "dB and at most" in said.err and "(allowed: 40.0 dB, 32 codes)" in said.err
    assert execute(["selftest", str(bundle), "int8-openvino-16"]) == 0


def test_mistakes_are_told_in_a_line(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["selftest", str(bundle), "none"]) == 2
    assert "no build none; it has int8-openvino-16" in capsys.readouterr().err
    (bundle / "golden" / "golden.json").unlink()
    assert execute(["selftest", str(bundle)]) == 2
    assert "is it a bundle?" in capsys.readouterr().err


def test_a_build_without_frames_is_incomplete(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bundle / "golden" / "golden.json"
    golden = json.loads(path.read_text())
    for frame in golden["frames"]:
        frame["outputs"] = [output for output in frame["outputs"] if output["build"] != "int8-onnx-16"]
    golden["not_run"] = {"int8-onnx-16": "no time"}
    path.write_text(json.dumps(golden))
    assert execute(["selftest", str(bundle)]) == 3
    assert "not run: int8-onnx-16: no time" in capsys.readouterr().out


@pytest.fixture(params=["asyncssh", "adb"])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardHere]:
    with board_here(request.param, tmp_path) as made:
        made.enter(monkeypatch)
        yield made


def test_on_a_board_by_its_name(bundle: Path, here: BoardHere, capsys: pytest.CaptureFixture[str]) -> None:
    on = here.host if here.kind == "ssh" else f"adb:{here.host}"
    words = ["selftest", str(bundle), "--on", on, "--python", sys.executable, "--threads", "1"]
    spoil(bundle)
    assert execute(words) == 1
    said = capsys.readouterr().out
    assert said.count("pass: ") == 4 and said.count("DIFFERS: int8-onnx-16") == 2


def alone(bundle: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As a board would: its own Python, nothing of ours on its path."""
    command = [sys.executable, "-I", str(bundle / "tools" / "selftest.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_board_with_python_does_it_alone_and_leaves_nothing(bundle: Path) -> None:
    before = sorted(bundle.rglob("*"))
    done = alone(bundle)
    assert done.returncode == 0 and done.stdout.count("pass: ") == 6, done.stdout + done.stderr
    assert sorted(bundle.rglob("*")) == before
    assert alone(bundle, "--build", "none").returncode == 2
    spoil(bundle)
    done = alone(bundle, "--build", "int8-onnx-16")
    assert done.returncode == 1 and done.stdout.count("DIFFERS: ") == 2
    (bundle / "builds" / "int8-onnx-16.onnx").write_bytes(b"")
    done = alone(bundle)
    assert done.returncode == 3 and "not run: int8-onnx-16: " in done.stdout
    assert alone(bundle, "--build", "int8-onnx-16").returncode == 69


def test_tools_are_python_38_and_import_nothing_of_ours(bundle: Path) -> None:
    sources = sorted((bundle / "tools").rglob("*.py"))
    told = subprocess.run(
        [sys.executable, "-c", "from vermin import main; main()", "-t=3.8-", "--violations", *map(str, sources)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0 and len(sources) == 6, told.stdout
    assert not [
        path.name for path in sources if "import compress" in path.read_text() or "from compress" in path.read_text()
    ]


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler (cc)")
@pytest.mark.skipif(openvino_c() is None, reason="this openvino wheel has no C headers")
@pytest.mark.skipif(find_spec("compress.bundle.header") is None, reason="needs contract.h")
def test_a_c_program_feeds_the_builds_from_the_header_alone(bundle: Path, tmp_path: Path) -> None:
    from compress.bundle.shipped import ship_builds  # type: ignore[import-not-found, unused-ignore]
    from compress.records import BuildList

    builds = tmp_path / "made"
    builds.mkdir()
    listed = BuildList(
        builds=tuple(make_build(builds, kind, shape, f"int8-{kind}-{shape[2]}") for kind, shape in KINDS)
    )  # type: ignore[arg-type]
    shutil.rmtree(bundle / "builds")
    ship_builds(listed, builds, bundle)
    found = openvino_c()
    assert found is not None
    include, library = found
    program = tmp_path / "selftest"
    source = bundle / "tools" / "selftest_openvino.c"
    flags = [*C_FLAGS, "-O1", "-isystem", str(include), "-I", str(bundle), f"-Wl,-rpath,{library.parent}"]
    subprocess.run(["cc", *flags, "-o", str(program), str(source), str(library), "-lm"], check=True, timeout=120)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(program), str(bundle)], capture_output=True, text=True, timeout=120)

    assert run().returncode == 0 and run().stdout.count("pass: ") == 6
    spoil(bundle)
    done = run()
    assert done.returncode == 1 and done.stdout.count("DIFFERS: int8-onnx-16") == 2
