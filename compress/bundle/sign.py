"""The detached signature: ECDSA P-256 over SHA-256, DER encoded, nonces after RFC 6979.

``openssl dgst -sha256 -verify public.pem -signature manifest.sig manifest.json`` accepts it. With
nonces derived from the message, signing the same manifest twice gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from compress.bundle.keys import load_private, load_public
from compress.errors import SignatureError


def sign_bytes(data: bytes, private_key: Path) -> bytes:
    """The DER signature of ``data`` by the key in the PEM file ``private_key``."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = load_private(private_key)
    try:
        return key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    except UnsupportedAlgorithm:
        raise SignatureError(
            "this build of cryptography can't sign deterministically (needs OpenSSL 3.2); install its wheel from PyPI"
        ) from None


def signature_holds(data: bytes, signature: bytes, public_key: Path) -> bool:
    """Whether ``signature`` is one of ``data`` by the key in the PEM file ``public_key``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        load_public(public_key).verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
