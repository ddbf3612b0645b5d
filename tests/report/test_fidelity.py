"""Figures against a teacher's pictures are called fidelity wherever they are shown, and compared with nothing else."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from reported import write_bundle
from rich.console import Console

from compress.commands.baseline import diff_baseline
from compress.metrics import DEFINITION, fidelity_definition
from compress.records import BuildList, Fidelity, NetFacts, NotBuilt, QualityReport, Reference
from compress.regression.baseline import accept
from compress.regression.judge import judge_quality
from compress.regression.pictures import compare_pictures
from compress.regression.records import Allowance
from compress.regression.yardstick import why_not_comparable
from compress.report.earlier import _same_pictures
from compress.report.html.comparison import Compared, comparison_page
from compress.report.html.page import Beside, report_page
from compress.report.markdown import markdown_report
from compress.report.rows import Results, footnotes, gains, summary_rows
from compress.report.sensitivity import summary
from compress.report.subject import Subject, read_subject
from compress.report.table import _print_figures
from compress.report.verdict import Evidence, judge
from compress.schema import Budget
from compress.sensitivity.records import SensitivityReport

FRAMES = "300 to train on, 20 for validation, 40 for the test; whole scenes, of 20 scenes; 3 near-duplicates left out"
NOTHING = BuildList(builds=())


def as_fidelity(quality: QualityReport, digest: str = "7e" * 32, to: Reference = "teacher") -> QualityReport:
    """As ``validate`` leaves it: no row of the teacher, no GT-mean."""
    rows = (row.model_copy(update={"psnr_gtmean_db": ()}) for row in quality.rows if row.variant != "teacher")
    fidelity = Fidelity(to=to, digest=digest, frames=FRAMES)
    return quality.model_copy(
        update={"definition": fidelity_definition(fidelity.to), "rows": tuple(rows), "fidelity": fidelity}
    )


def subject(folder: Path, fidelity: bool = True) -> Subject:
    path = write_bundle(folder) / "report" / "quality.json"
    quality = QualityReport.read(path)
    (as_fidelity(quality) if fidelity else quality).write(path)
    return read_subject(folder, NOTHING)


@pytest.fixture
def found(tmp_path: Path) -> Subject:
    return subject(tmp_path / "bundle")


def test_ground_truth_is_written_as_before(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "bundle") / "report" / "quality.json"
    assert "fidelity" not in path.read_text()
    plain = subject(tmp_path / "plain", fidelity=False)
    assert "fidelity" not in markdown_report("t", plain.results, plain.verdict) + report_page(plain, Beside())


def test_markdown(found: Subject) -> None:
    text = markdown_report("t", found.results, found.verdict)
    assert (
        "| fidelity to the teacher, PSNR dB | fidelity to the teacher, worst dB | fidelity to the teacher, SSIM |"
        in text
    )
    assert "| teacher (is the reference) | openvino | 2,000,000 | 0.020 | – | – | – |" in text
    assert "No ground truth: PSNR and SSIM are fidelity to the teacher." in text
    assert "rounded to 8 bit when stored" in text and f"Frames: {FRAMES}." in text
    assert "INT8 against its float self (float student): fidelity to the teacher, PSNR " in text


def test_terminal(found: Subject) -> None:
    console = Console(file=io.StringIO(), width=80)
    _print_figures("tiny on box", found.results, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "tiny on box: fidelity to the teacher" in text and "reference)" in text
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text


def test_page(found: Subject) -> None:
    page = report_page(found, Beside())
    assert '<th scope="col" class="figure">fidelity to the teacher, PSNR dB</th>' in page
    assert "<b>fidelity to the teacher, PSNR in dB against" in page
    assert "teacher (is the reference)" in page and "GT-mean dB" not in page
    assert (
        "dB are fidelity to the teacher, PSNR;" in page and "each cut where the teacher&#39;s picture has most" in page
    )
    assert 'data-label="ground truth"' not in page and "ground truth|" not in page


def test_budgets_say_what_they_were_read_as(found: Subject) -> None:
    budget = Budget(min_psnr_db=20, min_ssim=0.5, min_gain_over_input_db=3, max_int8_drop_db=2, max_worst_drop_db=2)
    results = found.results
    verdict = judge(budget, Evidence(results.builds, results.quality, results.speed, "openvino"))
    notes = {check.name: (check.result, check.note) for check in verdict.checks if "fidelity" in check.note}
    assert {name: result for name, (result, _) in notes.items()} == dict.fromkeys(
        ("min_psnr_db", "min_ssim", "min_gain_over_input_db", "max_int8_drop_db", "max_worst_drop_db"), "pass"
    )
    assert notes["min_psnr_db"][1] == "fidelity to the teacher, not quality"
    assert notes["max_int8_drop_db"][1].endswith("minus int8 through openvino; of fidelity to the teacher")


def test_nothing_else_is_compared_with_it(found: Subject, tmp_path: Path) -> None:
    truth = subject(tmp_path / "truth", fidelity=False).results.quality
    mine = found.results.quality
    why = "the baseline is measured against ground truth, the candidate is fidelity to the teacher"
    assert why_not_comparable(mine, truth) == why and why_not_comparable(mine, mine) == ""
    (gate,) = judge_quality(mine, truth, "openvino", Allowance())
    assert gate.result == "incomplete" and gate.note == f"{why}; run the baseline's recipe again on these"
    assert compare_pictures(mine, truth).why_not == why
    assert why in comparison_page(Compared(found, "a"), Compared(subject(tmp_path / "again", False), "b"))
    assert why_not_comparable(mine, as_fidelity(truth, "00" * 32)) == "fidelity to different teachers"
    assert "other pictures" in why_not_comparable(truth.model_copy(update={"definition": DEFINITION}), truth)
    assert not _same_pictures(found.results, Results(NOTHING, truth, found.results.speed, "openvino"))


def test_two_of_a_kind_are_compared_and_called_so(found: Subject) -> None:
    gate = judge_quality(found.results.quality, found.results.quality, "openvino", Allowance())
    assert {each.result for each in gate} == {"pass"}
    assert all(each.name.startswith("int8 through openvino, fidelity to the teacher, ") for each in gate)
    page = comparison_page(Compared(found, "a"), Compared(found, "b"))
    assert "fidelity to the teacher, PSNR difference dB" in page


def test_of_a_network_that_is_the_reference_itself(found: Subject) -> None:
    own = as_fidelity(found.results.quality, to="float network")
    results = replace(found.results, quality=own)
    text = markdown_report("t", results, found.verdict) + report_page(replace(found, results=results), Beside())
    assert "fidelity to the float network, PSNR dB" in text and "to the teacher" not in text
    assert "float student (is the reference) | openvino" in text and "the float network&#39;s picture has most" in text
    assert "INT8 against its float self (float student): p50" in text
    assert "they say how near a network comes to the pictures of float network 7e7e7e7e7e7e" in text.replace("T", "t")
    budget = Budget(min_psnr_db=20, min_gain_over_input_db=3, max_int8_drop_db=2, max_worst_drop_db=2)
    verdict = judge(budget, Evidence(results.builds, own, results.speed, "openvino"))
    told = {check.name: check for check in verdict.checks}
    assert [told[name].result for name in ("min_psnr_db", "min_gain_over_input_db")] == ["pass", "pass"]
    assert told["min_psnr_db"].note == "fidelity to the float network, not quality"
    for name in ("max_int8_drop_db", "max_worst_drop_db"):
        assert told[name].result == "incomplete" and "needs a ground truth" in told[name].note
    why = "the candidate is fidelity to the float network, the baseline fidelity to the teacher"
    assert why_not_comparable(own, found.results.quality) == why


def test_a_baseline_of_the_other_kind(found: Subject, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subject(tmp_path / "truth", fidelity=False)
    accept(tmp_path / "truth", (), tmp_path / "accepted.json")
    assert diff_baseline(str(tmp_path / "bundle"), tmp_path / "store", tmp_path / "accepted.json") == 0
    out = capsys.readouterr().out
    assert "quality is not comparable: the baseline is measured against ground truth" in out
    assert "int8 through openvino: fidelity to the teacher, PSNR 21.680 dB" in out and "was 21" not in out


def test_sensitivity(found: Subject) -> None:
    report = SensitivityReport.model_construct(
        definition=fidelity_definition("teacher"), drop_db=0.1, worst_drop_db=0.2, images=("a",), split="val",
        float_psnr_db=30.0, limit_db=None,
        worst_limit_db=None, rows=(), promoted=(), holds=True, wider=(),
    )  # fmt: skip
    assert next(summary(report)).startswith("int8 costs 0.100 dB of fidelity to the teacher (worst image")


def test_a_teacher_that_was_not_built_has_a_row_all_the_same(tmp_path: Path) -> None:
    results = subject(tmp_path / "b", fidelity=False).results
    outside = NetFacts(variant="teacher", params=None, macs=None, macs_height=8, macs_width=8, weights_size_bytes=2048)
    absent = NotBuilt(runtime="openvino", reason="from outside, so neither built nor timed", variant="teacher")
    rows = tuple(
        row.model_copy(update={"runtime": "torch"}) if row.variant == "teacher" else row for row in results.quality.rows
    )
    results = Results(
        BuildList(builds=(), nets=(outside, *results.builds.nets[1:]), not_built=(absent,)),
        results.quality.model_copy(update={"rows": rows}),
        results.speed.model_copy(update={"rows": results.speed.rows[1:]}), "openvino",
    )  # fmt: skip
    text = markdown_report("t", results, SimpleNamespace(result="pass", checks=(), reasons=()))  # type: ignore[arg-type]
    assert "| teacher | torch | – | – | 25.00 | 25.00 | 0.833 | – | – | 2 |" in text
    assert "- teacher for openvino: not built: from outside, so neither built nor timed" in text
    assert footnotes(results) and gains(results) and summary_rows(results)[1].params is None
