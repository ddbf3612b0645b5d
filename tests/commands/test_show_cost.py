"""What a plan will cost: time, memory and disk of the stages to come, against what the machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.commands.show import Free, forecast_lines, show_plans
from compress.flow import StageCost, StageForecast
from compress.reading import Reading

MB, GB = 10**6, 10**9
FREE = Free(memory_bytes=4 * GB, disk_bytes=50 * MB)


def _lines(*stages: StageForecast) -> list[str]:
    return list(forecast_lines(stages, FREE))


def test_times_and_disk_add_up_and_memory_is_the_largest_of_what_is_to_run() -> None:
    made = StageForecast("teacher", "cached", "k", StageCost(9.0, 9 * GB, 90 * MB))
    reading = Reading(steps=10, steps_s=4.0, read_s=1.0, waited_s=0.01)
    first = StageForecast("distill", "to run", "k", StageCost(60.0, 2 * GB, 10 * MB, reading))
    second = StageForecast("gate", "unknown", None, StageCost(2.0, 1 * GB, 5 * MB))
    assert _lines(made, first, second) == [
        "teacher    cached, took 9.0 s, 9.0 GB of memory, 90.0 MB on disk",
        "distill    to run, cost 1 min 0 s, 2.0 GB of memory, 10.0 MB on disk, reading 25.0% of a step's time beside "
        "it, waiting for it 0.2%",
        "gate       to run after the stage before it, cost 2.0 s, 1.0 GB of memory, 5.0 MB on disk",
        "to do: 2 of 3 stages: about 1 min 2 s, 2.0 GB of memory (4.0 GB free), 15.0 MB on disk (50.0 MB free)",
    ]


def test_what_does_not_fit_and_what_nobody_knows_is_said() -> None:
    large = StageForecast("distill", "to run", "k", StageCost(60.0, 8 * GB, 60 * MB))
    new = StageForecast("prune", "to run", "k", None)
    old = StageForecast("gate", "to run", "k", StageCost(1.0, None, 1 * MB))
    assert _lines(large, new, old)[1:] == [
        "prune      to run, cost unknown, it never ran here",
        "gate       to run, cost 1.0 s, 1.0 MB on disk",
        "to do: 3 of 3 stages: about 1 min 1 s, 8.0 GB of memory (only 4.0 GB free), "
        "61.0 MB on disk (only 50.0 MB free) and 1 that never ran here",
    ]


def test_nothing_is_made_for_a_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    assert show_plans(("recipe=tiny", "target=x86_edge"), tmp_path / "store") == 0
    assert list(tmp_path.iterdir()) == []  # no store, and no key of the stage that signs


def test_a_store_that_is_not_there_yet_lies_on_its_parent_s_disk(tmp_path: Path) -> None:
    free = Free.here(tmp_path / "deep" / "store")
    assert free.memory_bytes > 0 and free.disk_bytes > 0 and not (tmp_path / "deep").exists()
