"""Keys: made once, kept private, named by their public half; every wrong file is one line."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import shutil
import stat
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from compress.bundle.keys import developer_key_path, public_key_id, public_pem, resolve_key
from compress.bundle.pem import day_from, load_public, make_key
from compress.environment_secrets import secret, take_out
from compress.errors import ExpiredKey, NoKey, SignatureError

PRIVATE = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def write(path: Path, key: PRIVATE, password: bytes | None = None) -> Path:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    path.chmod(0o600)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_developer_key_is_made_once_and_private(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        signer = resolve_key(None)
    path = Path(signer.public.name)
    assert path == home / "keys" / "dev.pem" == developer_key_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in caplog.text and "PRIVATE" not in caplog.text
    before = path.read_bytes()
    caplog.clear()
    assert resolve_key(None).public.id == signer.public.id and path.read_bytes() == before
    assert not caplog.text
    assert sorted(p.name for p in path.parent.iterdir()) == ["dev.pem", "dev.pub.pem"]
    assert load_public(path.parent / "dev.pub.pem").id == signer.public.id


def test_racers_get_the_same_key(home: Path) -> None:
    ids: list[str] = []
    racers = [threading.Thread(target=lambda: ids.append(public_key_id(resolve_key(None)))) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(ids) == 8 and len(set(ids)) == 1
    assert sorted(p.name for p in (home / "keys").iterdir()) == ["dev.pem", "dev.pub.pem"]
    assert load_public(home / "keys" / "dev.pub.pem").id == ids[0]


def test_default_home_is_under_the_users_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPRESS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert developer_key_path() == tmp_path / ".config" / "compress" / "keys" / "dev.pem"


def test_home_that_cannot_hold_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "file"))
    with pytest.raises(SignatureError, match="can't make the developer key .*COMPRESS_HOME"):
        resolve_key(None)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_key_id_is_what_openssl_says(home: Path, tmp_path: Path) -> None:
    key = resolve_key(None)
    public = tmp_path / "public.pem"
    public.write_text(public_pem(key))
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"], check=True, capture_output=True
    ).stdout
    assert public_key_id(key) == "sha256:" + hashlib.sha256(der).hexdigest()
    load_public(public)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
@pytest.mark.parametrize("extra", [[], ["-noout"]])
def test_keys_made_by_openssl_work(tmp_path: Path, extra: list[str]) -> None:
    made = tmp_path / "own.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", made, *extra], check=True)
    made.chmod(0o600)
    assert public_key_id(resolve_key(made)).startswith("sha256:")


def test_what_is_no_usable_private_key(tmp_path: Path) -> None:
    good = ec.generate_private_key(ec.SECP256R1())
    cases = {
        "not a P-256 key": [
            write(tmp_path / "p384.pem", ec.generate_private_key(ec.SECP384R1())),
            write(tmp_path / "ed25519.pem", ed25519.Ed25519PrivateKey.generate()),
            write(tmp_path / "rsa.pem", rsa.generate_private_key(65537, 2048)),
        ],
        "is encrypted": [write(tmp_path / "locked.pem", good, b"secret")],
        "not a PEM private key": [tmp_path / "empty.pem", tmp_path / "noise.pem", tmp_path / "cut.pem"],
        "no key file": [tmp_path],
    }
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "noise.pem").write_bytes(bytes(range(256)))
    whole = write(tmp_path / "whole.pem", good).read_bytes()
    (tmp_path / "cut.pem").write_bytes(whole[: len(whole) // 2])
    for name in ("empty", "noise", "cut"):
        (tmp_path / f"{name}.pem").chmod(0o600)
    secret = whole.decode().splitlines()[1][:20]
    for message, paths in cases.items():
        for path in paths:
            with pytest.raises(SignatureError, match=message) as caught:
                resolve_key(path)
            text = str(caught.value)
            assert str(path) in text and "\n" not in text and secret not in text


def test_key_others_can_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "key.pem", ec.generate_private_key(ec.SECP256R1()))
    path.chmod(0o644)
    with pytest.raises(SignatureError, match="chmod 600"):
        resolve_key(path)
    path.chmod(0o640)
    resolve_key(path)
    assert "chmod 600" in caplog.text


def test_missing_key_file(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="no key file"):
        resolve_key(tmp_path / "absent.pem")


def test_public_key_files(tmp_path: Path) -> None:
    private = write(tmp_path / "key.pem", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(SignatureError, match="this is a private key"):
        load_public(private)
    noise = tmp_path / "noise.pem"
    noise.write_text("hello")
    with pytest.raises(SignatureError, match="not a PEM public key"):
        load_public(noise)
    other = tmp_path / "p384.pem"
    other.write_bytes(
        ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )  # fmt: skip
    with pytest.raises(SignatureError, match="not a P-256 public key"):
        load_public(other)


def test_a_key_is_made_once_with_its_public_half(tmp_path: Path) -> None:
    path = tmp_path / "new" / "release.pem"
    made = make_key(path, date(2030, 1, 31))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert resolve_key(path).public.id == made.id == load_public(path.with_name("release.pub.pem")).id
    assert resolve_key(path).public.expires == load_public(Path(made.name)).expires == date(2030, 1, 31)
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    with pytest.raises(FileExistsError):
        make_key(path)
    path.rename(tmp_path / "away.pem")
    with pytest.raises(FileExistsError):  # the public half of a key that lies elsewhere
        make_key(path)
    (tmp_path / "away.pem").rename(path)
    assert before == {each.name: each.read_bytes() for each in path.parent.iterdir()}
    assert b"PRIVATE" not in before["release.pub.pem"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_reads_keys_with_a_last_day(tmp_path: Path) -> None:
    made = make_key(tmp_path / "k.pem", date(2030, 1, 31))
    assert Path(made.name).read_text().startswith("expires: 2030-01-31\n-----BEGIN PUBLIC KEY-----\n")
    command = ["openssl", "pkey", "-in", tmp_path / "k.pem", "-pubout"]
    ours = subprocess.run(["openssl", "pkey", "-pubin", "-in", made.name, "-pubout"], check=True, capture_output=True)
    assert ours.stdout == subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    "lines",
    ["expires:\n", "expires: soon\n", "expires: 2030-02-30\n", "expires: 20300101\n", "expires: ２０３０-01-01\n",
     "expires: 2030-01-01\nexpires: 2031-01-01\n"],
)  # fmt: skip
def test_an_odd_last_day_is_refused_wherever_it_stands(tmp_path: Path, lines: str) -> None:
    made = make_key(tmp_path / "k.pem")
    for text in (lines + made.pem(), made.pem() + lines):
        Path(made.name).write_text(text)
        with pytest.raises(NoKey, match="one line such as"):
            load_public(Path(made.name))


def test_the_last_day_is_still_good(tmp_path: Path) -> None:
    made = make_key(tmp_path / "k.pem", day_from("2030-01-31"))
    made.check_not_expired(date(2030, 1, 31))
    with pytest.raises(ExpiredKey, match="good until 2030-01-31, today is 2030-02-01"):
        made.check_not_expired(date(2030, 2, 1))


@pytest.mark.parametrize("spell", [bytes.decode, lambda pem: base64.encodebytes(pem).decode()])
def test_key_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spell: Any) -> None:
    made = make_key(tmp_path / "k.pem", date(2030, 1, 31))
    pem = (tmp_path / "k.pem").read_bytes()
    monkeypatch.setenv("COMPRESS_SIGNING_KEY_CI", spell(pem))
    signer = resolve_key("env:COMPRESS_SIGNING_KEY_CI")
    assert (signer.public.id, signer.public.expires) == (made.id, date(2030, 1, 31))
    assert resolve_key("env:COMPRESS_SIGNING_KEY_CI").sign(b"x") == resolve_key(tmp_path / "k.pem").sign(b"x")
    assert "COMPRESS_SIGNING_KEY_CI" not in os.environ
    secret_part = pem.decode().splitlines()[2][:30]
    assert secret_part not in repr(signer) + str(signer) + repr(vars(signer))


def test_no_child_process_inherits_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("COMPRESS_SIGNING_KEY", "COMPRESS_SIGNING_KEY_2", "COMPRESS_PKCS11_PIN")
    for name in (*names, "COMPRESS_SIGNING_KEYS"):
        monkeypatch.setenv(name, "sesame")
    take_out()
    look = "import os; print([name for name, value in os.environ.items() if value == 'sesame'])"
    child = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "['COMPRESS_SIGNING_KEYS']"  # no name of ours
    assert [secret(name) for name in names] == ["sesame"] * 3


def test_what_is_no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SignatureError, match="COMPRESS_SIGNING_KEY_ABSENT, which is not set"):
        resolve_key("env:COMPRESS_SIGNING_KEY_ABSENT")
    with pytest.raises(SignatureError, match="should be env:COMPRESS_SIGNING_KEY"):
        resolve_key("env:HOME")
    for value in ("sesame sesame", "c2VzYW1l", "-----BEGIN EC PRIVATE KEY-----\nsesame\n-----END EC PRIVATE KEY-----"):
        monkeypatch.setenv("COMPRESS_SIGNING_KEY", value)
        with pytest.raises(SignatureError, match="not a PEM private key") as caught:
            resolve_key("env:COMPRESS_SIGNING_KEY")
        assert "sesame" not in str(caught.value) and "c2Vz" not in str(caught.value)


def test_a_key_in_place_of_its_name_is_not_repeated(tmp_path: Path) -> None:
    make_key(tmp_path / "k.pem")
    pem = (tmp_path / "k.pem").read_text()
    body = "".join(pem.splitlines()[1:-1])
    for given in (pem, body, base64.b64encode(pem.encode()).decode()):
        with pytest.raises(SignatureError, match="seems to be the key itself") as caught:
            resolve_key(given)
        assert given[:12] not in str(caught.value)
    with pytest.raises(SignatureError, match="can't hold a PIN") as caught:
        resolve_key("pkcs11:token=t;object=k?pin-value=4711")
    assert "4711" not in str(caught.value)
