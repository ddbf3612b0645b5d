"""Our P-256 keys as The Update Framework's library takes them (scheme ``ecdsa-sha2-nistp256``)."""

from __future__ import annotations

from securesystemslib.signer import Key, SecretsHandler, Signature, Signer, SSlibKey

from compress.bundle.keys import Signer as KeyHolder
from compress.bundle.keys import resolve_key
from compress.bundle.sign import sign_bytes


class KeySigner(Signer):
    """Signs the canonical JSON of metadata as bundles are signed: DER ECDSA over SHA-256."""

    def __init__(self, key: KeyHolder) -> None:
        self._key = key
        self._public = SSlibKey.from_crypto(key.public.key)

    @property
    def public_key(self) -> SSlibKey:
        return self._public

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._public.keyid, sign_bytes(payload, self._key).hex())

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> Signer:
        raise NotImplementedError  # keys are named by our own words, see compress.bundle.keys


def open_signer(source: str | None) -> KeySigner:
    """The signer for the key that ``source`` names, the developer key without one. Raises SignatureError."""
    return KeySigner(resolve_key(source))
