"""The study on the disk: what is suggested again, what survives a crash, when a candidate is given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.errors import Busy
from compress.schema import Range, SearchSpec
from compress.search.limits import excess
from compress.search.records import Latency, Limit, Trial
from compress.search.space import Point
from compress.search.study import Study, held

SPEC = SearchSpec(
    space={"student.width": (8, 16, 24, 32), "prune.keep_macs": Range(low=0.5, high=1.0)}, train_shares=(0.1, 0.3)
)
LIMITS = (Limit(name="max_latency_ms", limit=2.0, unit="ms"),)


def outcome(number: int, point: Point) -> Trial:
    """A trial whose figures follow from its settings: wider is slower and better, the widest too slow."""
    width, keep = (setting.value for setting in point)
    assert isinstance(width, int) and isinstance(keep, float)
    ms = width * keep / 12
    latency = Latency(ms=ms, low_ms=ms, high_ms=ms, rounds=3)
    trial = Trial(number=number, point=point, state="over budget", latency=latency)
    return trial if ms > 2 else trial.model_copy(update={"state": "trained", "psnr_db": (width * keep, width * keep)})


def go_on(folder: Path, count: int) -> list[Point]:
    """Points of trials until there are ``count``; a study opened anew for each, as after a crash."""
    while True:
        study = Study(folder, SPEC)
        if len(study.trials) >= count:
            return [trial.point for trial in study.trials]
        opened = study.next()
        assert opened is not None
        trial = outcome(opened.number, opened.point)
        for place, psnr_db in enumerate(trial.psnr_db):
            opened.round(place, psnr_db)
        study.add(opened.close(trial, excess(trial, LIMITS)))


def test_same_values_same_suggestions_however_often_it_is_stopped(tmp_path: Path) -> None:
    """Beyond the random start, where Optuna's model decides; here in one process without a stop."""
    study = Study(tmp_path / "whole-folder", SPEC) if (tmp_path / "whole-folder").mkdir() is None else None
    assert study is not None
    for _ in range(14):
        opened = study.next()
        assert opened is not None
        trial = outcome(opened.number, opened.point)
        for place, psnr_db in enumerate(trial.psnr_db):
            opened.round(place, psnr_db)
        study.add(opened.close(trial, excess(trial, LIMITS)))
    (tmp_path / "stopped").mkdir()
    assert go_on(tmp_path / "stopped", 14) == [trial.point for trial in study.trials]


def test_a_trial_that_was_cut_off_never_happened(tmp_path: Path) -> None:
    """In the middle of a trial, and in the middle of writing it down."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = go_on(tmp_path / "a", 3)
    go_on(tmp_path / "b", 2)
    opened = Study(tmp_path / "b", SPEC).next()
    assert opened is not None and opened.number == 2
    opened.round(0, 1.0)
    last = (tmp_path / "a" / "trials.log").read_bytes().splitlines(keepends=True)[-1]
    (tmp_path / "b" / "trials.log.lock").symlink_to("nowhere")
    with (tmp_path / "b" / "trials.log").open("ab") as file:
        file.write(last[: len(last) // 2])
    assert go_on(tmp_path / "b", 3) == whole


def test_points_are_not_repeated_and_a_finite_space_ends(tmp_path: Path) -> None:
    spec = SearchSpec(space={"student.width": (8, 16), "student.depth": (2, 3)})
    found = []
    while (opened := Study(tmp_path, spec).next()) is not None:
        trial = Trial(number=opened.number, point=opened.point, state="refused", note="no")
        Study(tmp_path, spec).add(opened.close(trial, {}))
        found.append(trial.point)
    assert len(found) == len({str(point) for point in found}) == 4


@pytest.mark.parametrize(("psnr_db", "gives_up"), [(19.0, True), (19.95, False), (20.5, False)])
def test_only_what_is_clearly_worse_is_given_up(psnr_db: float, gives_up: bool, tmp_path: Path) -> None:
    study = Study(tmp_path, SPEC)
    first = study.next()
    assert first is not None and not first.round(0, 20.0)
    first.round(1, 21.0)
    record = Trial(number=0, point=first.point, state="trained", psnr_db=(20.0, 21.0))
    study.add(first.close(record, {"max_latency_ms": -0.5}))
    second = Study(tmp_path, SPEC).next()
    assert second is not None and second.round(0, psnr_db) is gives_up


def test_a_study_is_one_process_s(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(Busy, match="another process searches"), held(tmp_path):
        pass
