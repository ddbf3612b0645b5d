"""``compress keys`` and ``compress verify`` as a user meets them: what they print, and which exit code says what."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import date
from pathlib import Path

import pytest
from sealed import key_pair, sealed_bundle

from compress.bundle import pem
from compress.cli import execute
from compress.errors import SignatureError

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))


def run(capsys: Capture, *words: str) -> tuple[int, str, str]:
    code = execute(words)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_key_is_made_shown_and_never_replaced(capsys: Capture) -> None:
    code, out, _ = run(capsys, "keys", "new", "release.pem", "--expires", "2099-12-31")
    name, where = out.splitlines()
    assert code == 0 and where == "public half: release.pub.pem, good until 2099-12-31"
    assert stat.S_IMODE(Path("release.pem").stat().st_mode) == 0o600
    for source in ("release.pem", "release.pub.pem"):
        assert run(capsys, "keys", "id", source) == (0, f"{name}\n", "")
    assert run(capsys, "keys", "public", "--key", "release.pem")[1] == Path("release.pub.pem").read_text()
    before = Path("release.pem").read_bytes()
    code, _, err = run(capsys, "keys", "new", "release.pem")
    assert code == 2 and "release.pem is there already; a key is never replaced" in err
    assert Path("release.pem").read_bytes() == before
    code, _, err = run(capsys, "keys", "new", "late.pem", "--expires", "2001-01-01")
    assert code == 2 and "2001-01-01 is over" in err and not Path("late.pem").exists()


def test_without_a_file_it_is_the_developer_key(capsys: Capture) -> None:
    code, out, _ = run(capsys, "keys", "new")
    assert code == 0 and Path("home/keys/dev.pem").is_file()
    assert run(capsys, "keys", "id", "home/keys/dev.pem")[1] == out.splitlines()[0] + "\n"
    assert run(capsys, "keys", "new")[0] == 2


def test_a_key_from_the_environment_is_shown_by_its_public_half(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, public = key_pair(Path("ci.pem"))
    monkeypatch.setenv("COMPRESS_SIGNING_KEY", Path("ci.pem").read_text())
    assert run(capsys, "keys", "id", "env:COMPRESS_SIGNING_KEY") == (0, f"{signer.public.id}\n", "")
    assert run(capsys, "keys", "public", "--key", "env:COMPRESS_SIGNING_KEY")[1] == public.read_text()
    assert "COMPRESS_SIGNING_KEY" not in os.environ


def test_a_secret_given_as_a_setting_is_not_repeated(capsys: Capture, workplace: Path, toy_stages: None) -> None:
    key_pair(Path("k.pem"))
    text = Path("k.pem").read_text()
    for given in (text, "".join(text.splitlines()[1:-1]), "pkcs11:token=t;object=k?pin-value=MIGHAgEA"):
        code, out, err = run(capsys, "run", "recipe=toy", "target=box", f"package.key={given}")
        assert code == 2 and err.startswith("error: package.key: ")
        assert text.splitlines()[1][:8] not in out + err and "BEGIN" not in out + err


def test_each_refusal_has_its_own_exit_code_and_words(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    signer, public = key_pair(Path("key.pem"))
    short, shorts = key_pair(Path("short.pem"), date(2026, 11, 22))
    _, other = key_pair(Path("other.pem"))
    office, offices = key_pair(Path("office.pem"))
    bundle = sealed_bundle(Path("bundle"), signer)
    sealed_bundle(Path("dated"), short)
    sealed_bundle(Path("draft"), signer, ("the verdict is fail",))
    unsigned, broken, changed = (Path(shutil.copytree(bundle, name)) for name in ("unsigned", "broken", "changed"))
    (unsigned / "manifest.sig").unlink()
    (broken / "manifest.sig").write_bytes(b"noise")
    (changed / "contract.json").write_bytes(b"[]\n")
    revoke = ("keys", "revoke", str(public), "--list", "revoked.json", "--key", "office.pem", "--reason", "lost")
    assert run(capsys, *revoke)[0] == 0
    listed = ("--revoked", "revoked.json")
    cases: dict[tuple[str, ...], tuple[int, str]] = {
        ("bundle", "--key", f"{public}"): (0, "signatures and 5 files hold; status RELEASE"),
        ("bundle", "--key", f"{other}", "--key", f"{public}"): (0, "status RELEASE"),
        ("draft", "--key", f"{public}"): (1, "draft, not for release"),
        ("draft", "--key", f"{public}", "--allow-draft"): (0, "- the verdict is fail"),
        ("nowhere", "--key", f"{public}"): (2, "no such bundle folder"),
        ("bundle",): (10, "no key: name the signer's public key"),
        ("bundle", "--key", "absent.pem"): (10, "can't read the key absent.pem"),
        ("bundle", "--key", "key.pem"): (10, "this is a private key"),
        ("bundle", "--key", f"{other}"): (11, "wrong key"),
        ("unsigned", "--key", f"{public}"): (12, "no signature"),
        ("broken", "--key", f"{public}"): (13, "broken signature"),
        ("bundle", "--key", f"{public}", *listed, "--revoked-by", f"{offices}"): (14, "revoked key"),
        ("dated", "--key", f"{shorts}", "--on", "2026-11-23"): (15, "expired key"),
        ("dated", "--key", f"{shorts}", "--on", "2026-11-22"): (0, "status RELEASE"),
        ("changed", "--key", f"{public}"): (16, "contract.json: changed"),
        ("bundle", "--key", f"{public}", *listed): (18, "signed by none of the keys"),
        ("dated", "--key", f"{shorts}", *listed, "--revoked-by", f"{offices}", "--on", "2026-11-22",
         "--revoked-from", "2099-01-01"): (18, ""),
    }  # fmt: skip
    for words, (code, says) in cases.items():
        found, out, err = run(capsys, "verify", *words)
        assert (found, says in out + err) == (code, True), (words, out, err)
        assert err.count("\n") == (1 if code else 0)
    kinds = [kind.exit_code for kind in SignatureError.__subclasses__()]
    assert sorted(kinds) == list(range(10, 19))


def test_a_signed_manifest_that_no_bundle_may_have(capsys: Capture) -> None:
    from compress.bundle.sign import sign_bytes

    signer, public = key_pair(Path("key.pem"))
    bundle = sealed_bundle(Path("bundle"), signer)
    good = (bundle / "manifest.json").read_bytes()
    odd = (b"../x", b"/etc/x", b"C:/x", b"CON", b"a" * 201, b"readme.md")
    for name in odd:
        data = good.replace(b'"contract.json"', b'"' + name + b'"')
        (bundle / "manifest.json").write_bytes(data)
        (bundle / "manifest.sig").write_bytes(sign_bytes(data, signer))
        code, _, err = run(capsys, "verify", "bundle", "--key", str(public))
        assert code == 17 and name.decode() in err, err


def test_the_list_tells_when_it_was_issued(capsys: Capture) -> None:
    signer, public = key_pair(Path("key.pem"))
    sealed_bundle(Path("bundle"), signer)
    stranger = "sha256:" + "ab" * 32
    code, out, _ = run(capsys, "keys", "revoke", stranger, "--list", "revoked.json", "--key", "key.pem")
    assert code == 0 and "1 revoked keys" in out
    code, out, _ = run(capsys, "verify", "bundle", "--key", str(public), "--revoked", "revoked.json")
    assert code == 0 and f"not on the revocation list of {pem.today()} (next time: --revoked-from" in out
    code, _, err = run(capsys, "keys", "revoke", "sha256:12", "--list", "revoked.json", "--key", "key.pem")
    assert code == 2 and "can't revoke sha256:12" in err
    assert run(capsys, "keys", "revoke", str(public), "--list", "revoked.json", "--key", "key.pem")[0] == 2


def test_rotation(capsys: Capture) -> None:
    _, old = key_pair(Path("old.pem"))
    code, out, _ = run(capsys, "keys", "rotate", "new.pem", "--key", "old.pem")
    assert code == 0 and "signed by" in out and Path("new.pub.pem.sig").is_file()
    code, out, _ = run(capsys, "keys", "successor", "new.pub.pem", "--key", str(old))
    assert code == 0 and "is a successor of" in out
    assert run(capsys, "keys", "successor", "new.pub.pem", "--key", "new.pub.pem")[0] == 13
    assert run(capsys, "keys", "rotate", "new.pem", "--key", "old.pem")[0] == 2
