"""What a worker does with one stage, in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_chain import StudentToy, ToyPlan, load

from compress import flow
from compress.cluster import work
from compress.cluster.outcome import Failed, Made
from compress.cluster.work import Job, do, find_made
from compress.errors import ClusterError
from compress.store.store import Store


def _job(folder: Path, place: int, plan: ToyPlan = ToyPlan()) -> Job:  # noqa: B008
    return Job(plan, place, folder / "store", folder, load)


def _all(folder: Path) -> list[Made]:
    """The whole chain, one job after the other."""
    made: dict[int, Made | Failed] = {}
    for place in range(4):
        made[place] = do(_job(folder, place), dict(made), flow.Quiet())
    found = [one for one in made.values() if isinstance(one, Made)]
    assert len(found) == 4
    return found


def test_jobs_make_what_the_flow_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = _all(tmp_path)
    assert not any(one.reused for one in jobs) and all(one.reused for one in _all(tmp_path))
    result = flow.run(ToyPlan(), Store(tmp_path / "alone" / "store"), load=load)
    assert [one.digest for one in jobs] == [outcome.artefact.digest for outcome in result.outcomes]
    assert [one.key for one in jobs] == [outcome.key for outcome in result.outcomes]


def test_a_stage_whose_input_failed_fails_like_it(tmp_path: Path) -> None:
    failure = Failed("source", "DataError", ("no pictures",), "")
    assert do(_job(tmp_path, 1), {0: failure}, flow.Quiet()) is failure


def test_a_bug_comes_back_as_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = ToyPlan().having(StudentToy(log=str(tmp_path / "no folder" / "log")))
    first = do(_job(tmp_path, 0, plan), {}, flow.Quiet())
    second = do(_job(tmp_path, 1, plan), {0: first}, flow.Quiet())
    assert isinstance(second, Failed) and second.kind is None and "FileNotFoundError" in second.lines[0]


def test_a_node_without_the_folder_says_so(tmp_path: Path) -> None:
    job = Job(ToyPlan(), 0, tmp_path / "store", tmp_path / "away", load)
    failure = do(job, {}, flow.Quiet())
    assert isinstance(failure, Failed) and failure.kind == "ClusterError"
    assert "all nodes must share it" in failure.lines[0]


def test_a_store_that_is_not_shared_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="file system that all nodes share"):
        find_made(Store(tmp_path), Made("work", "5" * 64, "6", False, 1.0), within_s=0)


def test_pictures_are_read_once_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "_identities", {})
    asked: list[str] = []
    fresh = work.fresh_identity
    monkeypatch.setattr(work, "fresh_identity", lambda part: asked.append(type(part).__name__) or fresh(part))
    _all(tmp_path)
    _all(tmp_path)
    assert sorted(asked) == ["LimitToy", "Seed", "StudentToy", "TeacherToy"]
