"""What training curves show of a detector."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_boxes
import torch

from compress.data.boxes import BoxSource, open_folder
from compress.errors import DataError
from compress.models import build_net
from compress.schema import DataSpec
from compress.training.loop import CurvePoint
from compress.training.watched import MOST, looked_at, map50_of


def test_an_untrained_detector_is_near_zero_and_a_split_without_boxes_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    root, net = tiny_boxes.write_set(tmp_path / "set", 16), build_net("fcos_lite", {"width": 8, "classes": 2}).eval()
    folder = open_folder(DataSpec(licence="test", kind="boxes", root=str(root), size=(96, 96)))
    assert 0 <= map50_of(net, BoxSource(folder, "val")) < 0.2
    for name in BoxSource(folder, "val").names:
        (root / "labels" / f"{name}.txt").write_text("")
    with pytest.raises(DataError, match="no validation picture has a box"):
        map50_of(net, BoxSource(folder, "val"))


def test_a_point_of_pictures_is_written_as_before() -> None:
    plain = CurvePoint(step=1, lr=0.1, loss=1.0, parts={}, val_psnr_db=20.0)
    assert "val_map50" not in plain.model_dump() and CurvePoint(**plain.model_dump()) == plain
    assert plain.model_copy(update={"val_map50": 0.5}).model_dump()["val_map50"] == 0.5


def test_all_are_looked_at_and_of_many_some_everywhere() -> None:
    assert looked_at(0) == () and looked_at(7) == tuple(range(7)) and looked_at(MOST) == tuple(range(MOST))
    for total in (MOST + 1, 2 * MOST - 1, 5000):
        places = looked_at(total)
        gaps = {later - place for place, later in zip(places, places[1:], strict=False)}
        assert len(places) == MOST and places[0] == 0 and total - total // MOST - 2 < places[-1] < total
        assert max(gaps) - min(gaps) <= 1
