"""The benchmark of large sets, on small ones: what it makes, what a process does with it, what it prints and keeps."""

from __future__ import annotations

from pathlib import Path

import big_data
import pytest
from big_data_bench import pictures
from big_data_bench.pictures import LAYOUTS, Layout, make_set, spec_of
from big_data_bench.records import BigDataFile, Cell, Session
from big_data_bench.session import session
from big_data_bench.table import table

from compress.data.source import data_digest, open_data
from compress.reading import Reading


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "TESTS", 3)
        patch.setattr(pictures, "PER_SHARD", 8)
        return make_set(tmp_path_factory.mktemp("sets"), 20)


def test_both_layouts_hold_the_same_pairs_and_no_two_alike(root: Path) -> None:
    assert [path.name for path in sorted((root / "shards/train").iterdir())] == [
        f"shard-{number:06d}.tar" for number in range(3)
    ]
    specs = [spec_of(root, layout, 1) for layout in LAYOUTS]
    assert len({data_digest(spec) for spec in specs}) == 1
    for spec in specs:
        train, val, test = (open_data(spec, split) for split in ("train", "val", "test"))  # type: ignore[arg-type]
        assert (len(train), len(val), len(test)) == (19, 1, 3)
        assert len({*train.scenes, *val.scenes, *test.scenes}) == 23


def test_a_set_that_is_there_is_kept(root: Path) -> None:
    before = (root / "shards/train/shard-000000.tar").stat().st_mtime_ns
    assert make_set(root, 20) == root and (root / "shards/train/shard-000000.tar").stat().st_mtime_ns == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_session_opens_and_trains(root: Path, layout: Layout) -> None:
    found = session(spec_of(root, layout, 1), 2)
    assert found.reading is not None and found.reading.steps == 2
    assert found.digest == data_digest(spec_of(root, layout, 1)) and found.peak_bytes > 10**8 and found.open_s > 0


def _file(grown: float) -> BigDataFile:
    first = Session(digest="d", digest_s=1.25, open_s=2.0, peak_bytes=2**28)
    reading = Reading(steps=10, steps_s=5.0, read_s=1.0, waited_s=0.05)
    cells = tuple(
        Cell(layout=layout, pairs=pairs, first=first, second=first.model_copy(
            update={"reading": reading, "peak_bytes": round(2**28 * growth)}))
        for pairs, growth in ((1_000, 1.0), (100_000, grown)) for layout in LAYOUTS
    )  # fmt: skip
    return BigDataFile(command="c", commit="abc", machine="m", load_before=1.0, load_after=2.0, side=64, batch=16,
                       memory_mib=16, cells=cells)  # fmt: skip


@pytest.mark.parametrize(("grown", "said"), [(1.2, "(flat: at most 1.25)"), (1.3, "(NOT flat: at most 1.25)")])
def test_the_table_says_whether_memory_is_flat(grown: float, said: str) -> None:
    text = table(_file(grown))
    assert "| 1,000 | folders | 1.2 | 2.0 | 1.2 | 2.0 | 256 | 500 | 20.0% | 1.0% |" in text
    grew = f"{(grown - 1) * 2**28 / 99_000:.0f} bytes a pair"
    assert f"Memory in shards: {grown:.2f} times from 1,000 to 100,000 pairs, {grew} {said}" in text


def test_what_is_kept_replaces_what_was_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{big_data.MARK}{big_data.MARK}\nafter\n")
    for grown in (1.3, 1.2):
        big_data.keep(_file(grown), tmp_path, page)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert text.count(big_data.MARK) == 2 and "1.20 times" in text and "1.30" not in text
    assert BigDataFile.read(tmp_path / big_data.FILE) == _file(1.2)
