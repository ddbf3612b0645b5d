"""The detached signature: ECDSA P-256 over SHA-256, DER encoded.

``openssl dgst -sha256 -verify public.pem -signature manifest.sig manifest.json`` accepts it. A key in
this process's memory signs with nonces derived from the message (RFC 6979): signing the same manifest
twice gives the same bytes. A PKCS#11 device draws its own.
"""

from __future__ import annotations

from compress.bundle.keys import Signer
from compress.bundle.pem import PublicKey
from compress.errors import SignatureError


def sign_bytes(data: bytes, signer: Signer) -> bytes:
    """The DER signature of ``data``, checked with the public half. Raises ``SignatureError``."""
    signature = signer.sign(data)
    if not signature_holds(data, signature, signer.public):
        raise SignatureError(f"{signer.public.name}: its public half does not accept what its private half signed")
    return signature


def signature_holds(data: bytes, signature: bytes, public_key: PublicKey) -> bool:
    """Whether ``signature`` is one of ``data`` by ``public_key``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        public_key.key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
