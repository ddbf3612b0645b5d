"""Ten disturbed runs of the real chain, each finished to what the undisturbed one made; 200 in the benchmark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_anywhere import possible
from kill_bench.chains import PLAIN
from kill_bench.faults import Fault, KillWorker
from kill_bench.ground import Ground, unbroken
from kill_bench.records import KillFile, RoundRecord
from kill_bench.rounds import Round, planned, played
from kill_bench.table import line_of, markdown

ROUNDS = int(os.environ.get("COMPRESS_KILLS", "10"))
SEED = 7


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Fault]]:
    with possible(tmp_path_factory.mktemp("disk"), None) as (found, _):
        yield [fault for fault in found if not isinstance(fault, KillWorker)]


@pytest.fixture(scope="module")
def rounds(faults: list[Fault]) -> list[Round]:
    return planned(ROUNDS, faults, (PLAIN,), SEED)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return unbroken(PLAIN, tmp_path_factory.mktemp("unbroken") / "plain")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_disturbed_run_comes_to_the_same(number: int, rounds: list[Round], ground: Ground, tmp_path: Path) -> None:
    assert played(rounds[number], ground, tmp_path).problems == ()


def test_the_rounds_reach_every_fault_and_most_stages(rounds: list[Round], faults: list[Fault]) -> None:
    many = planned(200, faults, (PLAIN,), SEED)
    strikable = [fault for fault in faults if PLAIN in fault.chains]
    assert {each.fault for each in rounds} == {each.fault for each in many} == set(strikable)
    for fault in strikable:
        assert {each.stage for each in many if each.fault == fault} == set(PLAIN.disturbed)


def test_what_is_wrong_is_told() -> None:
    well = RoundRecord(
        number=0, chain="plain", fault="full disk", stage="prune", moment=0.5, struck=True, code=2, resumed=True,
        problems=(), wall_s=3.0,
    )  # fmt: skip
    bad = well.model_copy(update={"problems": ("other bytes than in the unbroken run: prune",), "struck": False})
    found = KillFile(command="", commit="c", machine="m", rounds=(well, bad), left_out=("clock jump: no library",))
    assert "| full disk | 2 | 1 | 2 | 1 | 1 |" in markdown(found) and "Left out: clock jump" in markdown(found)
    assert "as unbroken" in line_of(well, 1, 2) and line_of(bad, 2, 2).endswith("unbroken run: prune")
