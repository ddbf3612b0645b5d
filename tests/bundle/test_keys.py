"""Keys: made once, kept private, named by their public half; every wrong file is one line."""

from __future__ import annotations

import hashlib
import logging
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from compress.bundle.keys import developer_key_path, load_public, public_key_id, public_pem, resolve_key
from compress.errors import SignatureError

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
        path = resolve_key(None)
    assert path == home / "keys" / "dev.pem" == developer_key_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in caplog.text and "PRIVATE" not in caplog.text
    before = path.read_bytes()
    caplog.clear()
    assert resolve_key(None).read_bytes() == before
    assert not caplog.text
    assert [p.name for p in path.parent.iterdir()] == ["dev.pem"]


def test_racers_get_the_same_key(home: Path) -> None:
    ids: list[str] = []
    racers = [threading.Thread(target=lambda: ids.append(public_key_id(resolve_key(None)))) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(ids) == 8 and len(set(ids)) == 1
    assert [p.name for p in (home / "keys").iterdir()] == ["dev.pem"]


def test_default_home_is_under_the_users_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPRESS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_key(None) == tmp_path / ".config" / "compress" / "keys" / "dev.pem"


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
        "can't read": [tmp_path],
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
                public_key_id(path)
            text = str(caught.value)
            assert str(path) in text and "\n" not in text and secret not in text


def test_key_others_can_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "key.pem", ec.generate_private_key(ec.SECP256R1()))
    path.chmod(0o644)
    with pytest.raises(SignatureError, match="chmod 600"):
        public_key_id(path)
    path.chmod(0o640)
    public_key_id(path)
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
