"""Signing keys: ECDSA on NIST P-256 (FIPS 186-5), in PEM files.

A user names a key of his own, or this machine gets a developer key on first use. No message and no
log line ever holds key material; a key is named by ``sha256:`` and the digest of its public half
(DER SubjectPublicKeyInfo, RFC 5280), which ``openssl pkey -pubin -outform DER | sha256sum`` prints too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

log = logging.getLogger(__name__)

_MAKE = "make one with `openssl ecparam -name prime256v1 -genkey -noout`"


def developer_key_path() -> Path:
    """Where this machine's developer key lies, or will lie."""
    home = os.environ.get("COMPRESS_HOME")
    try:
        base = Path(home) if home else Path.home() / ".config" / "compress"
    except RuntimeError:
        raise SignatureError("no home folder for the developer key: set COMPRESS_HOME, or package.key=FILE") from None
    return base / "keys" / "dev.pem"


def resolve_key(path: str | Path | None) -> Path:
    """The private key file to sign with; without ``path`` the developer key, made on first use.

    Making one is logged. Raises ``SignatureError`` when the file is missing or can't be made.
    """
    if path is not None:
        given = Path(path).expanduser()
        if not given.is_file():
            raise SignatureError(f"no key file {given}; {_MAKE}")
        return given
    key = developer_key_path()
    if not key.exists():
        try:
            _create(key)
        except OSError as error:
            raise SignatureError(
                f"can't make the developer key {key}: {error.strerror}; set COMPRESS_HOME, or package.key=FILE"
            ) from None
    return key


def _create(path: Path) -> None:
    """Write a new private key, mode 600, whole or not at all; whoever comes second keeps the first one's."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle, temporary = tempfile.mkstemp(prefix=".dev-", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike rename, never replaces a key that others signed with
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)
    log.warning("made a developer key for this machine: %s (public half: `compress keys public`)", path)


def load_private(path: Path) -> EllipticCurvePrivateKey:
    """The P-256 private key in the PEM file ``path``.

    Raises ``SignatureError`` for a file that others may read, is encrypted, or holds anything else.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(path)
    if path.stat().st_mode & stat.S_IROTH:
        raise SignatureError(f"{path}: everybody on this machine can read this private key; `chmod 600 {path}`")
    if path.stat().st_mode & stat.S_IRGRP:
        log.warning("%s: the group can read this private key; `chmod 600 %s`", path, path)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:  # what the library raises for a key that needs a password
        raise SignatureError(f"{path}: the key is encrypted; give a plain PEM file, mode 600") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError(f"{path}: not a PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(f"{path}: not a P-256 key; {_MAKE}")
    return key


def load_public(path: Path) -> EllipticCurvePublicKey:
    """The P-256 public key in the PEM file ``path``; a private key file is refused by name."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _read(path)
    if b"PRIVATE KEY-----" in data:
        raise SignatureError(f"{path}: this is a private key; verifying wants the public one (`compress keys public`)")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError(f"{path}: not a PEM public key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(f"{path}: not a P-256 public key")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SignatureError(f"can't read the key {path}: {error.strerror}") from None


def key_id(key: EllipticCurvePublicKey) -> str:
    """``sha256:`` and the digest of the DER SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return "sha256:" + hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def public_key_id(path: Path) -> str:
    """The id of the public half of the private key in ``path``."""
    return key_id(load_private(path).public_key())


def public_pem(path: Path) -> str:
    """The public half of the private key in ``path`` as PEM text, for those who verify."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = load_private(path).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
