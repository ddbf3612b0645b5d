"""mAP by hand, and against pycocotools where it is installed."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from compress.metrics.detection import IOU_50, IOU_50_TO_95, Boxes, map50, map50_95, mean_average_precision, overlap


def boxes(*rows: tuple[float, float, float, float, int, float]) -> Boxes:
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4].astype(np.int64), table[:, 5])


def _scene(seed: int, pictures: int = 12) -> tuple[list[Boxes], list[Boxes]]:
    """Real boxes of three classes, found ones beside them, some twice, some of nothing, with scores that tie."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(pictures):
        count = int(rng.integers(0, 8))
        corner, size = rng.uniform(0, 150, (count, 2)), rng.uniform(5, 60, (count, 2))
        real = np.concatenate((corner, corner + size), 1)
        labels = rng.integers(1, 4, count)
        moved = np.concatenate((real, real[: count // 2])) + rng.normal(0, 4, (count + count // 2, 4))
        moved = np.concatenate((np.minimum(moved[:, :2], moved[:, 2:] - 1), moved[:, 2:]), 1)
        called = np.concatenate((labels, labels[: count // 2]))
        called = np.where(rng.random(len(called)) < 0.15, rng.integers(1, 5, len(called)), called)
        truth.append(Boxes(real, labels, np.ones(count)))
        found.append(Boxes(moved, called, rng.integers(1, 20, len(called)) / 20.0))
    return found, truth


def _by_pycocotools(found: list[Boxes], truth: list[Boxes]) -> tuple[float, float]:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    evaluation = pytest.importorskip("pycocotools.cocoeval")

    def row(corners: np.ndarray, **facts: object) -> dict[str, object]:  # type: ignore[type-arg]
        left, top, right, bottom = (float(value) for value in corners)
        return {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top), **facts}

    real = [
        row(corners, image_id=picture, category_id=int(label), iscrowd=0)
        for picture, each in enumerate(truth, 1) for corners, label in zip(each.corners, each.labels, strict=True)
    ]  # fmt: skip
    ours = [
        row(corners, image_id=picture, category_id=int(label), score=float(score))
        for picture, each in enumerate(found, 1)
        for corners, label, score in zip(each.corners, each.labels, each.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco.COCO()
        known.dataset = {
            "info": {}, "images": [{"id": number + 1} for number in range(len(truth))],
            "categories": [{"id": number} for number in range(1, 5)],
            "annotations": [{**each, "id": number} for number, each in enumerate(real, 1)],
        }  # fmt: skip
        known.createIndex()
        judged = evaluation.COCOeval(known, known.loadRes(ours), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return float(judged.stats[1]), float(judged.stats[0])


@pytest.mark.parametrize("seed", range(6))
def test_it_is_pycocotools(seed: int) -> None:
    found, truth = _scene(seed)
    fifty, mean = _by_pycocotools(found, truth)
    assert 0.05 < fifty < 0.98
    assert map50(found, truth) == pytest.approx(fifty, abs=1e-6)
    assert map50_95(found, truth) == pytest.approx(mean, abs=1e-6)


def test_only_the_surest_hundred_of_a_picture_count() -> None:
    truth = [boxes((0, 0, 10, 10, 1, 1))]
    wrong = [(50.0 + n, 50.0, 60.0 + n, 60.0, 1, 0.9) for n in range(100)]
    assert map50([boxes(*wrong, (0, 0, 10, 10, 1, 0.1))], truth) == 0.0
    assert map50([boxes(*wrong[1:], (0, 0, 10, 10, 1, 0.1))], truth) == pytest.approx(0.01)
    assert _by_pycocotools([boxes(*wrong, (0, 0, 10, 10, 1, 0.1))], truth)[0] == 0.0


def test_by_hand() -> None:
    truth = [boxes((0, 0, 10, 10, 1, 1), (20, 0, 30, 10, 1, 1)), boxes((0, 0, 10, 10, 2, 1))]
    assert map50(truth, truth) == pytest.approx(1.0) == map50_95(truth, truth)
    half = [boxes((0, 0, 10, 10, 1, 0.9)), boxes()]
    assert map50(half, truth) == pytest.approx((51 / 101 + 0) / 2)  # recall .5 of one class, none of the other
    loose = [boxes((0, 0, 10, 6, 1, 0.9), (20, 0, 30, 10, 1, 0.8)), boxes((0, 0, 10, 10, 2, 0.5))]  # IoU .6
    assert map50(loose, truth) == pytest.approx(1.0)
    assert mean_average_precision(loose, truth, (0.7,)) == pytest.approx((51 / 101 * 0.5 + 1) / 2)
    twice = [boxes((0, 0, 10, 10, 1, 0.9), (0, 0, 10, 10, 1, 0.8), (20, 0, 30, 10, 1, 0.7)), truth[1]]
    assert map50(twice, truth) == pytest.approx(((51 + 50 * 2 / 3) / 101 + 1) / 2)  # a second box of one is wrong


def test_overlap() -> None:
    one = np.array([[0.0, 0, 10, 10]])
    others = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [3, 3, 3, 3]])
    assert overlap(one, others)[0] == pytest.approx([1, 1 / 3, 0, 0])


def test_nothing_to_be_right_about_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no box"):
        map50([boxes((0, 0, 1, 1, 1, 1))], [boxes()])
    with pytest.raises(ValueError, match="2 pictures"):
        map50([boxes(), boxes()], [boxes()])
    assert len(IOU_50) == 1 and IOU_50_TO_95[-1] == pytest.approx(0.95)
