"""Rotation: the old key signs the public half of the new one.

The signature is detached, DER, over the very bytes of the public PEM file, its last day included; so
``openssl dgst -sha256 -verify old.pub.pem -signature new.pub.pem.sig new.pub.pem`` checks it, too. It
can't be taken for a manifest's: that begins with ``{``.
"""

from __future__ import annotations

from pathlib import Path

from compress.bundle.keys import Signer
from compress.bundle.pem import PublicKey, parse_public, read_key_file
from compress.bundle.sign import sign_bytes, signature_holds
from compress.bundle.trust import Trust
from compress.errors import BrokenSignature, NoSignature, SignatureError

ENDORSEMENT_SUFFIX = ".sig"


def endorse(public: Path, old: Signer) -> Path:
    """Sign the public key file ``public`` with the old key; gives the signature's file, made beside it."""
    data = read_key_file(public)
    parse_public(data, str(public))
    beside = _beside(public)
    try:
        beside.write_bytes(sign_bytes(data, old))
    except OSError as error:
        raise SignatureError(f"can't write {beside}: {error.strerror}") from None
    return beside


def check_successor(public: Path, trust: Trust) -> tuple[PublicKey, PublicKey]:
    """The new key, and which trusted key signed it.

    Raises ``NoSignature``, ``BrokenSignature``, and ``RevokedKey`` or ``ExpiredKey`` of either key.
    """
    data = read_key_file(public)
    if not _beside(public).is_file():
        raise NoSignature(f"{public}: no signature; {_beside(public).name} is missing")
    signature = read_key_file(_beside(public))
    by = next((key for key in trust.keys if signature_holds(data, signature, key)), None)
    if by is None:
        known = ", ".join(key.id for key in trust.keys)
        raise BrokenSignature(f"{public}: broken signature; it was changed, or signed by none of the keys ({known})")
    trust.check(by)
    key = parse_public(data, str(public))
    trust.check(key)
    return key, by


def _beside(public: Path) -> Path:
    return public.with_name(public.name + ENDORSEMENT_SUFFIX)
