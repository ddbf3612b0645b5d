"""Rotation: a new key counts where a trusted one signed it, and openssl can tell as well."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from sealed import key_pair, sealed_bundle

from compress.bundle.pem import load_public
from compress.bundle.revoked import Revocation, revoke
from compress.bundle.successor import check_successor, endorse
from compress.bundle.trust import load_trust
from compress.bundle.verify import verify_bundle, verify_with
from compress.errors import BrokenSignature, ExpiredKey, NoSignature, RevokedKey, WrongKey

DAY = date(2026, 11, 22)


def test_a_bundle_of_the_new_key_is_trusted_through_the_old_one(tmp_path: Path) -> None:
    old, old_public = key_pair(tmp_path / "old.pem")
    new, new_public = key_pair(tmp_path / "new.pem", date(2027, 1, 1))
    with pytest.raises(NoSignature):
        check_successor(new_public, load_trust((old_public,)))
    endorse(new_public, old)
    key, by = check_successor(new_public, load_trust((old_public,), day=DAY))
    assert (key.id, by.id) == (new.public.id, old.public.id)
    bundle, older = sealed_bundle(tmp_path / "bundle", new), sealed_bundle(tmp_path / "older", old)
    with pytest.raises(WrongKey):
        verify_bundle(bundle, old_public)
    both = load_trust((old_public, new_public), day=DAY)
    assert verify_with(bundle, both).manifest.key_id == new.public.id
    assert verify_with(older, both).manifest.key_id == old.public.id
    if shutil.which("openssl"):
        command = ["openssl", "dgst", "-sha256", "-verify", old_public, "-signature", f"{new_public}.sig", new_public]
        subprocess.run(command, check=True, capture_output=True)


def test_a_changed_or_foreign_successor_is_refused(tmp_path: Path) -> None:
    old, old_public = key_pair(tmp_path / "old.pem")
    _, new_public = key_pair(tmp_path / "new.pem", date(2027, 1, 1))
    endorse(new_public, old)
    trust = load_trust((old_public,), day=DAY)
    text = new_public.read_text()
    new_public.write_text(text.replace("2027", "2037"))  # its last day is signed, too
    with pytest.raises(BrokenSignature):
        check_successor(new_public, trust)
    new_public.write_text(text)
    check_successor(new_public, trust)
    _, stranger = key_pair(tmp_path / "stranger.pem")
    with pytest.raises(BrokenSignature, match="none of the keys"):
        check_successor(new_public, load_trust((stranger,), day=DAY))


def test_neither_key_may_be_revoked_or_expired(tmp_path: Path) -> None:
    old, old_public = key_pair(tmp_path / "old.pem", DAY)
    new, new_public = key_pair(tmp_path / "new.pem")
    office, offices = key_pair(tmp_path / "office.pem")
    endorse(new_public, old)
    with pytest.raises(ExpiredKey):
        check_successor(new_public, load_trust((old_public,), day=date(2026, 11, 23)))
    for number, key in enumerate((old, new)):
        path = tmp_path / f"{number}.json"
        revoke(path, Revocation(key_id=key.public.id, since="2026-11-22", reason=""), office, DAY, ())
        with pytest.raises(RevokedKey, match=load_public(Path(key.public.name.replace(".pem", ".pub.pem"))).id):
            check_successor(new_public, load_trust((old_public,), path, (offices,), day=DAY))
