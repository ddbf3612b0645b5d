"""What keeps a bundle from being a release, and what becomes of it then."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest
from sealed import key_pair

from compress.bundle import circumstances as module
from compress.bundle.circumstances import circumstances, dirty_folders, package_identity
from compress.bundle.policy import ON_REQUEST, reasons_against
from compress.bundle.revoked import Revocation, revoke
from compress.errors import BadRevocationList, NotReleasable
from compress.records import Check, VerdictRecord
from compress.schema import PackageSpec
from compress.stage import Link

PASS = VerdictRecord(result="pass", checks=())
CHAIN = (Link("gate", "k" * 64, "d" * 64, "good", 1.0, {}, None),)


def sources(stage: str) -> str:
    return "good"


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(module, "dirty_folders", lambda: ())
    return key_pair(tmp_path / "key.pem")[0].public.name


def test_nothing_against_it(key: str) -> None:
    for policy in ("as_found", "release"):
        assert reasons_against(PackageSpec(key=key, policy=policy), PASS, CHAIN, sources) == ()
    assert reasons_against(PackageSpec(key=key, policy="draft"), PASS, CHAIN, sources) == (ON_REQUEST,)


def test_a_release_is_refused_with_every_reason(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "dirty_folders", lambda: ("compress", "targets"))
    monkeypatch.setattr(module, "today", lambda: date(2026, 11, 23))
    old, _ = key_pair(tmp_path / "old.pem", date(2026, 11, 22))
    office, offices = key_pair(tmp_path / "office.pem")
    listed = tmp_path / "revoked.json"
    revoke(listed, Revocation(key_id=old.public.id, since="2026-10-01", reason="lost"), office, date(2026, 11, 22), ())
    check = Check(name="min_fps", limit=20, measured=30, unit="FPS", origin="estimated", result="incomplete")
    verdict = VerdictRecord(result="incomplete", checks=(check,), reasons=("no device",))
    chain = (*CHAIN, Link("export", "k" * 64, "d" * 64, "other", 1.0, {}, None))
    spec = PackageSpec(key=old.public.name, policy="release", revoked=str(listed), revoked_by=(str(offices),))
    with pytest.raises(NotReleasable) as caught:
        reasons_against(spec, verdict, chain, sources)
    said = (
        "the verdict is incomplete (min_fps incomplete; no device)", "stage export was made by other code",
        "min_fps is estimated, and the target asks for a measured figure", "expired on 2026-11-22",
        "revoked since 2026-10-01 (lost)", "not committed, in compress, targets",
    )  # fmt: skip
    assert len(caught.value.reasons) == len(said) and caught.value.exit_code == 1
    for part, reason in zip(said, caught.value.reasons, strict=True):
        assert reason.startswith("no release: ") and part in reason
    as_found = spec.model_copy(update={"policy": "as_found"})
    assert len(reasons_against(as_found, verdict, chain, sources)) == len(said)
    assert str(tmp_path) not in " ".join(reasons_against(as_found, verdict, chain, sources))


def test_a_list_that_is_not_to_be_trusted_stops_it(key: str, tmp_path: Path) -> None:
    with pytest.raises(BadRevocationList):
        circumstances(PackageSpec(key=key, revoked=str(tmp_path / "absent.json")))


def test_what_changes_with_time_is_part_of_the_packages_key(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = package_identity(PackageSpec(key=key))
    (tmp_path / "moved.pem").write_bytes(Path(key).read_bytes())
    (tmp_path / "moved.pem").chmod(0o600)
    assert package_identity(PackageSpec(key=str(tmp_path / "moved.pem"))) == before  # the key, not its path
    assert package_identity(PackageSpec(key=key, policy="draft")) != before
    monkeypatch.setattr(module, "dirty_folders", lambda: ("compress",))
    assert package_identity(PackageSpec(key=key)) != before


def test_changes_in_the_checkout_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=n", "-c", "user.email=e@x", *words], check=True)

    for name in ("compress/bundle/circumstances.py", "targets/box.yaml", "docs/note.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a\n")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "compress/bundle/circumstances.py"))
    assert dirty_folders() == ()  # no checkout of ours
    (tmp_path / "pyproject.toml").write_text("")
    assert dirty_folders() == ()  # no git
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "all")
    assert dirty_folders() == ()
    (tmp_path / "docs/note.md").write_text("b\n")
    assert dirty_folders() == ()
    (tmp_path / "targets/box.yaml").write_text("b\n")
    (tmp_path / "compress/new.py").write_text("b\n")
    assert dirty_folders() == ("compress", "targets")
