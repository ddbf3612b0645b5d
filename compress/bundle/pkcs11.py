"""A private key inside a PKCS#11 device (OASIS PKCS#11 2.40): it signs there and never comes out.

The device and the key are named by an RFC 7512 URI, read by model-signing's own parser:
``pkcs11:token=TOKEN;object=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so`` (or ``id=%01`` for the
key, ``slot-id=0`` for the device). The PIN comes from COMPRESS_PKCS11_PIN or from the file that
``pin-source=file:/PATH`` names, never from the URI. A key's last day is its CKA_END_DATE, if set.
The device draws the nonces, so the same data gives another signature each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from compress.bundle.pem import PublicKey
from compress.environment_secrets import PIN, secret
from compress.errors import SignatureError

_P256_BYTES = 32


@dataclass(frozen=True)
class TokenSigner:
    """A key in a device; each signature opens a session of its own and closes it."""

    public: PublicKey
    uri: str

    def sign(self, data: bytes) -> bytes:
        """The DER signature of ``data``. Raises ``SignatureError``."""
        import hashlib

        import PyKCS11
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        with _session(self.uri) as (session, wanted):
            (key,) = _find(session, PyKCS11.CKO_PRIVATE_KEY, wanted, self.uri)
            mechanism = PyKCS11.Mechanism(PyKCS11.CKM_ECDSA, None)
            raw = bytes(session.sign(key, hashlib.sha256(data).digest(), mechanism))
        if len(raw) != 2 * _P256_BYTES:
            raise SignatureError(f"{self.uri}: the device gave a signature of {len(raw)} bytes, not {2 * _P256_BYTES}")
        r, s = (int.from_bytes(half, "big") for half in (raw[:_P256_BYTES], raw[_P256_BYTES:]))
        return encode_dss_signature(r, s)


def open_token(uri: str) -> TokenSigner:
    """The signer of the key that ``uri`` names. Raises ``SignatureError``, also where PyKCS11 is missing."""
    try:
        import PyKCS11
    except ImportError:
        raise SignatureError("a pkcs11: key needs the package pykcs11: `pip install 'compress[pkcs11]'`") from None
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    with _session(uri) as (session, wanted):
        _find(session, PyKCS11.CKO_PRIVATE_KEY, wanted, uri)
        (found,) = _find(session, PyKCS11.CKO_PUBLIC_KEY, wanted, uri)
        from model_signing._signing.sign_pkcs11 import encode_ec_public_key

        try:
            key = load_der_public_key(encode_ec_public_key(found))
        except (TypeError, ValueError):
            raise SignatureError(f"{uri}: not a P-256 key") from None
        expires = _end_date(session, found)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(f"{uri}: not a P-256 key")
    return TokenSigner(PublicKey(uri, key, expires), uri)


@contextmanager
def _session(uri: str) -> Iterator[tuple[Any, list[tuple[int, Any]]]]:
    """A session at the device, and the attributes that the key must have."""
    import PyKCS11
    from model_signing._signing.pkcs11uri import Pkcs11URI

    session = None
    try:
        parsed: Any = Pkcs11URI()  # type: ignore[no-untyped-call]
        parsed.parse(uri)
        pin = _pin(parsed.get_query_attribute("pin-source"))
        parsed.remove_query_attribute("pin-source")
        if pin is not None and not pin.isascii():
            raise SignatureError(f"{uri}: the PIN has letters beyond ASCII, which the URI parser can't pass on")
        if pin is not None:
            parsed.set_query_attribute("pin-value", pin, pctencode=True)
        identity, label = parsed.get_keyid_and_label()
        wanted: list[tuple[int, Any]] = [] if label is None else [(PyKCS11.CKA_LABEL, label)]
        wanted += [] if identity is None else [(PyKCS11.CKA_ID, tuple(identity))]
        session, _ = parsed.login()
        yield session, wanted
    except PyKCS11.PyKCS11Error as error:
        # CKR_... names say enough; the library's longer texts are not trusted to leave the PIN out.
        raise SignatureError(f"{uri}: the PKCS#11 device says {str(error).split()[0]}") from None
    except (ValueError, OSError) as error:
        raise SignatureError(f"{uri}: can't be opened: {_without_pin(str(error))}") from None
    finally:
        if session is not None:
            session.closeSession()


def _pin(source: str | None) -> str | None:
    if source is None:
        return secret(PIN)
    path = Path(source.removeprefix("file:"))
    try:
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise SignatureError(f"can't read the PIN file {path}") from None


def _without_pin(text: str) -> str:
    pin = secret(PIN)
    return text.replace(pin, "***") if pin else text


def _find(session: Any, kind: int, wanted: list[tuple[int, Any]], uri: str) -> tuple[Any]:
    import PyKCS11

    found = session.findObjects([(PyKCS11.CKA_CLASS, kind), *wanted])
    if len(found) != 1:
        half = "private" if kind == PyKCS11.CKO_PRIVATE_KEY else "public"
        raise SignatureError(f"{uri}: {len(found) or 'no'} {half} keys match; it must be one")
    return (found[0],)


def _end_date(session: Any, key: Any) -> date | None:
    import PyKCS11

    try:
        (found,) = session.getAttributeValue(key, [PyKCS11.CKA_END_DATE])
    except PyKCS11.PyKCS11Error:
        return None
    text = bytes(found or ()).decode("ascii", "replace")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text.strip("\0 ") else None
    except ValueError:
        raise SignatureError("the device's key has an end date that is no day") from None
