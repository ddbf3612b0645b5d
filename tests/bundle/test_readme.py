"""The bundle's README says what is there, and its C program compiles as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tiny_builds import make_build

from compress.bundle.contract import BuildContract
from compress.bundle.readme import bundle_readme
from compress.bundle.shipped import ship_builds
from compress.records import BuildList

KEY = "sha256:" + "0" * 64


@pytest.fixture
def builds(tmp_path: Path) -> tuple[BuildContract, ...]:
    (tmp_path / "made").mkdir()
    made = [make_build(tmp_path / "made", name, name=f"int8-{name}") for name in ("onnx", "openvino")]
    return ship_builds(BuildList(builds=tuple(made)), tmp_path / "made", tmp_path)


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler (cc)")
def test_its_c_program_compiles(builds: tuple[BuildContract, ...], tmp_path: Path) -> None:
    found = re.search(r"```c\n(.*?)```", bundle_readme("tiny", (), KEY, builds, ()), re.DOTALL)
    assert found is not None
    (tmp_path / "enhance.c").write_text(found[1])
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "enhance.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_what_is_there_is_spoken_of(builds: tuple[BuildContract, ...]) -> None:
    plain = bundle_readme("tiny", (), KEY, builds, ("builds", "contract.h"))
    assert "| `builds/` |" in plain and "| `contract.h` |" in plain
    assert "tools/" not in plain and "CHANGELOG" not in plain and "A draft" not in plain
    more = bundle_readme("tiny", ("not measured",), KEY, builds, ("tools", "CHANGELOG.md"))
    assert "`tools/` does this" in more and "| `CHANGELOG.md` |" in more
    assert "- not measured" in more and "**A draft**" in more


def test_each_build_says_how_it_is_fed(builds: tuple[BuildContract, ...]) -> None:
    text = bundle_readme("tiny", (), KEY, builds, ())
    onnx, openvino = (part for part in text.split("\n### ")[1:])
    assert "round_half_even(v)" in onnx and "1,536 bytes, aligned to 4" in onnx and "t = p\n" in openvino
    assert "384 bytes, aligned to 1" in openvino and "peak of tensors unknown" in openvino
    assert "40 dB" in text and "32\ncodes" in text
