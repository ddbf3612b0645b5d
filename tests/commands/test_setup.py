"""``compress setup``: what it says, and that every name is checked before the first is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_toolchain import write_environment

from compress.cli import execute

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *words: str) -> tuple[int, str, str]:
    code = execute(("setup", *words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_makes_it_once(capsys: Capture, tiny: Path, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "tensorrt", "--wheels", str(tmp_path / "wheels"))
    assert code == 0
    assert out.startswith("tensorrt: made in ") and "; tiny-sdk 1.0, Python 3." in out and out.endswith(f" in {tiny}\n")
    code, out, _ = run(capsys, "tensorrt", "tensorrt")
    assert code == 0
    assert out.startswith("tensorrt: was ready; tiny-sdk 1.0, ") and out.count("\n") == 1


def test_a_broken_one_is_announced_and_an_error_is_one_line(capsys: Capture, tiny: Path, tmp_path: Path) -> None:
    write_environment(tiny, version="0.9")
    (tmp_path / "empty").mkdir()
    code, out, err = run(capsys, "tensorrt", "--wheels", str(tmp_path / "empty"))
    assert (code, out) == (2, "")
    assert "tensorrt is broken (it holds tiny-sdk 0.9, the lock says 1.0); making it anew\n" in err
    last = err.splitlines()[-1]
    assert last.startswith("error: toolchain tensorrt: could not fetch tiny-sdk==1.0; ")
    assert (tiny / "ready.json").is_file(), "what was there stays until there is better"


@pytest.mark.usefixtures("tiny")
def test_every_name_is_checked_first(capsys: Capture, tmp_path: Path) -> None:
    said = "error: no toolchain 'rkn'. Did you mean 'rknn'? There are: tflite, rknn, tensorrt\n"
    assert run(capsys, "tensorrt", "rkn", "--wheels", str(tmp_path / "wheels")) == (2, "", said)
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written(capsys: Capture, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_TOOLCHAINS", "/dev/null/toolchains")
    code, _, err = run(capsys, "tensorrt")
    assert code == 2
    assert err.startswith("error: toolchain tensorrt: can't be made in /dev/null/toolchains: ")
