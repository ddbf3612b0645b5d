"""What holds, what is unbeaten, what is chosen, and how it is drawn."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from compress.commands.search import exit_code
from compress.schema import Budget
from compress.search.limits import broken, excess, latency_limit, limits_of, pareto
from compress.search.plot import pareto_svg
from compress.search.records import FullRun, Latency, Reference, SearchRecord, Setting, State, Trial
from compress.search.result import choose

LIMITS = limits_of(Budget(max_latency_ms=8, min_fps=200, max_params=100, max_int8_drop_db=0.1))


def trial(number: int, ms: float, psnr_db: float | None, state: State = "trained", params: int = 50) -> Trial:
    return Trial(
        number=number, point=(Setting(key="student.width", value=8 * number),), state=state, params=params,
        size_bytes=1000, latency=Latency(ms=ms, low_ms=ms, high_ms=ms, rounds=5),
        psnr_db=() if psnr_db is None else (psnr_db - 1, psnr_db),
    )  # fmt: skip


TRIALS = (
    trial(0, 4.0, 20.0), trial(1, 3.0, 19.0), trial(2, 3.5, 18.5), trial(3, 2.0, 17.0, "given up"),
    trial(4, 9.0, None, "over budget", params=200), trial(5, 4.5, 20.0),
)  # fmt: skip


def record(trials: tuple[Trial, ...] = TRIALS, full: tuple[FullRun, ...] = ()) -> SearchRecord:
    return SearchRecord(
        recipe="<toy>", target="box", data="pictures", study="toy-box-1", objective="dB", seed=0,
        train_shares=(0.1, 1.0), limits=LIMITS, trials=trials, pareto=pareto(trials), full=full,
        chosen=choose(trials, full), command="",
        reference=Reference(build="b", p50_ms=4.0, params=1, size_bytes=1, device="local, CPU", fingerprint={}),
        exhausted=False,
    )  # fmt: skip


def full(number: int, result: str, psnr_db: float) -> FullRun:
    return FullRun(number=number, result=result, val_psnr_db=psnr_db, p50_ms=3.0, bundle=None)  # type: ignore[arg-type]


def test_frames_per_second_are_a_limit_in_ms_and_the_tightest_counts() -> None:
    assert latency_limit(LIMITS) == 5.0 and latency_limit(limits_of(Budget())) is None
    assert excess(TRIALS[4], LIMITS) == pytest.approx({"max_latency_ms": 0.125, "min_fps": 0.8, "max_params": 1.0})
    assert all(share <= 0 for share in excess(TRIALS[0], LIMITS).values()) and broken(TRIALS[0], LIMITS) == ""
    assert "max_params: 200 parameters, at most 100" in broken(TRIALS[4], LIMITS)


def test_what_is_timed_after_training_counts_more_than_what_was_before() -> None:
    slower = Latency(ms=6.0, low_ms=6.0, high_ms=6.0, rounds=5)
    assert "min_fps" in broken(TRIALS[0].model_copy(update={"trained_latency": slower}), LIMITS)


def test_no_unbeaten_candidate_is_beaten_and_only_whole_ones_count() -> None:
    assert pareto(TRIALS) == (1, 0)
    assert pareto(TRIALS[3:5]) == ()


def test_a_gate_decides_where_one_was_run() -> None:
    assert choose(TRIALS, ()) == 0
    assert choose(TRIALS, (full(0, "fail", 21.0), full(1, "pass", 20.0))) == 1
    assert choose(TRIALS, (full(0, "fail", 21.0),)) is None


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (record(), 0),
        (record(full=(full(0, "pass", 21.0),)), 0),
        (record(full=(full(0, "fail", 21.0),)), 1),
        (record(full=(full(0, "fail", 21.0), full(1, "incomplete", 21.0))), 3),
        (record(TRIALS[3:5]), 1),
    ],
)
def test_exit_codes(made: SearchRecord, code: int) -> None:
    assert exit_code(made) == code


def test_the_plot_has_every_candidate_the_limit_and_where_its_figures_are_from() -> None:
    svg = ElementTree.fromstring(pareto_svg(record()))
    circles = [each.get("class") for each in svg.iter("{http://www.w3.org/2000/svg}circle")]
    assert [name for name in circles if name] == [
        "trained", "chosen", "trained", "trained", "given-up", "over-budget", "trained",
    ]  # fmt: skip
    texts = " ".join("".join(each.itertext()) for each in svg)
    assert "budget 5 ms" in texts and "measured on local, CPU" in texts and "<toy> on box" in texts
    assert svg.find(".//*[@class='budget']") is not None


def test_a_plot_of_nothing_that_was_trained_is_a_plot_all_the_same() -> None:
    assert "over-budget" in pareto_svg(record(TRIALS[4:5]))


def test_a_busy_machine_is_named() -> None:
    quiet = record().reference
    assert quiet.busy == ""
    assert "load 3.8 on 2" in quiet.model_copy(update={"fingerprint": {"load_average_1min": "3.8", "cores": "2"}}).busy
