"""What users get wrong, through the real command: one line, exit 2, no traceback, earlier results untouched."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from compress.cli import execute
from compress.errors import EXIT_USER

TRAINED = "stages=[teacher,distill]"
SMALL = ("recipe=tiny", "target=x86_edge", "student.width=16", TRAINED)


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a small set of pairs in ``pairs/``, and a store that holds one teacher."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPRESS_STORE", raising=False)
    for split, count in (("train", 4), ("test", 1)):
        for index in range(count):
            for side in ("low", "high"):
                path = tmp_path / "pairs" / split / side / f"{split}{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                seed = hash((split, index, side)) % 2**32
                Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)).save(path)
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "mine.yaml").write_text("licence: mine\nkind: paired\nval_fraction: 0.3\n")
    assert execute(["run", "recipe=tiny", "target=x86_edge", "stages=[teacher]"]) == 0
    return tmp_path / "pairs"


def _store_digest() -> str:
    """Of everything sealed; a stage that was refused halfway may leave its scratch, which is not a result."""
    files = sorted(p for p in Path("artifacts/store").glob("[!.]*/**/*") if p.is_file())
    return hashlib.sha256(b"".join(str(p).encode() + p.read_bytes() for p in files)).hexdigest()


def _refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The error of a run with ``words``: exit 2, lines that each begin with 'error:', nothing sealed or changed."""
    before = _store_digest()
    capsys.readouterr()
    assert execute(["run", *words]) == EXIT_USER
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert _store_digest() == before
    return error.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("recipe=tinyy", "target=x86_edge"), "no recipe 'tinyy'. Did you mean 'tiny'?"),
        (("recipe=tiny", "target=x86_egde"), "no target 'x86_egde'. Did you mean 'x86_edge'?"),
        ((*SMALL, "student.widht=24"), "student.widht: no such key. Did you mean 'student.width'?"),
        ((*SMALL[:2], "student.width=wide"), "student.width: should be an integer, not 'wide'"),
    ],
)
def test_names_keys_and_types(
    pairs: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], part: str
) -> None:
    assert part in _refused(capsys, *words)


def test_all_mistakes_are_told_at_once(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert execute(["run", "recipe=tiny", "target=x86_egde", "student.widht=1", "quantize.train.lr=fast"]) == EXIT_USER
    error = capsys.readouterr().err
    assert all(part in error for part in ("x86_egde", "student.widht", "quantize.train.lr"))


def test_an_empty_folder(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (pairs / "train" / "low").iterdir():
        path.unlink()
    assert "low" in _refused(capsys, *SMALL, "data=mine", f"data.root={pairs}")


def test_no_folder_at_all(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "/nowhere" in _refused(capsys, *SMALL, "data=mine", "data.root=/nowhere")
    assert "data.root" in _refused(capsys, *SMALL, "data=mine")


def test_a_corrupt_picture_is_named(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = pairs / "train" / "low" / "train1.png"
    path.write_bytes(path.read_bytes()[:60])
    assert "train1.png" in _refused(capsys, *SMALL, "data=mine", f"data.root={pairs}")


def test_pairs_that_do_not_match_are_named(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pairs / "train" / "high" / "train2.png").unlink()
    assert "train2" in _refused(capsys, *SMALL, "data=mine", f"data.root={pairs}")


def test_pairs_of_two_sizes_are_named(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (80, 48)).save(pairs / "train" / "high" / "train0.png")
    assert "train0" in _refused(capsys, *SMALL, "data=mine", f"data.root={pairs}")


def test_a_truncated_teacher(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from compress.models.weights import resolve_weights

    whole = resolve_weights("builtin:low_light").read_bytes()
    Path("cut.safetensors").write_bytes(whole[: len(whole) // 2])
    error = _refused(capsys, *SMALL, "teacher.weights=cut.safetensors")
    assert "cut.safetensors: not a whole safetensors file" in error


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, ("bomb_went_off", "w"))


def test_a_teacher_that_would_run_code(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bomb.pt").write_bytes(pickle.dumps(_Bomb()))
    assert "bomb.pt: a pickle" in _refused(capsys, *SMALL, "teacher.weights=bomb.pt")
    assert not Path("bomb_went_off").exists()


def test_help_of_the_command_works() -> None:
    from compress.cli import cli

    assert "compress run recipe=kd_int8 target=x86_edge" in CliRunner().invoke(cli, ["--help"]).output
