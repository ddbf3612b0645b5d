"""Histograms and scatter plots: everything inside the drawing, percentiles and fronts where they belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reported import write_bundle

from compress.records import BuildList, SpeedReport
from compress.report.html import latency, pareto
from compress.report.rows import Results, summary_rows
from compress.report.subject import Earlier, read_subject


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return read_subject(write_bundle(tmp_path / "bundle"), BuildList(builds=())).results


def test_a_strip_holds_every_run_but_those_far_out(results: Results) -> None:
    for strip in latency.strips(results.speed):
        assert strip.beyond == 2 and strip.longest_ms == max(strip.row.samples_ms) > strip.high_ms
        assert all(0 <= bar.x and bar.x + bar.width <= latency.WIDTH for bar in strip.bars)
        assert max(bar.height for bar in strip.bars) == latency.HEIGHT
        assert all(bar.y + bar.height == pytest.approx(latency.HEIGHT, abs=0.02) for bar in strip.bars)
        places = [mark.x for mark in strip.marks]
        assert places == sorted(places) and 0 <= places[0] and places[-1] < latency.WIDTH
        assert [mark.ms for mark in strip.marks] == [strip.row.p50_ms, strip.row.p90_ms, strip.row.p99_ms]


def test_equal_timings_are_drawn_too(results: Results) -> None:
    row = results.speed.rows[0].model_copy(
        update={"samples_ms": (5.0,) * 4, "p50_ms": 5.0, "p90_ms": 5.0, "p99_ms": 5.0}
    )
    (strip,) = latency.strips(SpeedReport(device="d", fingerprint={}, rows=(row,)))
    assert len(strip.bars) == 1 and strip.beyond == 0
    assert latency.strips(SpeedReport(device="d", fingerprint={}, rows=())) == ()


def _earlier(results: Results, device: str, better_db: float) -> Earlier:
    rows = tuple(replace(row, psnr_db=(row.psnr_db or 0) + better_db) for row in summary_rows(results))
    return Earlier(f"before on {device}", device, rows)


def test_milliseconds_are_compared_on_one_device_and_parameters_with_all(results: Results) -> None:
    earlier = (_earlier(results, "bench", 0.5), _earlier(results, "another", 1.0))
    by_time, by_size = pareto.plots(results, earlier)
    assert {dot.earlier for dot in by_time.dots} == {"", "before on bench"} and "1 earlier run " in by_time.note
    assert "1 earlier run of the same pictures on other devices left out" in by_time.note
    assert {dot.earlier for dot in by_size.dots} == {"", "before on bench", "before on another"}
    for plot in (by_time, by_size):
        assert all(pareto.LEFT <= dot.x <= pareto.WIDTH - pareto.RIGHT for dot in plot.dots)
        assert all(pareto.TOP <= dot.y <= pareto.HEIGHT - pareto.BOTTOM for dot in plot.dots)
        assert len(plot.across) >= 2 and len(plot.upward) >= 2
    assert [dot.row.label for dot in by_time.dots if not dot.earlier] == ["teacher", "float student", "INT8 student"]


def test_the_front_leaves_out_what_is_beaten(results: Results) -> None:
    (plot, _) = pareto.plots(results, ())
    assert plot.front.count("V") == 2  # INT8, then float, then teacher: each dearer one is better
    worse = replace(results, quality=results.quality.model_copy(update={"rows": tuple(
        row.model_copy(update={"psnr_db": (1.0,) * 5}) if row.variant == "student" else row
        for row in results.quality.rows
    )}))  # fmt: skip
    assert pareto.plots(worse, ())[0].front.count("V") == 1


def test_one_network_makes_no_plot(results: Results) -> None:
    alone = results.quality.rows[-1:]
    assert pareto.plots(replace(results, quality=results.quality.model_copy(update={"rows": alone})), ()) == ()
