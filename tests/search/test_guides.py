"""What the teacher said is worked out by the first candidate and found by all others."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_nets

from compress.artefacts import Student, Teacher
from compress.schema import DataSpec, DistillSpec, Hint
from compress.search import guides
from compress.stage import stage


@stage(gives=Student, version=1)
def distill(teacher: Teacher, distill: DistillSpec, data: DataSpec, out: Path, scratch: Path) -> None:
    """Asks about three pictures, each once, as ``training.guide`` does; stopped by a bug where the loss is bad."""
    folder = scratch / "guide"
    folder.mkdir(exist_ok=True)
    asked = 0
    for number in range(3):
        path = folder / f"output-{number}.npy"
        if not path.exists():
            path.write_bytes(teacher.digest.encode())
            asked += 1
    (folder / "output-9.part.npy").write_bytes(b"half")
    (out / "asked").write_text(f"{asked}")


def asked(shared: Path, place: Path, teacher: str = "t", hints: tuple[Hint, ...] = ()) -> int:
    (place / "out").mkdir(parents=True)
    (place / "scratch").mkdir()
    guides.sharing_guides(shared)("distill").function(
        teacher=Teacher(place, "", teacher), distill=DistillSpec(hints=hints), data=tiny_nets.DATA, out=place / "out",
        scratch=place / "scratch",
    )  # fmt: skip
    return int((place / "out" / "asked").read_text())


@pytest.fixture(autouse=True)
def our_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guides, "load_stage", lambda name: distill)


def test_the_teacher_is_asked_once_for_each_thing_that_decides_its_answer(tmp_path: Path) -> None:
    shared = tmp_path / "guides"
    assert [asked(shared, tmp_path / name) for name in "abc"] == [3, 0, 0]
    assert asked(shared, tmp_path / "other", teacher="u") == 3
    assert asked(shared, tmp_path / "hints", hints=(Hint(teacher="body", student="repair"),)) == 3
    assert not list(shared.rglob("*.part.npy"))


def test_a_stage_keeps_its_answers_when_the_shared_ones_go(tmp_path: Path) -> None:
    """A scratch folder that survives the search must be whole by itself."""
    import shutil

    shared = tmp_path / "guides"
    asked(shared, tmp_path / "a")
    asked(shared, tmp_path / "b")
    shutil.rmtree(shared)
    assert (tmp_path / "b" / "scratch" / "guide" / "output-1.npy").read_bytes() == b"t"


def test_a_disk_that_can_t_link_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(guides.os, "link", refuse)
    shared = tmp_path / "guides"
    assert [asked(shared, tmp_path / name) for name in "ab"] == [3, 0]
