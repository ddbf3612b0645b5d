"""``compress report``: which bundle, what is refused, and the store's earlier runs beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from reported import write_bundle
from tiny_chain import seal

from compress.artefacts import Builds, Bundle, Measurements
from compress.bundle.keys import resolve_key
from compress.bundle.seal import Contents
from compress.bundle.seal import seal as sign
from compress.cli import execute
from compress.records import BuildList
from compress.report.subject import REPORTED, ReportedBuilds
from compress.store.runs import RunRecord, RunStage, save
from compress.store.store import Store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A run whose bundle was made, and the measurements of an earlier one of other networks."""
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    made = Store(tmp_path / "store")
    earlier = write_bundle(tmp_path / "earlier", seed=7) / "report"
    listed: BuildList = ReportedBuilds.read(earlier / REPORTED).listed

    def measure(out: Path) -> None:
        for name in ("quality.json", "speed.json"):
            (out / name).write_bytes((earlier / name).read_bytes())

    builds = seal(made, Builds, "export", lambda out: listed.write(out / "builds.json"))
    seal(made, Measurements, "validate", measure, builds=builds.manifest.digest)
    package = seal(made, Bundle, "package", _bundle)
    run = RunRecord(
        id="20260101T000000-aa", created="2026-01-01", recipe="tiny", target="bench", data="pairs", state="done",
        stages=(RunStage(stage="package", key=package.manifest.key, digest=package.manifest.digest),),
    )  # fmt: skip
    save(run, made.runs_folder)
    return made


def _bundle(out: Path) -> None:
    folder = write_bundle(out / "bundle")
    sign(folder, Contents("tiny", (), ()), resolve_key(None))


def _bundle_of(store: Store) -> Path:
    (folder,) = store.root.glob("package-*/bundle")
    return folder


def _report(store: Store, *words: str) -> int:
    return execute(["report", *words, "--store", str(store.root)])


@pytest.mark.parametrize("word", [None, "run", "artefact", "folder"])
def test_the_newest_bundle_or_the_one_that_is_named(store: Store, tmp_path: Path, word: str | None) -> None:
    named = {"run": "20260101T0000", "artefact": _bundle_of(store).parent.name, "folder": str(_bundle_of(store))}
    output = tmp_path / "page.html"
    assert _report(store, *([named[word]] if word else []), "-o", str(output)) == 0
    page = output.read_text()
    assert "<h1>tiny on bench &amp; co, data pairs</h1>" in page and "The bundle is a release" in page
    assert "1 earlier run of the same pictures, each timed" in page and "2026-01-01 00:00 (validate)" in page


def test_other_pictures_are_no_earlier_run(store: Store, tmp_path: Path) -> None:
    other, output = write_bundle(tmp_path / "other", digest="cd" * 32), tmp_path / "page.html"
    assert _report(store, str(other), "-o", str(output)) == 0
    assert "0 earlier runs of the same pictures" in output.read_text()


def test_two_bundles_are_compared(store: Store, tmp_path: Path, capsys: Capture) -> None:
    other, output = write_bundle(tmp_path / "other", seed=3, result="fail"), tmp_path / "page.html"
    assert _report(store, str(other), "--against", str(_bundle_of(store)), "-o", str(output)) == 0
    page = output.read_text()
    assert "compress comparison" in page and page.count("data:image/png") == 5 * 7
    assert "page.html: tiny on bench & co, data pairs, " in capsys.readouterr().out


def test_a_bundle_of_before_gets_its_networks_from_the_store(store: Store, tmp_path: Path) -> None:
    old, output = write_bundle(tmp_path / "old"), tmp_path / "page.html"
    (old / "report" / REPORTED).unlink()
    provenance = old / "provenance.json"
    key = next(entry.manifest.key for entry in store.ls() if entry.manifest and entry.manifest.stage == "export")
    provenance.write_text(provenance.read_text().replace("e" * 64, key))
    assert _report(store, str(old), "-o", str(output)) == 0
    assert "2,000,000" in output.read_text()


def test_what_can_not_be_is_said_in_a_line(store: Store, tmp_path: Path, capsys: Capture) -> None:
    bundle = _bundle_of(store)
    assert _report(store, "-o", str(bundle / "report" / "mine.html")) == 2
    assert "lies in the signed bundle" in capsys.readouterr().err and not (bundle / "report" / "mine.html").exists()
    assert _report(store, "-o", str(tmp_path / "no" / "page.html")) == 2
    assert "page.html: can't be written (No such file or directory)" in capsys.readouterr().err
    assert _report(store, "--parity", str(bundle / "provenance.json"), "-o", str(tmp_path / "page.html")) == 2
    assert "not a file of compress parity --json" in capsys.readouterr().err
    assert _report(store, str(store.runs_folder)) == 2
    assert "neither builds of the store" in capsys.readouterr().err
    assert _report(store, "nothing-of-this-name") == 2 and capsys.readouterr().err.startswith("error: ")


def test_a_run_whose_bundle_is_gone(store: Store, tmp_path: Path, capsys: Capture) -> None:
    import shutil

    shutil.rmtree(_bundle_of(store).parent)
    assert _report(store, "20260101") == 2
    assert "left no bundle" in capsys.readouterr().err
