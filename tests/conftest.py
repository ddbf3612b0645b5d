"""What tests of the command share: a working folder of its own, with small recipes and targets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_FILES = {
    "recipes/toy.yaml": "# compress run recipe=toy target=box\ndescription: a toy\nstages: [teacher, distill, gate]\n"
    "data: pictures\nstudent:\n  width: 16\nquantize:\n  train: {lr: 3e-4}\n",
    "targets/box.yaml": "description: a box\nbudget: {min_fps: 10}\n",
    "targets/board.yaml": "description: a board\nbudget: {min_fps: 200}\n",
    "calibration/pictures.yaml": "licence: free\nkind: embedded\n",
    "calibration/pairs.yaml": "licence: theirs\nkind: paired\n",
}


@pytest.fixture(autouse=True)
def same_random_weights() -> None:
    """Untrained networks do not depend on the tests before: a worker runs some of them, in an order of its own."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with recipe ``toy``, targets ``box`` and ``board``, sets ``pictures`` and ``pairs``."""
    for name, text in _FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMPRESS_STORE", raising=False)
    return tmp_path


@pytest.fixture
def toy_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put stages that do next to nothing under the names ``teacher``, ``distill`` and ``gate``."""
    from compress.stages import STAGES

    for name in ("teacher", "distill", "gate"):
        monkeypatch.setitem(STAGES, name, "toy_stages")
