"""Who signs: a private key from a PEM file, from the environment (CI), or in a PKCS#11 device.

    package.key=release.pem                   a file that only its owner can read
    package.key=env:COMPRESS_SIGNING_KEY      the PEM text, or base64 of it, in that variable
    package.key=pkcs11:token=T;object=K       RFC 7512; the key never leaves the device

A signer gives its public half and signatures; the private half stays inside.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import stat
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from compress.bundle.pem import HOW_TO_MAKE, PublicKey, make_key, parse_private, public_path, read_key_file
from compress.environment_secrets import secret
from compress.errors import SignatureError
from compress.schema.key_source import ENVIRONMENT, PKCS11, source_problem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

log = logging.getLogger(__name__)


class Signer(Protocol):
    """A private key that signs, wherever it lies."""

    @property
    def public(self) -> PublicKey:
        """The public half, named after where the private one lies."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The DER signature (ECDSA P-256 over SHA-256) of ``data``. Raises ``SignatureError``."""
        ...


@dataclass(frozen=True)
class SoftwareSigner:
    """A private key in this process's memory; nonces after RFC 6979, so the same data gives the same signature."""

    public: PublicKey
    _key: EllipticCurvePrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            return self._key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        except UnsupportedAlgorithm:
            raise SignatureError(
                "this build of cryptography can't sign deterministically (needs OpenSSL 3.2); install its wheel from "
                "PyPI"
            ) from None


def resolve_key(source: str | Path | None) -> Signer:
    """The signer that ``source`` names; without one the developer key of this machine, made on first use.

    Making one is logged. Raises ``SignatureError`` for a source that is missing or holds no P-256 key.
    """
    if source is None:
        return _from_file(_developer_key())
    text = str(source)
    if problem := source_problem(text):
        raise SignatureError(f"the signing key {problem}")
    if text.startswith(ENVIRONMENT):
        return _from_environment(text.removeprefix(ENVIRONMENT))
    if text.startswith(PKCS11):
        from compress.bundle.pkcs11 import open_token

        return open_token(text)
    given = Path(text).expanduser()
    if not given.is_file():
        raise SignatureError(f"no key file {given}; {HOW_TO_MAKE}")
    return _from_file(given)


def public_key_id(signer: Signer) -> str:
    """The id of the signer's public half."""
    return signer.public.id


def public_pem(signer: Signer) -> str:
    """The signer's public half as PEM text, for those who verify."""
    return signer.public.pem()


def developer_key_path() -> Path:
    """Where this machine's developer key lies, or will lie."""
    home = os.environ.get("COMPRESS_HOME")
    try:
        base = Path(home) if home else Path.home() / ".config" / "compress"
    except RuntimeError:
        raise SignatureError("no home folder for the developer key: set COMPRESS_HOME, or package.key=FILE") from None
    return base / "keys" / "dev.pem"


def _developer_key() -> Path:
    key = developer_key_path()
    if key.exists():
        return key
    try:
        make_key(key)
        log.warning("made a developer key for this machine: %s (public half: %s)", key, public_path(key))
    except FileExistsError:
        if not key.exists():
            raise SignatureError(f"{public_path(key)} is there, but not its private half {key}; move it away") from None
    except OSError as error:
        raise SignatureError(
            f"can't make the developer key {key}: {error.strerror}; set COMPRESS_HOME, or package.key=FILE"
        ) from None
    return key


def _from_file(path: Path) -> SoftwareSigner:
    data = read_key_file(path)
    mode = path.stat().st_mode
    if mode & stat.S_IROTH:
        raise SignatureError(f"{path}: everybody on this machine can read this private key; `chmod 600 {path}`")
    if mode & stat.S_IRGRP:
        log.warning("%s: the group can read this private key; `chmod 600 %s`", path, path)
    return _software(data, str(path))


def _from_environment(variable: str) -> SoftwareSigner:
    text = secret(variable)
    if not text:
        raise SignatureError(f"package.key names the environment variable {variable}, which is not set")
    data = text.encode("utf-8", "replace")
    if b"-----BEGIN" not in data:
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise SignatureError(f"environment variable {variable}: not a PEM private key, nor base64 of one") from None
    return _software(data, f"environment variable {variable}")


def _software(data: bytes, name: str) -> SoftwareSigner:
    key, expires = parse_private(data, name)
    return SoftwareSigner(_public(name, key, expires), key)


def _public(name: str, key: EllipticCurvePrivateKey, expires: date | None) -> PublicKey:
    return PublicKey(name, key.public_key(), expires)
