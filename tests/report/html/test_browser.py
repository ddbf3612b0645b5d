"""The pages in a real browser: no complaint, no request, keys and clicks do what they should, nothing sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Tab, chromium, needs_chromium
from reported import EVIL, IMAGES, INT8_DB, write_bundle

from compress.records import BuildList
from compress.report.html.comparison import Compared, comparison_page
from compress.report.html.page import Beside, report_page
from compress.report.subject import read_subject

pytestmark = needs_chromium
NOTHING = BuildList(builds=())
FLOAT, INT8 = "float", "int8"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    one = read_subject(write_bundle(folder / "one"), NOTHING)
    worse = (*INT8_DB[:2], INT8_DB[2] - 3, *INT8_DB[3:])
    other = read_subject(write_bundle(folder / "other", int8_db=worse, seed=30), NOTHING)
    texts = {
        "report": report_page(one, Beside(earlier=())),
        "comparison": comparison_page(Compared(other, "after"), Compared(one, "before")),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_it_opens_quietly_from_disk(tab: Tab, pages: dict[str, Path], name: str, scheme: str) -> None:
    tab.open(pages[name], scheme=scheme)
    assert tab.complaints() == [] and tab.requests() == [pages[name].as_uri()]
    assert tab.run("return window.hit") is None
    dark = tab.run("return getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 26)"
    assert dark == (scheme == "dark")
    # The test can fail: a request and an error would be seen.
    tab.run("const p = new Image(); p.src = 'http://127.0.0.1:9/x.png'; document.body.append(p); p.remove()")
    assert any("Content Security Policy" in line for line in tab.complaints())


@pytest.mark.parametrize("name", ["report", "comparison"])
@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_nothing_sticks_out(tab: Tab, pages: dict[str, Path], name: str, width: int) -> None:
    tab.open(pages[name], width=width)
    tab.run("for (const each of document.querySelectorAll('details')) each.open = true")
    outer, inner = tab.run("const d = document.documentElement; return [d.scrollWidth, d.clientWidth]")
    assert outer <= inner <= width
    tab.run("window.scrollTo(999, 0)")
    assert tab.run("return window.scrollX") == 0


def test_the_slider_moves_by_keys_and_by_dragging(tab: Tab, pages: dict[str, Path]) -> None:
    from selenium.webdriver import ActionChains, Keys

    tab.open(pages["report"])
    clip = "return getComputedStyle(document.querySelector('.stage .over')).clipPath"
    assert tab.run(clip) == "inset(0px 50% 0px 0px)"
    tab.run("document.querySelector('.position').focus()")
    ActionChains(tab.driver).send_keys(Keys.ARROW_RIGHT * 10).perform()
    assert tab.run(clip) == "inset(0px 40% 0px 0px)"
    ActionChains(tab.driver).send_keys(Keys.HOME).perform()
    assert tab.run(clip) == "inset(0px 100% 0px 0px)"
    stage = tab.driver.find_element("css selector", ".stage")
    width = stage.size["width"]
    start = ActionChains(tab.driver).move_to_element(stage).click_and_hold()
    start.move_by_offset(width // 4, 0).release().perform()
    assert tab.run("return Number(document.querySelector('.position').value)") == pytest.approx(75, abs=1)
    assert tab.complaints() == []


def test_every_control_is_reached_by_tab(tab: Tab, pages: dict[str, Path]) -> None:
    from selenium.webdriver import ActionChains, Keys

    tab.open(pages["report"])
    reached = set()
    for _ in range(60):
        ActionChains(tab.driver).send_keys(Keys.TAB).perform()
        reached.add(tab.run("const e = document.activeElement; return e.className || e.tagName"))
    assert {
        "skip",
        "pick-image",
        "pick-left",
        "pick-right",
        "position",
        "gain",
        "scroll",
        "BUTTON",
        "SUMMARY",
    } <= reached


def _error_at(tab: Tab, side: str) -> list[int]:
    """Largest and sum of the drawn error, once it is drawn."""
    return tab.driver.execute_async_script(  # type: ignore[no-any-return]
        """const [side, done] = arguments;
        setTimeout(() => {
          const drawn = document.querySelector('.error-' + side);
          const canvas = new OffscreenCanvas(drawn.width, drawn.height);
          const context = canvas.getContext('2d', { willReadFrequently: true });
          context.drawImage(drawn, 0, 0);
          const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
          let most = 0, sum = 0;
          data.forEach((value, at) => { if (at % 4 !== 3) { most = Math.max(most, value); sum += value; } });
          done([most, sum]);
        }, 300)""",
        side,
    )


def test_any_two_are_compared_and_the_error_is_amplified(tab: Tab, pages: dict[str, Path]) -> None:
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.support.select import Select

    tab.open(pages["report"])
    chosen = {side: Select(tab.driver.find_element("css selector", f".pick-{side}")) for side in ("left", "right")}
    assert [option.text for option in chosen["left"].options] == ["input", "teacher", FLOAT, "INT8", "ground truth"]
    assert [chosen[side].first_selected_option.get_attribute("value") for side in chosen] == [FLOAT, INT8]
    most, total = _error_at(tab, "left")
    assert most == 20  # what the float picture lacks, 5 steps, four times
    assert _error_at(tab, "right")[1] > total
    tab.run("document.querySelector('.gain').focus()")
    ActionChains(tab.driver).send_keys(Keys.ARROW_RIGHT * 2).perform()
    assert _error_at(tab, "left")[0] == 30 and "6×" in tab.run(
        "return document.querySelector('.gain-text').textContent"
    )
    chosen["left"].select_by_visible_text("teacher")  # which is the truth, in this test
    assert _error_at(tab, "left") == [0, 0]
    under = "return [document.querySelector('.stage .over').alt, document.querySelector('.stage .under').alt]"
    assert tab.run(under) == [f"teacher of {IMAGES[0]}", f"INT8 of {IMAGES[0]}"]
    assert tab.complaints() == []


def test_a_picture_is_chosen_by_list_or_by_its_row(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["report"])
    visible = "return [...document.querySelectorAll('.board')].filter(b => !b.hidden).map(b => b.dataset.image)"
    assert tab.run(visible) == [IMAGES[0]]
    tab.run("[...document.querySelectorAll('a.to-look')].at(1).click()")
    assert tab.run(visible) == [EVIL] and tab.run("return document.activeElement.className") == "pick-image"
    assert EVIL in tab.run("return document.querySelector('.said').textContent")
    assert tab.run("return window.hit") is None and tab.complaints() == []


def _column(tab: Tab, column: int) -> list[str]:
    script = "return [...document.querySelector('table.sortable').tBodies[0].rows].map(r => r.cells[arguments[0]]"
    return tab.run(script + ".dataset.value)", column)  # type: ignore[no-any-return]


def test_tables_sort_by_numbers_and_names(tab: Tab, pages: dict[str, Path]) -> None:
    from selenium.webdriver import Keys

    tab.open(pages["report"])
    drop, name = (f"table.sortable thead th:nth-child({place}) button" for place in (7, 1))
    button = tab.driver.find_element("css selector", drop)
    button.send_keys(Keys.ENTER)
    values = [float(text) for text in _column(tab, 6)]
    assert values == sorted(values) and _column(tab, 0)[-1] == "cellar.png"
    sort = "return document.querySelector('table.sortable th:nth-child(7)').getAttribute('aria-sort')"
    assert tab.run(sort) == "ascending"
    button.send_keys(Keys.SPACE)
    assert tab.run(sort) == "descending" and _column(tab, 0)[0] == "cellar.png"
    tab.driver.find_element("css selector", name).click()
    names = _column(tab, 0)
    assert names.index("9.png") < names.index("10.png") and set(names) == set(IMAGES)
    assert tab.run(sort) is None


def test_a_comparison_starts_with_both_int8s_of_what_lost_most(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["comparison"])
    shown = tab.run("return [document.querySelector('.stage .over').alt, document.querySelector('.stage .under').alt]")
    assert shown == ["INT8 baseline of cellar.png", "INT8 candidate of cellar.png"]
    assert _error_at(tab, "right")[1] > _error_at(tab, "left")[1] > 0
    assert _column(tab, 0)[0] == "cellar.png" and tab.complaints() == []


def test_without_a_script_everything_is_still_there(tab: Tab, pages: dict[str, Path]) -> None:
    tab.scripting(False)
    try:
        tab.open(pages["report"])
        boards = tab.driver.find_elements("css selector", ".board")
        assert len(boards) == len(IMAGES) and all(board.is_displayed() for board in boards)
        assert not tab.driver.find_element("css selector", ".viewer").is_displayed()
        assert not tab.driver.find_elements("css selector", "th button")
    finally:
        tab.scripting(True)
