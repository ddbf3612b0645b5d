"""Rows of earlier runs stay beside those that a run makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from low_light import BENCH
from low_light_bench.readme import BEGIN, END, write_table
from low_light_bench.records import LowLightFile

from tests.benchmarks.test_low_light_table import FOUND


def _later(**changes: object) -> LowLightFile:
    return FOUND.model_copy(update={"commit": "later", **changes})


def _kept(folder: Path, found: LowLightFile) -> Path:
    found.write(folder / "low_light.json")
    return folder / "low_light.json"


def test_rows_that_a_run_does_not_make_stay_and_those_it_makes_are_its_own(tmp_path: Path) -> None:
    again = FOUND.trained[1].model_copy(update={"commit": "later"})
    other = FOUND.trained[1].model_copy(update={"recipe": "sckd", "seed": 2, "commit": "later"})
    found = BENCH.beside(_later(trained=(again, other), ablated=()), _kept(tmp_path, FOUND))
    assert [(row.recipe, row.seed, row.commit) for row in found.trained] == [
        ("kang_rir", 0, "abc1234"), ("kang_rir", 1, "later"), ("sckd", 2, "later"),
    ]  # fmt: skip
    assert (found.ablated, found.seeds, found.commit) == (FOUND.ablated, (0, 1, 2), "later")


def test_a_run_without_times_keeps_those_of_the_same_answers(tmp_path: Path) -> None:
    path = _kept(tmp_path, FOUND)
    untimed = tuple(row.model_copy(update={"p50_ms": None}) for row in FOUND.fixed)
    assert BENCH.beside(_later(fixed=untimed), path).fixed == FOUND.fixed
    changed = untimed[2].model_copy(update={"scores": FOUND.fixed[0].scores})
    assert BENCH.beside(_later(fixed=(changed,)), path).fixed == (changed,)


@pytest.mark.parametrize("change", [{"data_digest": "c" * 64}, {"split_digest": "c" * 64}, {"size": (96, 64)}])
def test_rows_of_other_pictures_go(tmp_path: Path, change: dict[str, object]) -> None:
    found = _later(trained=(), ablated=(), **change)
    assert BENCH.beside(found, _kept(tmp_path, FOUND)) == found


def test_what_is_kept_goes_into_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    for found in (FOUND, _later(trained=(), ablated=())):
        write_table(readme, BENCH.keep(found, tmp_path / "results"))
    assert LowLightFile.read(tmp_path / "results" / "low_light.json").trained == FOUND.trained
    assert "<svg" in (tmp_path / "results" / "low_light.svg").read_text(encoding="utf-8")
    assert "| kang_rir: **INT8 student** |" in readme.read_text(encoding="utf-8")
