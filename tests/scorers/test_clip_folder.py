"""What a folder of CLIP's needs is said without opening it, and without transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from compress.errors import WeightsError
from compress.schema.unpaired import ScorerSpec
from compress.scorers.clip_folder import folder_digests, folder_problem


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert "missing; name a folder" in (folder_problem(None) or "")
    assert "no config.json and no model.safetensors" in (folder_problem(str(tmp_path)) or "")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="unpaired.scorer.weights: no model.safetensors in"):
        folder_digests(str(tmp_path))


def test_without_the_library_the_way_to_it_is_said(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    problem = folder_problem(str(tmp_path))
    assert problem is None if find_spec("transformers") else "pip install 'compress[clip]'" in (problem or "")


def test_a_critic_needs_no_folder_and_its_training_counts() -> None:
    assert "train" in ScorerSpec().identity() and "weights" not in ScorerSpec().identity()
