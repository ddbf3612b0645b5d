"""``compress simulate --build``: a camera's speed is that of a real build, timed now."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_chain import Chain

from compress.cli import execute
from compress.link.records import LinkReport


def test_a_build_is_timed_for_the_camera_s_speed(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file = tmp_path / "link.json"
    words = ["simulate", "link=wifi", "--store", str(chain.root), "--json", str(json_file), "--threads", "1"]
    assert execute([*words, "--build", "int8-openvino-32x48"]) == 0
    report = LinkReport.read(json_file)
    assert report.device_origin == "measured" and "int8-openvino-32x48, model only, on " in report.device
    assert report.deployments[1].streaming_fps == pytest.approx(report.device_fps)
    assert "FPS, measured (" in capsys.readouterr().out
    assert execute([*words, "--build", "nothing"]) == 2
    assert "nothing" in capsys.readouterr().err


def test_several_builds_are_one_too_many(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["simulate", "link=wifi", "--store", str(chain.root), "--build", str(chain.builds.folder)]) == 2
    assert "builds (" in capsys.readouterr().err
