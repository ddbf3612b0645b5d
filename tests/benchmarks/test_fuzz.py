"""What reads others' files takes spoilt ones in one line: seeds spoilt at random, and all that campaigns found."""

from __future__ import annotations

import sys
from pathlib import Path

import fuzz
import pytest
from fuzz_bench.mouths import MOUTHS, Mouth, seeds_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FINDINGS = sorted(path for path in fuzz.FINDINGS.rglob("*") if path.is_file())
CHEAP = ("bundle_manifest", "store_manifest", "contract", "config", "archive", "tflite")
spoilings = st.lists(st.tuples(st.sampled_from("flip cut drop double".split()), st.floats(0, 1), st.integers(0, 255)))


def _spoilt(data: bytes, way: str, share: float, value: int) -> bytes:
    place = int(share * len(data))
    match way:
        case "flip":
            return data[:place] + bytes([value]) + data[place + 1 :]
        case "cut":
            return data[:place]
        case "drop":
            return data[:place] + data[place + value :]
    return data[:place] + data[max(0, place - value) :]


@pytest.fixture(scope="module")
def seeds() -> dict[str, tuple[bytes, ...]]:
    found = {}
    for name in CHEAP:
        with seeds_of(MOUTHS[name]) as made:
            found[name] = made
    return found


@pytest.mark.parametrize("name", CHEAP)
def test_valid_input_is_taken(seeds: dict[str, tuple[bytes, ...]], name: str) -> None:
    said = {MOUTHS[name].swallow(seed) for seed in seeds[name]}
    # a manifest that lists a file is whole, but its file is not there
    assert "taken" in said and all(each == "taken" or each.endswith("to have it made again") for each in said)


@pytest.mark.parametrize("name", CHEAP)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 1000), ways=spoilings)
def test_spoilt_input_is_refused_in_words_or_taken(
    seeds: dict[str, tuple[bytes, ...]], name: str, which: int, ways: list[tuple[str, float, int]]
) -> None:
    data = seeds[name][which % len(seeds[name])]
    for way, share, value in ways:
        data = _spoilt(data, way, share, value)
    assert MOUTHS[name].swallow(data)


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_a_campaign_found_is_refused_in_words(path: Path) -> None:
    assert MOUTHS[path.parent.name].swallow(path.read_bytes()) != "taken"


def test_another_error_than_ours_comes_out() -> None:
    def feed(data: bytes, folder: Path) -> None:
        raise IndexError

    with pytest.raises(IndexError):
        Mouth(feed, lambda folder: iter(()), ()).swallow(b"")


def test_a_campaign_counts_its_inputs_and_leaves_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("atheris", reason="campaigns need atheris")
    assert fuzz.main(["bundle_manifest", "--inputs", "150", "--findings", str(tmp_path)]) == 0
    assert "| bundle_manifest | 150 |" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_keeps_the_input_that_broke_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("atheris", reason="campaigns need atheris")
    fed = tmp_path / "fed.py"
    fed.write_text(
        "import sys\nsys.path[:0] = sys.argv[1:2]\nimport fuzz\nfrom fuzz_bench.mouths import MOUTHS, Mouth\n"
        "def broken(data, folder):\n    if b'{' in data:\n        raise IndexError('a bug')\n"
        "MOUTHS['bundle_manifest'] = Mouth(broken, MOUTHS['bundle_manifest'].seeds, ())\n"
        "fuzz.feed(sys.argv[2], sys.argv[3:])\n"
    )
    monkeypatch.setattr(fuzz, "FEEDER", (sys.executable, str(fed), str(Path(fuzz.__file__).parent)))
    assert fuzz.main(["bundle_manifest", "--inputs", "50", "--findings", str(tmp_path / "found")]) == 1
    (kept,) = (tmp_path / "found" / "bundle_manifest").iterdir()
    assert b"{" in kept.read_bytes()
