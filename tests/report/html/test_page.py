"""The page as text: verdict first, origins, nothing from outside, and whatever a name holds is text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from reported import EVIL, IMAGES, INT8_DB, write_bundle

from compress.errors import UserError
from compress.looks.records import FILE, FOLDER, Looks
from compress.parity.records import ParityFile, ParityReport, ParityRow
from compress.records import BuildList, QualityReport, Slice
from compress.regression.records import Difference, RegressionReport, Session
from compress.report.html.comparison import Compared, comparison_page
from compress.report.html.page import Beside, report_page
from compress.report.html.pictures import boards, image_table
from compress.report.subject import Subject, read_subject

NOTHING = BuildList(builds=())


class _Reader(HTMLParser):
    """What a browser would make of a page: elements that load something, ids, all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        found = dict(attrs)
        assert not [name for name in found if name.startswith("on") or name == "style"]
        self.loads += [str(found[name]) for name in ("src", "href") if found.get(name)]
        self.ids += [str(found["id"])] if "id" in found else []

    def handle_data(self, data: str) -> None:
        self.text += data


def _subject(folder: Path) -> Subject:
    return read_subject(folder, NOTHING)


def test_the_page_holds_all_it_shows_and_runs_only_its_own_script(tmp_path: Path) -> None:
    page = report_page(_subject(write_bundle(tmp_path / "bundle")), Beside())
    found = _Reader(page)
    assert all(link.startswith(("data:", "#")) for link in found.loads) and found.scripts == 1
    assert sum(link.startswith("data:image/png") for link in found.loads) == 5 * len(IMAGES)
    assert "<script>window" not in page and EVIL in found.text
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in page.replace("&#39;", "'")
    assert found.ids == sorted(set(found.ids), key=found.ids.index)


def test_sections_come_in_the_order_that_they_matter_in(tmp_path: Path) -> None:
    page = report_page(_subject(write_bundle(tmp_path / "bundle")), Beside())
    ids = re.findall(r'<h2 id="([a-z]+)"', page)
    assert ids == ["verdict", "networks", "crops", "images", "latency", "pareto", "fingerprint", "provenance"]
    assert "min_fps" in page.split('id="networks"')[0] and "125.000 FPS" in page.split('id="networks"')[0]


def test_the_same_inputs_give_the_same_text(tmp_path: Path) -> None:
    one, other = (report_page(_subject(write_bundle(tmp_path / name)), Beside()) for name in ("one", "two"))
    assert one == other and str(tmp_path) not in one


def test_the_worst_pictures_are_marked(tmp_path: Path) -> None:
    table = image_table(_subject(write_bundle(tmp_path / "bundle")).results, None)
    assert table is not None and (table.through, table.origin) == ("openvino", "measured")
    marks = {row.image: row.marks for row in table.rows}
    assert marks == {"alley.png": ("PSNR", "SSIM"), EVIL: (), "cellar.png": ("drop",), "10.png": (), "9.png": ()}
    assert [row.drop_db for row in table.rows] == pytest.approx([0.1, -0.1, 1.5, 0.0, 0.1])


def test_whose_boxes_are_on_the_input_is_said(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    path = folder / "report" / FOLDER / FILE
    looks = Looks.read(path)
    shown = [each.model_copy(update={"boxes_of": "int8"} if each.kind == "input" else {}) for each in looks.shown]
    looks.model_copy(update={"shown": tuple(shown)}).write(path)
    first = boards(_subject(folder))[0]
    assert [tile.through for tile in first.tiles if tile.kind == "input"] == ["boxes of INT8"]


def test_slices_are_shown_where_the_report_has_them(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    assert "By slice" not in report_page(_subject(folder), Beside())
    path = folder / "report" / "quality.json"
    cut = Slice(name="night & fog", rule="named", images=IMAGES[:2])
    QualityReport.read(path).model_copy(update={"slices": (cut,)}).write(path)
    text = _Reader(report_page(_subject(folder), Beside())).text.split("By slice")[1]
    assert "night & fog" in text and f"{sum(INT8_DB[:2]) / 2:.2f}" in text and f"{min(INT8_DB[:2]):.2f}" in text


def test_a_bundle_without_crops_or_timings_says_so(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", looks=False)
    (folder / "report" / "speed.json").unlink()
    (folder / "report" / "builds.json").unlink()  # as bundles were before
    text = _Reader(report_page(_subject(folder), Beside())).text
    assert "This bundle has no crops" in text and "Not measured: the bundle has no speed.json" in text
    assert "Nothing to draw" in text and "not sealed" in text


def test_parity_is_shown_where_it_is_given(tmp_path: Path) -> None:
    row = ParityRow(
        name="int8-rknn", variant="int8", runtime="rknn", reference="qat", psnr_db=(20.0,), delta_db=(-0.5,),
        to_reference_db=(30.0,), result="fail", not_compared="the simulator is away",
    )  # fmt: skip
    report = ParityReport(
        builds="b", definition="d", data_kind="paired", data_digest="ab", images=("a",), mean_limit_db=0.05,
        worst_limit_db=0.3, maps_mean_limit_db=45, maps_worst_limit_db=40, rows=(row,),
    )  # fmt: skip
    beside = Beside(earlier=(), parity=ParityFile(reports=(report,)))
    page = report_page(_subject(write_bundle(tmp_path / "bundle")), beside)
    text = _Reader(page.split('id="parity"')[1]).text
    assert "-0.500" in text and "fail" in text and "int8-rknn: the simulator is away" in text


def test_what_is_no_report_is_said(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    (folder / "report" / "verdict.json").write_text("{}")
    with pytest.raises(UserError, match="report: can't be read"):
        _subject(folder)
    (folder / "report" / "verdict.json").unlink()
    with pytest.raises(UserError, match=r"verdict\.json: not there"):
        _subject(folder)


def _compare(candidate: Path, baseline: Path, gate: RegressionReport | None = None) -> str:
    return comparison_page(Compared(_subject(candidate), "after"), Compared(_subject(baseline), "before"), gate)


def test_a_comparison_shows_what_lost_most_first(tmp_path: Path) -> None:
    baseline = write_bundle(tmp_path / "before")
    worse = (*INT8_DB[:2], INT8_DB[2] - 3, *INT8_DB[3:])
    page = _compare(write_bundle(tmp_path / "after", int8_db=worse, seed=9, result="fail"), baseline)
    boards = re.findall(r'<section class="board" data-image="([^"]*)"', page)
    assert len(boards) == len(IMAGES) and boards[0] == "cellar.png"
    kinds = re.findall(r'data-kind="([^"]*)"', page.split('data-image="cellar.png"')[1])[:7]
    assert kinds == [
        "int8-candidate", "int8-baseline", "float-candidate", "float-baseline", "truth", "teacher", "input",
    ]  # fmt: skip
    text = _Reader(page.split('id="images"')[1]).text
    assert text.index("lost most") < text.index("alley.png") and "-3.000" in text
    budgets = page.split("Budgets</h3>")[1].split("</section>")[0]
    assert 'class="badge fail"' in budgets and 'class="badge pass"' in budgets


def test_a_comparison_says_why_it_shows_nothing(tmp_path: Path) -> None:
    baseline = write_bundle(tmp_path / "before", looks=False)
    text = _Reader(_compare(write_bundle(tmp_path / "after", digest="cd" * 32), baseline)).text
    assert "the baseline has none" in text and "Not compared: measured on other pictures" in text


def test_what_the_gate_found_comes_first(tmp_path: Path) -> None:
    found = Difference(name="int8, slowdown", unit="", limit=0.02, figure=0.1, low=0.05, high=0.2, result="fail")
    facts = {"power_mode": "15W <eco>", "cores": "6"}
    timed = Session(build="int8", device="board, Orin", fingerprint=facts, not_as_wanted=("power_mode wanted MAXN",))
    gate = RegressionReport(candidate="c", baseline="b", result="fail", differences=(found,), sessions=(timed,))
    page = _compare(write_bundle(tmp_path / "after"), write_bundle(tmp_path / "before"), gate)
    assert "+10.0%" in page.split("Budgets</h3>")[0] and 'Gate <span class="badge fail">' in page
    assert "int8 timed on board, Orin, not as wanted: power_mode wanted MAXN</summary>" in page
    assert "<dt>power_mode</dt><dd>15W &lt;eco&gt;</dd>" in page


def test_a_nan_is_the_worst_there_is(tmp_path: Path) -> None:
    from compress.regression.pictures import compare_pictures

    report = QualityReport.read(write_bundle(tmp_path / "bundle") / "report" / "quality.json")
    rows = tuple(
        row.model_copy(update={"psnr_db": (*row.psnr_db[:4], float("nan"))}) if row.variant == "int8" else row
        for row in report.rows
    )
    assert compare_pictures(report.model_copy(update={"rows": rows}), report).deltas[0].image == "9.png"
