"""``compress simulate``: the table, the files, the exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.cli import execute
from compress.link import shaped
from compress.link.records import LinkReport
from compress.link.shaped import Shaped

Capture = pytest.CaptureFixture[str]


def test_the_published_points_are_printed_and_written(tmp_path: Path, capsys: Capture) -> None:
    json_file, plot = tmp_path / "link.json", tmp_path / "link.svg"
    assert execute(["simulate", "link=coal_mine", "--json", str(json_file), "--plot", str(plot)]) == 0
    out = capsys.readouterr().out
    assert "Simulated from stated values" in out and "17.77 FPS, given" in out
    assert "The camera answers sooner from 4 cameras on." in out
    report = LinkReport.read(json_file)
    assert [round(row.waiting_fps, 2) for row in report.deployments] == [3.63, 15.16]
    assert report.origin == "simulated" and report.transfer_check is None
    assert plot.read_text().count("<polyline") == 2 and "in the server, 275.5" in plot.read_text()


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        (Shaped(260.0, "tbf"), 0, "the round trip waited for by the program"),
        (Shaped(260.0, "netem"), 0, "shaped by the kernel (netem)"),
        (Shaped(None, not_measured="the kernel has neither netem nor tbf"), 3, "neither netem nor tbf"),
    ],
)
def test_a_check_that_can_t_be_done_is_incomplete(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, found: Shaped, code: int, said: str
) -> None:
    monkeypatch.setattr(shaped, "measure_transfer", lambda *asked: found)
    assert execute(["simulate", "link=coal_mine", "--check"]) == code
    out = capsys.readouterr().out
    assert said in out and ("260.0" in out) == (code == 0)


def test_a_link_that_does_not_know_its_cameras_needs_their_speed(capsys: Capture) -> None:
    assert execute(["simulate", "link=wifi"]) == 2
    assert "device_fps: not known; give device_fps=…, or name a build" in capsys.readouterr().err
