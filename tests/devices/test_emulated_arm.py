"""The runner on 64-bit Arm, emulated: its answers with the aarch64 wheels against those of this machine.

Needs a Python that ``scripts/arm64_python.sh`` makes, named in $COMPRESS_TEST_ARM64. Emulated time is no figure, so
none is looked at.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
from loopback import board_here

from compress.devices.remote import BoardBuild, Place, run_on_board
from compress.devices.runner.sessions import open_build
from compress.records import BuildList
from compress.runtimes import why_not_built
from compress.runtimes.picture import from_tensor, to_tensor
from compress.schema import ExportSpec
from compress.stages import load_stage

PYTHON = os.environ.get("COMPRESS_TEST_ARM64")
SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
pytestmark = [
    pytest.mark.skipif(PYTHON is None, reason="no emulated Arm; make one with scripts/arm64_python.sh"),
    pytest.mark.timeout(1200),
]


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
def test_an_arm_answers_as_this_machine_does(runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if why_not_built(runtime) is not None:
        pytest.skip("no toolchain")
    nets = tiny_nets.make_student(tmp_path / "student"), tiny_nets.make_quantized(tmp_path / "quantized")
    spec = ExportSpec(builds=("onnx", "tflite"), size=SIZE, dynamic=False)
    inputs = None, nets[0], None, None, nets[1], spec, tiny_nets.FLOATS, tiny_nets.NO_BOARD, tiny_nets.DATA
    made = tmp_path / "builds"
    made.mkdir()
    load_stage("export").function(*inputs, made, tiny_nets.Told())
    listed = [build for build in BuildList.read(made / "builds.json").builds if build.runtime == runtime]
    pictures = [np.random.default_rng(k).integers(0, 80, (*SIZE, 3), np.uint8) for k in range(3)]
    jobs = []
    for build in listed:
        tensors = np.concatenate(
            [to_tensor(each, build.contract.input, build.contract.size_multiple) for each in pictures]
        )
        jobs.append(BoardBuild(build.name, runtime, (made / build.files[0],), 1, "f32", tensors))
    (tmp_path / "board").mkdir()
    with board_here("asyncssh", tmp_path / "board") as here:
        here.enter(monkeypatch)
        results = run_on_board(Place(here.board, str(PYTHON)), tuple(jobs), 1, 1, lambda *_: None)
    assert "aarch64" in results.facts.before["kernel"] and {build.variant for build in listed} >= {"student", "int8"}
    for build, job in zip(listed, jobs, strict=True):
        session = open_build(runtime, job.files[0], 1, "f32")
        for number, there in enumerate(results.answers[build.name]):
            bright = build.contract.output
            arm = from_tensor(there[None], bright, *SIZE).astype(int)
            x86 = from_tensor(session.infer(job.tensors[number : number + 1]), bright, *SIZE).astype(int)
            off = np.abs(arm - x86)
            psnr_db = 10 * np.log10(255**2 / max((off**2).mean(), 1e-9))
            print(f"{build.name}, picture {number}: {100 * (off > 0).mean():.1f} % of the bytes differ, by up to "
                  f"{off.max()}, {psnr_db:.1f} dB")  # fmt: skip
            # Measured: 54 dB in INT8. Why is not known; XNNPACK has other int8 kernels for Arm (ADR 0018).
            assert psnr_db > 50 if runtime == "tflite" and build.variant != "student" else off.max() <= 1
