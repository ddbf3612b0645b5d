"""Keys: ECDSA on NIST P-256 (FIPS 186-5) in PEM files, their names, and their last day.

A key is named by ``sha256:`` and the digest of its public half (DER SubjectPublicKeyInfo, RFC 5280),
which ``openssl pkey -pubin -outform DER | sha256sum`` prints too. A key that expires says so in a line
``expires: 2027-11-22`` before its PEM block, where RFC 7468 allows text and OpenSSL skips it: in the
private file for who signs, in the public one for who verifies. No message and no log line ever holds
private material.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import ExpiredKey, NoKey, SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

HOW_TO_MAKE = "make one with `compress keys new FILE`"
PUBLIC_SUFFIX = ".pub.pem"

_EXPIRES = re.compile(rb"^expires:[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_LARGEST_KEY_BYTES = 1 << 16


@dataclass(frozen=True)
class PublicKey:
    """Half of a key that all may see. ``expires``: the last day on which it is good, None: for ever."""

    name: str
    key: EllipticCurvePublicKey
    expires: date | None = None

    @property
    def id(self) -> str:
        """``sha256:`` and 64 hex digits."""
        return key_id(self.key)

    def pem(self) -> str:
        """The PEM text, with the line of its last day where it has one."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        text = self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
        return _dated(text, self.expires)

    def check_not_expired(self, day: date) -> None:
        """Raises ``ExpiredKey`` where ``day`` is later than its last one."""
        if self.expires is not None and day > self.expires:
            raise ExpiredKey(f"{self.name}: expired key; {self.id} was good until {self.expires}, today is {day}")


def today() -> date:
    """Today in UTC, by which keys expire."""
    return datetime.now(UTC).date()


def day_from(text: str) -> date:
    """A day as ``2027-11-22``, nothing else. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r} is no day such as 2027-11-22")
    return date.fromisoformat(text)


def key_id(key: EllipticCurvePublicKey) -> str:
    """``sha256:`` and the digest of the DER SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return "sha256:" + hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def load_public(path: Path) -> PublicKey:
    """The P-256 public key in the PEM file ``path``; a private key file is refused by name. Raises ``NoKey``."""
    try:
        return parse_public(read_key_file(path), str(path))
    except NoKey:
        raise
    except SignatureError as error:
        raise NoKey(str(error)) from None


def parse_public(data: bytes, name: str) -> PublicKey:
    """The P-256 public key in PEM text. Raises ``SignatureError``, its message beginning with ``name``."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY-----" in data:
        raise SignatureError(f"{name}: this is a private key; verifying wants the public one (`compress keys public`)")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError(f"{name}: not a PEM public key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(f"{name}: not a P-256 public key")
    return PublicKey(name, key, _expiry(data, name))


def parse_private(data: bytes, name: str) -> tuple[EllipticCurvePrivateKey, date | None]:
    """The P-256 private key in PEM text, and its last day. Raises ``SignatureError``; no message holds the text."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:  # what the library raises for a key that needs a password
        raise SignatureError(f"{name}: the key is encrypted; give a plain PEM file, mode 600") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError(f"{name}: not a PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(f"{name}: not a P-256 key; {HOW_TO_MAKE}")
    return key, _expiry(data, name)


def _expiry(data: bytes, name: str) -> date | None:
    lines = _EXPIRES.findall(data)
    if not lines:
        return None
    try:
        (text,) = lines
        return day_from(text.decode("ascii"))
    except ValueError:
        raise SignatureError(f"{name}: wants one line such as `expires: 2027-11-22`, or none") from None


def _dated(pem: str, expires: date | None) -> str:
    return pem if expires is None else f"expires: {expires.isoformat()}\n{pem}"


def read_key_file(path: Path) -> bytes:
    """The bytes of a key file. Raises ``SignatureError``."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_KEY_BYTES + 1)
    except OSError as error:
        raise SignatureError(f"can't read the key {path}: {error.strerror}") from None
    if len(data) > _LARGEST_KEY_BYTES:
        raise SignatureError(f"{path}: too large to be a key")
    return data


def public_path(private: Path) -> Path:
    """Where the public half of a private key file is put: ``release.pem`` gives ``release.pub.pem``."""
    return private.with_name(private.name.removesuffix(".pem") + PUBLIC_SUFFIX)


def make_key(path: Path, expires: date | None = None) -> PublicKey:
    """Make a private key, mode 600, and its public half beside it; gives the public one.

    Both appear whole or not at all, and nothing is ever replaced. Raises ``FileExistsError`` where one is there,
    and ``OSError``.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
    public = PublicKey(str(public_path(path)), key.public_key(), expires)
    if public_path(path).exists():
        raise FileExistsError(f"{public_path(path)} is there already")
    _write_new({path: (_dated(pem, expires), 0o600)})
    _write_new({public_path(path): (public.pem(), 0o644)})
    return public


def _write_new(files: Mapping[Path, tuple[str, int]]) -> None:
    for path, (text, mode) in files.items():
        handle, temporary = tempfile.mkstemp(prefix=".key-", dir=path.parent)  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, mode)
            os.link(temporary, path)  # unlike rename, never replaces a key that others signed with
        finally:
            os.unlink(temporary)
