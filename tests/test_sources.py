"""compress.store.sources: which files belong to a stage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from compress.store import sources

FILES = {
    "boxes/__init__.py": "",
    "boxes/stage_a.py": "from boxes import shared\ndef a():\n    from .deep.inner import thing\n    import json\n",
    "boxes/stage_b.py": "import boxes.only_b as only\n",
    "boxes/shared.py": "NETS = {'x': 'boxes.nets.x:X'}\n",
    "boxes/only_b.py": "'''boxes.report is not imported here, only told of.'''\n",
    "boxes/report.py": "",
    "boxes/deep/__init__.py": "from .. import shared as s\n",
    "boxes/deep/inner.py": "from ..cycle import name\nthing = 1\n",
    "boxes/cycle.py": "import boxes.deep.inner\nname = 2\n",
    "boxes/nets/__init__.py": "",
    "boxes/nets/x.py": "X = 1\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    _forget()
    return tmp_path / "boxes"


def _forget() -> None:
    """As a new process would begin."""
    for remembered in (sources.sources_digest, sources._source, sources._module_file, sources._top_level_file):
        remembered.cache_clear()


def test_the_closure_follows_every_kind_of_import(package: Path) -> None:
    assert sources.import_closure("boxes.stage_a") == {
        "boxes", "boxes.stage_a", "boxes.shared", "boxes.deep", "boxes.deep.inner", "boxes.cycle",
        "boxes.nets", "boxes.nets.x",
    }  # fmt: skip
    assert "boxes" not in sys.modules  # nothing was imported


def test_only_what_is_imported_counts(package: Path) -> None:
    before = {name: sources.sources_digest(name) for name in ("boxes.stage_a", "boxes.stage_b")}
    changes = {"report.py": set(), "only_b.py": {"boxes.stage_b"}, "nets/x.py": {"boxes.stage_a"}}
    for file, expected in changes.items():
        (package / file).write_text("X = 5\n")
        _forget()
        after = {name: sources.sources_digest(name) for name in before}
        assert {name for name in before if after[name] != before[name]} == expected, file
        before = after


def test_a_module_that_is_not_there(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="boxes.nothing"):
        sources.sources_digest("boxes.nothing")


def test_the_stages_list_does_not_tie_stages_together() -> None:
    _forget()
    closure = sources.import_closure("compress.stages")
    assert "compress.stages" in closure
    assert not {name for name in closure if name.startswith("compress.stages.")}


@pytest.mark.parametrize("module", ["compress.stages.distill", "compress.stages.prune"])
def test_a_stage_does_not_depend_on_the_command_or_the_report(module: str) -> None:
    closure = sources.import_closure(module)
    assert {"compress.stage", "compress.artefacts", module} <= closure
    assert not closure & {"compress.cli", "compress.flow", "compress.store.store", "compress.config.load"}
    assert not {name for name in closure if name.startswith("compress.report")}


def _git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *named, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_git_commit_and_dirt(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    assert sources.git_commit(inner) is None and sources.tree_dirty(inner) is None
    _git(tmp_path, "init", "-q")
    (inner / "a.txt").write_text("1")
    assert sources.git_commit(inner) is None  # not tracked: an environment inside somebody's repository
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "one")
    assert sources.git_commit(inner) == _git(tmp_path, "rev-parse", "HEAD")
    assert sources.tree_dirty(inner) is False
    (inner / "a.txt").write_text("2")
    assert sources.tree_dirty(inner) is True


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sources.git_commit(tmp_path) is None
