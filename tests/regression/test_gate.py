"""``compress gate``: real tiny builds in bundles of which one differs, by quality, by bytes, by what was measured."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from gated import PSNR, gate_of, other_bytes, small_bundle, with_speed
from reported import INT8_DB, write_bundle
from tiny_chain import Chain

from compress.cli import execute
from compress.regression.baseline import Accepted
from compress.regression.measure import paired_ms


def test_the_same_bundle_passes_without_timing_anything(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = small_bundle(chain, tmp_path / "one", runtimes=("onnx", "openvino"))
    code, results, _ = gate_of(chain, same, small_bundle(chain, tmp_path / "two", runtimes=("onnx", "openvino")))
    assert code == 0 and set(results.values()) == {"pass"} and len(results) == 9
    assert capsys.readouterr().out.count("the same files") == 2


def test_a_tenth_of_a_db_lost_on_half_of_the_pictures_is_caught(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = small_bundle(chain, tmp_path / "before")
    lost = tuple(value - (0.1 if number % 2 else 0.0) for number, value in enumerate(PSNR))
    lost = (*lost[:-1], lost[-1] - 0.05)
    code, results, _ = gate_of(chain, small_bundle(chain, tmp_path / "after", psnr=lost), baseline)
    assert code == 1 and results["int8 through onnx, PSNR"] == "fail"
    assert results["int8 through onnx, PSNR of the picture that lost most"] == "pass"
    assert "lost most: 15.png -0.150, " in capsys.readouterr().out
    tiny = tuple(value - 1e-4 for value in PSNR)
    assert gate_of(chain, small_bundle(chain, tmp_path / "hardly", psnr=tiny), baseline)[0] == 0


def test_one_picture_that_breaks_is_caught_and_named(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = (*PSNR[:7], PSNR[7] - 2.0, *PSNR[8:])
    candidate, baseline = small_bundle(chain, tmp_path / "after", psnr=broken), small_bundle(chain, tmp_path / "before")
    code, results, report = gate_of(chain, candidate, baseline)
    assert code == 1 and results["int8 through onnx, PSNR of the picture that lost most"] == "fail"
    worst = next(each for each in report.differences if each.name.endswith("lost most"))
    assert worst.note == "7.png" and worst.figure == pytest.approx(-2.0)
    assert "7.png" in capsys.readouterr().out


def test_other_pictures_are_not_compared(chain: Chain, tmp_path: Path) -> None:
    candidate, baseline = (
        small_bundle(chain, tmp_path / "after", digest="e" * 64),
        small_bundle(chain, tmp_path / "before"),
    )
    code, results, _ = gate_of(chain, candidate, baseline)
    assert code == 3 and results["int8 through onnx, PSNR"] == "incomplete"


def test_a_budget_of_its_own_that_fails_is_enough(chain: Chain, tmp_path: Path) -> None:
    candidate, baseline = (
        small_bundle(chain, tmp_path / "after", verdict="fail"),
        small_bundle(chain, tmp_path / "before"),
    )
    code, results, report = gate_of(chain, candidate, baseline)
    assert code == 1 and results["the candidate's own budgets"] == "fail" and report.differences[0].note == "min_fps"


def test_other_files_are_timed_in_turn(chain: Chain, tmp_path: Path) -> None:
    candidate, baseline = small_bundle(chain, tmp_path / "after"), small_bundle(chain, tmp_path / "before")
    code, results, report = gate_of(chain, other_bytes(candidate), baseline, "--max-slowdown", "1")
    speed = report.differences[-1]
    assert code == 0 and results["int8-onnx-32x48, slowdown"] == "pass"
    assert speed.low is not None and speed.high is not None and speed.figure is not None
    assert speed.low <= speed.figure <= speed.high and speed.note != "the same files"


def test_both_run_in_every_round() -> None:
    calls: list[str] = []
    runs = lambda: (calls.append("c"), time.sleep(0.002))[0], lambda: calls.append("b")  # noqa: E731
    mine, theirs = paired_ms(runs, 30, lambda *_: None)
    assert len(mine) == len(theirs) == 30 and min(mine) > 2.0 > min(theirs)
    assert all(set(calls[at : at + 2]) == {"b", "c"} for at in range(20, 80, 2))
    assert {"".join(calls[at : at + 2]) for at in range(20, 80, 2)} == {"bc", "cb"}


def test_what_is_no_bundle_is_said(chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = small_bundle(chain, tmp_path / "one")
    command = ["gate", str(chain.builds.folder), "--baseline", str(bundle), "--store", str(chain.root)]
    assert execute(command) == 2 and "not a bundle" in capsys.readouterr().err
    (bundle / "report" / "quality.json").write_text("{}")
    assert execute(["gate", str(bundle), "--baseline", str(bundle), "--store", str(chain.root)]) == 2
    assert "no quality.json and verdict.json to compare" in capsys.readouterr().err


def test_ci_gets_junit_and_a_summary(chain: Chain, tmp_path: Path) -> None:
    broken = (*PSNR[:7], PSNR[7] - 2.0, *PSNR[8:])
    candidate, baseline = small_bundle(chain, tmp_path / "after", psnr=broken), small_bundle(chain, tmp_path / "before")
    files = {name: str(tmp_path / name) for name in ("junit.xml", "summary.md", "page.html")}
    words = ("--junit", files["junit.xml"], "--markdown", files["summary.md"], "--html", files["page.html"])
    code, results, _ = gate_of(chain, candidate, baseline, *words)
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert code == 1 and suite.tag == "testsuite" and suite.get("tests") == str(len(results))
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == [name for name, result in results.items() if result == "fail"] and suite.get("failures") == "1"
    (failure,) = suite.iter("failure")
    assert "-2.000 dB" in str(failure.get("message")) and "7.png" in str(failure.get("message"))
    text, worst = (tmp_path / "summary.md").read_text().split("\nPictures that lost most:\n")
    assert text.startswith("## Gate: ❌ fail\n") and "7.png" in text
    assert len(text.splitlines()) == 6 + len(results) and worst == "\n- `7.png` -2.000 dB\n"  # no crops to link to
    page = (tmp_path / "page.html").read_text()
    assert 'Gate <span class="badge fail">' in page and "-2.000" in page and "No crops to compare" in page


def test_what_lost_most_links_to_its_crops(chain: Chain, tmp_path: Path) -> None:
    lost = (*INT8_DB[:1], INT8_DB[1] - 2, INT8_DB[2] - 1, *INT8_DB[3:])
    candidate, baseline = write_bundle(tmp_path / "after", int8_db=lost), write_bundle(tmp_path / "before")
    summary = tmp_path / "ci out" / "summary.md"
    summary.parent.mkdir()
    page = tmp_path / "page.html"
    gate_of(chain, candidate, baseline, "--markdown", str(summary), "--html", str(page))
    worst = summary.read_text().split("Pictures that lost most:")[1]
    links = re.findall(r"\[(\w+)\]\((\S+)\)", worst)
    assert [kind for kind, _ in links] == ["input", "float", "int8", "truth"] * 2
    assert links[2][1] == "../after/report/looks/0001_int8.png"
    assert all((summary.parent / link).is_file() for _, link in links)
    assert page.read_text().count("data:image/png") == 5 * 7


def test_the_accepted_bundle_is_kept_as_a_file_in_the_users_repository(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted, candidate = (
        small_bundle(chain, tmp_path / "accepted"),
        small_bundle(chain, tmp_path / "after"),
    )
    file, place = tmp_path / "compress-baseline.json", ["--store", str(chain.root)]
    assert execute(["baseline", "set", str(accepted), "--file", str(file), *place]) == 0
    assert Accepted.read(file).bundle == "accepted"  # seen from the file: the repository may be moved
    assert execute(["baseline", "show", "--file", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "still there" in shown and "int8 through onnx: 21.875 dB, SSIM 0.8000" in shown
    assert gate_of(chain, candidate, file)[0] == 0
    assert execute(["baseline", "diff", str(candidate), "--file", str(file), *place]) == 0
    assert "int8 through onnx: 21.875 dB, SSIM 0.8000, was 21.875 dB" in capsys.readouterr().out
    (accepted / "manifest.json").write_text("another bundle at the same place")
    page = tmp_path / "page.html"
    code, results, report = gate_of(chain, candidate, file, "--html", str(page))
    assert "no longer at accepted" in page.read_text()
    assert code == 3 and results["slowdown"] == "incomplete" and results["int8 through onnx, PSNR"] == "pass"
    assert "no longer at accepted, as it was; no stored figures: the baseline has none" in report.differences[-1].note
    assert execute(["baseline", "show", "--file", str(tmp_path / "none.json")]) == 2
    assert "accept one with: compress baseline set BUNDLE" in capsys.readouterr().err
    file.write_text("{}")
    assert execute(["baseline", "show", "--file", str(file)]) == 2 and "not a baseline" in capsys.readouterr().err


def test_without_the_accepted_bundle_its_stored_figures_count(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted, file = (
        with_speed(small_bundle(chain, tmp_path / "accepted"), 5.0, load_average_1min="2"),
        tmp_path / "b.json",
    )
    assert execute(["baseline", "set", str(accepted), "--file", str(file), "--store", str(chain.root)]) == 0
    stored = Accepted.read(file).speed
    assert stored is not None and [row.build for row in stored.rows] == ["int8-onnx-32x48"]  # what ships
    shutil.rmtree(accepted)
    name = "int8-onnx-32x48, slowdown by stored figures"
    code, results, _ = gate_of(chain, with_speed(small_bundle(chain, tmp_path / "same"), 5.0), file)
    assert code == 0 and results[name] == "pass"
    slow = with_speed(small_bundle(chain, tmp_path / "slow"), 6.0)
    assert gate_of(chain, slow, file)[0] == 1 and gate_of(chain, slow, file, "--max-stored-slowdown", ".3")[0] == 0
    capsys.readouterr()
    other = with_speed(small_bundle(chain, tmp_path / "other"), 5.0, cpu="four")
    code, results, report = gate_of(chain, other, file)
    assert code == 3 and results["slowdown"] == "incomplete"
    assert "of another machine or state: cpu is four, was two" in report.differences[-1].note
    (other / "report" / "speed.json").write_text("{}")
    assert execute(["gate", str(other), "--baseline", str(file), "--store", str(chain.root)]) == 2
    assert "speed.json: can't be read" in capsys.readouterr().err


def test_a_merge_request_gets_marks(chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = (*PSNR[:7], PSNR[7] - 2.0, *PSNR[8:])
    candidate, baseline = small_bundle(chain, tmp_path / "after", psnr=broken), small_bundle(chain, tmp_path / "before")
    quality = tmp_path / "quality.json"
    assert gate_of(chain, candidate, baseline, "--github", "--gitlab", str(quality))[0] == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert line.startswith(f"::error file={baseline},line=1,title=compress gate%3A int8 through onnx%2C PSNR of the")
    assert line.endswith("limit -0.300 dB; 7.png")
    (issue,) = json.loads(quality.read_text())
    assert issue["location"]["path"] == str(baseline) and "7.png" in issue["description"]
