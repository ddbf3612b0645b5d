"""Timing against the recipe's own build, here and on a board."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import BoardHere, board_here
from tiny_builds import make_build

from compress.devices.conditions import Conditions, Wanted
from compress.errors import NotMeasurable
from compress.regression.measure import Paired
from compress.runtimes.on_board import Board, Named
from compress.runtimes.site import Site
from compress.search import latency
from compress.search.latency import Stopwatch, time_reference, why_not_here

NOT_SO = Conditions(pins=(Wanted(fact="power_mode", value="MAXN"),))


def quiet(done: float, total: float, note: str = "") -> None:
    return


@pytest.fixture(params=["local", "asyncssh"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    if request.param == "local":
        yield Site(runtime="onnx")
        return
    with board_here(request.param, tmp_path) as made:
        made.enter(monkeypatch)
        yield Site(board_of(made), runtime="onnx")


def board_of(made: BoardHere) -> Board:
    return Board(made.host, sys.executable, made.kind)


def test_a_candidate_is_timed_in_turn_with_the_reference(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    build = make_build(tmp_path / "a", "onnx")
    assert why_not_here(site, "onnx") is None
    p50_ms, done = time_reference(tmp_path / "a", build, 10, site, quiet)
    assert p50_ms > 0 and done.fingerprint and done.unmet == ()
    found = Stopwatch(site, Named("reference", tmp_path / "a", build), p50_ms, 10, None).time(
        tmp_path / "a", build, quiet
    )
    assert found.rounds == 10 and 0 < found.low_ms <= found.ms <= found.high_ms
    unlike = replace(site, here=NOT_SO, board=site.board and replace(site.board, conditions=NOT_SO))
    with pytest.raises(NotMeasurable, match="power_mode"):
        time_reference(tmp_path / "a", build, 10, unlike, quiet)


def test_a_device_that_is_not_there_is_said_before_any_work() -> None:
    assert "set device.host" in str(why_not_here(Site(absent="no device: set device.host"), "onnx"))
    assert why_not_here(Site(Board("no-such-host.invalid", "python3")), "onnx")


@pytest.mark.parametrize(("limit_ms", "rounds"), [(8.0, 40), (20.0, 10), (5.0, 10), (None, 10)])
def test_close_to_the_limit_more_rounds_decide(
    limit_ms: float | None, rounds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The candidate takes .7 to .9 of the reference's 10 ms, however slow the machine is at the moment."""

    def timed(candidate: Named, reference: Named, count: int, *_: object) -> Paired:
        theirs = tuple(3.0 + place for place in range(count))
        mine = tuple(each * (0.7 + 0.05 * (place % 5)) for place, each in enumerate(theirs))
        return Paired((mine, theirs), "toy", {}, ())

    monkeypatch.setattr(latency, "paired", timed)
    build = make_build(tmp_path, "onnx")
    found = Stopwatch(Site(), Named("reference", tmp_path, build), 10.0, 10, limit_ms).time(tmp_path, build, quiet)
    assert found.rounds == rounds and found.ms == pytest.approx(8.0)
