"""``model.sig``: OpenSSF Model Signing 1.0 over the whole folder, for ``model_signing verify key``.

A DSSE envelope (in-toto statement, predicate ``https://model_signing/signature/v1.0``) in a Sigstore
bundle 0.3. It lists every file but itself, ``manifest.json`` and ``manifest.sig`` among them. Statement,
envelope and their check are the model-signing library's. Its own ``sign`` is not used: it wants the key
in a file, and writes the statement's fields in an order that differs from process to process. What is
used lies in its private modules, which is why its version is pinned.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from compress.bundle.keys import Signer
from compress.bundle.manifest import MODEL_SIGNATURE
from compress.bundle.pem import PublicKey
from compress.bundle.sign import sign_bytes
from compress.errors import BrokenSignature, SignatureError

_METHOD = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [MODEL_SIGNATURE]}

_MOST_TRIES = 200


def model_signature(name: str, digests: Mapping[str, str], signer: Signer) -> bytes:
    """The contents of ``model.sig`` for files with these SHA-256 (64 hex digits), by path relative to the folder.

    The same signer, name and digests give the same bytes, as far as the signer's own signatures repeat.
    """
    from google.protobuf import json_format
    from model_signing import manifest as models
    from model_signing._hashing.hashing import Digest
    from model_signing._signing import signing
    from sigstore_models import intoto
    from sigstore_models.bundle import v1 as bundle_pb
    from sigstore_models.common import v1 as common_pb

    items = (
        models.FileManifestItem(path=PurePosixPath(path), digest=Digest("sha256", bytes.fromhex(digest)))
        for path, digest in sorted(digests.items())
    )
    listed = models.Manifest(name, items, models.SerializationType.from_args(_METHOD))
    statement = json_format.MessageToDict(signing.Payload(listed).statement.pb)
    payload, signature = _sign_whole(
        json.dumps(statement, sort_keys=True, separators=(",", ":")).encode("ascii"), signer
    )
    envelope = intoto.Envelope(
        payload=base64.b64encode(payload), payload_type=signing._IN_TOTO_JSON_PAYLOAD_TYPE,
        signatures=[intoto.Signature(sig=base64.b64encode(signature), keyid="")],
    )  # fmt: skip
    hint = hashlib.sha256(PublicKey("", signer.public.key).pem().encode("ascii")).hexdigest()
    material = bundle_pb.VerificationMaterial(public_key=common_pb.PublicKeyIdentifier(hint=hint), tlog_entries=[])
    text: str = bundle_pb.Bundle(
        media_type="application/vnd.dev.sigstore.bundle.v0.3+json",
        verification_material=material,
        dsse_envelope=envelope,
    ).to_json()
    return text.encode("utf-8")


def _sign_whole(payload: bytes, signer: Signer) -> tuple[bytes, bytes]:
    """The payload with spaces behind it, and its signature, both of a length that base64 has no unused bits for.

    Decoders ignore those bits; with some, the standard command would accept a file in which one was turned. One
    signature in four is as long as that.
    """
    from model_signing._signing import sign_sigstore_pb

    padded = payload + b" " * (-len(payload) % 3)
    for _ in range(_MOST_TRIES):
        signature = sign_bytes(sign_sigstore_pb.pae(padded), signer)
        if len(signature) % 3 == 0:
            return padded, signature
        padded += b"   "
    raise SignatureError(f"{signer.public.name}: {_MOST_TRIES} signatures, and none as long as most are")


def check_model_signature(data: bytes, digests: Mapping[str, str], public_key: PublicKey) -> None:
    """Compare ``model.sig`` with the files of a bundle, strictly.

    Raises ``BrokenSignature`` unless ``data`` is the library's own spelling of a signature by ``public_key`` over
    exactly ``digests`` (SHA-256 by path).
    """
    from model_signing._signing import sign_ec_key, sign_sigstore_pb
    from sigstore_models.bundle import v1 as bundle_pb

    try:
        bundle = bundle_pb.Bundle.from_dict(json.loads(data))
        named = bundle.verification_material.public_key
        if named is None or not named.hint:
            raise ValueError("it names no key")
        library: Any = object.__new__(sign_ec_key.Verifier)
        library._public_key = public_key.key
        listed = library.verify(sign_sigstore_pb.Signature(bundle))
        signed = {each.identifier: each.digest.digest_hex for each in listed.resource_descriptors()}
        spelled = bundle.to_json().encode("utf-8")
    except Exception:  # the library raises what it likes on a broken file
        raise BrokenSignature(f"broken signature; {MODEL_SIGNATURE} is none by this key") from None
    if spelled != data:
        raise BrokenSignature(f"broken signature; {MODEL_SIGNATURE} was changed after signing")
    if signed != dict(digests):
        differing = sorted(path for path in signed.keys() | digests.keys() if signed.get(path) != digests.get(path))
        raise BrokenSignature(f"broken signature; {MODEL_SIGNATURE} was made over other files: {', '.join(differing)}")
