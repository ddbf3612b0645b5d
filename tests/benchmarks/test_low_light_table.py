"""The tables and the plot of a file that is known, and their place in the README."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from low_light_bench.plot import front_of, pareto_svg, points_of
from low_light_bench.quoted import QUOTED
from low_light_bench.readme import BEGIN, END, with_table, write_table
from low_light_bench.records import Ablated, Fixed, LowLightFile, Measured, Scores, Trained, spread
from low_light_bench.table import markdown

from compress.metrics.cumulative import Indices

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "benchmarks" / "results" / "low_light.json"
DARK, CLAHE, OURS = Indices(4, 15, 10, 1, 8, 0.2), Indices(6, 65, 30, 3, 14, 0.5), Indices(7, 115, 50, 5, 20, 0.8)


def _scores(db: float) -> Scores:
    return Scores(psnr_db=(db - 1, db + 1), ssim=(0.7, 0.9), gtmean_db=(db + 2, db + 4))


def _run(seed: int, gain: float) -> Trained:
    networks = (
        Measured(variant="student", scores=_scores(20 + gain), params=45_684, macs=685_151_702, p50_ms=8.0),
        Measured(variant="control", scores=_scores(20), params=45_684, macs=685_151_702, p50_ms=8.0),
        Measured(variant="int8", scores=_scores(19.99 + gain), params=45_684, macs=685_151_702, p50_ms=4.0),
    )
    return Trained(recipe="kang_rir", seed=seed, words=("recipe=kang_rir",), digests={"distill": "d" * 64},
                   own_teacher=True, commit="abc1234", networks=networks, indices=OURS, student_val_db=21.0 + seed,
                   control_val_db=20.0 + seed)  # fmt: skip


FOUND = LowLightFile(
    command="python benchmarks/low_light.py", commit="abc1234", data="lol", data_digest="a" * 64, split_digest="b" * 64,
    images=("1", "22"), size=(400, 600), seeds=(0, 1), threads=2, fingerprint={"cpu": "a processor"}, versions={},
    fixed=(
        Fixed(name="dark input", kind="input", identity="i", scores=_scores(8), indices=DARK),
        Fixed(name="clahe", kind="classical", identity="c", scores=_scores(14), indices=CLAHE, params=0, p50_ms=50.0),
        Fixed(name="teacher low_light", kind="teacher", identity="t", scores=_scores(20.7), indices=OURS,
              params=2_328_018, macs=12_268_000_000, p50_ms=70.0),
    ),
    trained=(_run(0, 0.3), _run(1, 0.5)),
    ablated=tuple(
        Ablated(recipe="kang_rir", seed=seed, without=part, digest=f"{part}{seed}", commit="abc1234",
                val_psnr_db=db + seed)
        for part, db in (("", 20.0), ("gradient", 19.5)) for seed in (0, 1)
    ),
)  # fmt: skip


def test_the_table_says_what_the_file_holds() -> None:
    text = markdown(FOUND)
    for line in (
        "commit abc1234; data 'lol' (aaaaaaaaaaaa, split bbbbbbbbbbbb), 2 test pictures. PSNR and SSIM on RGB",
        "Students over seeds 0, 1, mean ± standard deviation, trained by commits abc1234. ms: p50 at 400x600",
        "| dark input | – | – | 8.00 | 0.800 | 7.00 | 11.00 | – | – |",
        "| clahe | 0 | – | 14.00 | 0.800 | 13.00 | 17.00 | 50.00 | 20.0 |",
        "| teacher low_light | 2,328,018 | 12.268 | 20.70 | 0.800 | 19.70 | 23.70 | 70.00 | 14.3 |",
        "| kang_rir: **INT8 student** | 45,684 | 0.685 | 20.39 ± 0.14 | 0.800 ± 0.000 | 19.39 ± 0.14 | 23.39 ± 0.14 "
        "| 4.00 | 250.0 |",
        "| LYT-Net (quoted) | 44,923 | – | 24.13 | 0.844 | – | 28.15 | – | – |",
        "| kang_rir | 2 | 21.50 ± 0.71 | 20.50 ± 0.71 | +1.00 ± 0.00 | 20.40 ± 0.14 | 20.00 ± 0.00 | +0.40 ± 0.14 "
        "| -0.010 ± 0.000 |",
        "| kang_rir | nothing | 2 | 20.50 ± 0.71 | – |",
        "| kang_rir | gradient | 2 | 20.00 ± 0.71 | -0.50 ± 0.00 |",
        "42.21 % / 7.47 % / 30.18 % over CLAHE, LIME and a method that is not named",
        "| kang_rir | 6.000 | +89.47 % |",
    ):
        assert line in text, line
    assert "shown beside, not reproduced" in text and text.count("(quoted)") == len(QUOTED) == 14


def test_quoted_figures_stand_beside_those_of_the_same_pictures_only() -> None:
    assert "(quoted)" not in markdown(FOUND.model_copy(update={"data": "embedded"}))


def test_without_students_there_is_one_table() -> None:
    text = markdown(FOUND.model_copy(update={"trained": (), "ablated": ()}))
    assert text.count("| --- |") == 1 and "control" not in text and "Kang" not in text


def test_of_one_seed_no_spread_is_claimed() -> None:
    assert spread([1.0]) is None and spread([1.0, 3.0]) == pytest.approx(2**0.5)
    assert (
        "±" not in markdown(FOUND.model_copy(update={"trained": FOUND.trained[:1], "ablated": ()})).split("\n\n", 1)[1]
    )


def test_the_plot_has_a_dot_for_each_network_that_was_timed_and_a_line_through_the_unbeaten() -> None:
    points = points_of(FOUND)
    assert {point.name for point in points} == {
        "teacher low_light", "kang_rir student", "kang_rir control", "kang_rir int8",
    }  # fmt: skip
    assert [point.name for point in front_of(points)] == ["kang_rir int8", "kang_rir student", "teacher low_light"]
    root = ElementTree.fromstring(pareto_svg(FOUND))
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == len(points)
    assert pareto_svg(FOUND.model_copy(update={"fixed": (), "trained": ()})) == ""


def test_the_readme_gets_the_table_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_table(page, FOUND)
    first = page.read_text()
    assert first == f"before\n{BEGIN}\n{markdown(FOUND)}\n{END}\nafter\n"
    write_table(page, FOUND)
    assert page.read_text() == first
    page.write_text("no marks")
    with pytest.raises(ValueError, match=r"README.md: .* 0 times, not once"):
        write_table(page, FOUND)


def test_the_readme_s_table_is_that_of_the_file_beside_the_benchmark() -> None:
    """Without a file there is no table."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if KEPT.is_file():
        assert text == with_table(text, LowLightFile.read(KEPT))
    else:
        assert f"{BEGIN}\n{END}" in text
