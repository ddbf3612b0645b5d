"""The students' pages: each there, true to the registry, and filled from the benchmark's figures."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from student_pages.pages import BEGIN, END, table, write_pages
from student_pages.records import StudentsFile, Timed, Trained

from compress.models import NETWORKS, STUDENT_NAMES, build_net, students_of_any_task

PAGES = Path(__file__).resolve().parents[2] / "docs" / "students"
FOUND = StudentsFile(
    identity="x", steps=7, data="embedded", test_images=16, size=(400, 600), timed_runs=60, threads=2, machine="a CPU",
    trained=tuple(
        Trained(network=name, settings=dict(NETWORKS[name].defaults), params=1234, macs=5_000_000, psnr_db=20.123,
                ssim=0.7, int8_psnr_db=20.0, int8_ssim=0.69) for name in STUDENT_NAMES
    ),
    timed=tuple(Timed(network=name, fp32_ms=10.0, int8_ms=4.0) for name in STUDENT_NAMES),
)  # fmt: skip


@pytest.mark.parametrize("name", STUDENT_NAMES + students_of_any_task())
def test_each_student_has_its_page_with_the_settings_it_takes(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"\| `student\.(\w+)` \| (\d+) \|", text)) == {
        key: str(value) for key, value in NETWORKS[name].defaults.items()
    }
    assert text.count(BEGIN) == text.count(END) == 1
    count = sum(p.numel() for p in build_net(name, {}).parameters())
    line = next(line for line in (PAGES / "README.md").read_text().splitlines() if line.startswith(f"| [{name}]"))
    assert f"| {count:,} |" in line


def test_figures_come_onto_every_page_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(PAGES, tmp_path / "students")
    pages = write_pages(FOUND, tmp_path / "students")
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    assert {page.stem for page in pages} == set(STUDENT_NAMES)
    for page, text in texts.items():
        assert f"| **{page.stem}** | 1,234 | 0.01 | 20.12 | 0.700 | 20.00 | 0.690 | 10.00 | 4.00 | 2.50 |" in text
        assert "Not yet measured" not in text and "7 training steps" in text
        assert text.startswith((PAGES / page.name).read_text(encoding="utf-8").partition(BEGIN)[0])
    write_pages(FOUND, tmp_path / "students")
    assert {page: page.read_text(encoding="utf-8") for page in pages} == texts


def test_a_page_without_its_marks_is_refused_before_any_is_written(tmp_path: Path) -> None:
    shutil.copytree(PAGES, tmp_path / "students")
    broken = tmp_path / "students" / f"{STUDENT_NAMES[-1]}.md"
    broken.write_text("nothing")
    first = tmp_path / "students" / f"{STUDENT_NAMES[0]}.md"
    before = first.read_text()
    with pytest.raises(ValueError, match="0 times, not once"):
        write_pages(FOUND, tmp_path / "students")
    assert first.read_text() == before


def test_the_table_is_the_same_without_a_student_to_stand_out() -> None:
    assert table(FOUND, STUDENT_NAMES[0]).replace("**", "") == table(FOUND)
