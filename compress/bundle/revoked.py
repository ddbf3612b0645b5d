"""The revocation list: keys that are good no more, as a signed file that who verifies gets and keeps.

    {"format":"compress-revoked/1","issued":"2026-11-22","revoked":[{"key_id":"sha256:..","reason":"..","since":".."}]}

One spelling, as the manifest has; beside it ``FILE.sig``, a DER signature by a key that is not on the
list (a stolen key must not be able to clear itself). A bundle holds no time of signing that could be
believed, so a key on the list is refused whatever ``since`` says. ``issued`` is what a reader compares
with the list he had before: an older one is a list played back.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from compress.bundle.canonical import first_problem, spelt
from compress.bundle.keys import Signer
from compress.bundle.manifest import KeyId
from compress.bundle.pem import PublicKey, day_from
from compress.bundle.sign import sign_bytes, signature_holds
from compress.errors import BadRevocationList, RevokedKey, SignatureError
from compress.records import Record

LIST_SIGNATURE_SUFFIX = ".sig"
_LARGEST_LIST_BYTES = 1 << 22


class Revocation(Record):
    """One key that was taken back; ``since`` is a day such as ``2026-11-22``."""

    key_id: KeyId
    since: str
    reason: str = Field(max_length=500)

    @field_validator("since")
    @classmethod
    def _is_a_day(cls, text: str) -> str:
        return day_from(text).isoformat()


class RevocationList(Record):
    """The list; its entries are sorted by key, each key once. ``issued`` is a day such as ``2026-11-22``."""

    format: Literal["compress-revoked/1"] = "compress-revoked/1"
    issued: str
    revoked: tuple[Revocation, ...]

    @field_validator("issued")
    @classmethod
    def _is_a_day(cls, text: str) -> str:
        return day_from(text).isoformat()

    @model_validator(mode="after")
    def _sorted(self) -> Self:
        ids = [entry.key_id for entry in self.revoked]
        if ids != sorted(set(ids)):
            raise ValueError("keys must be sorted, each once")
        return self

    @property
    def issued_on(self) -> date:
        """``issued`` as a date."""
        return day_from(self.issued)

    def find(self, key_id: str) -> Revocation | None:
        """The entry of a key, None where it is not on the list."""
        return next((entry for entry in self.revoked if entry.key_id == key_id), None)

    def check_not_revoked(self, key: PublicKey) -> None:
        """Raises ``RevokedKey`` where ``key`` is on the list."""
        if entry := self.find(key.id):
            raise RevokedKey(
                f"{key.name}: revoked key; {key.id} is on the list of {self.issued}, since {entry.since} "
                f"({entry.reason or 'no reason given'})"
            )


def to_bytes(listed: RevocationList) -> bytes:
    """The one spelling of a list."""
    return spelt(listed)


def from_bytes(data: bytes, name: str) -> RevocationList:
    """Read a list. Raises ``BadRevocationList`` for anything but the one spelling of a valid one."""
    try:
        listed = RevocationList.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise BadRevocationList(f"{name}: no valid revocation list: {first_problem(error)}") from None
    if to_bytes(listed) != data:
        raise BadRevocationList(f"{name}: not in canonical form; it was not written by compress")
    return listed


def read_list(path: Path, signers: Sequence[PublicKey], day: date, not_before: date | None = None) -> RevocationList:
    """The list in ``path``, if one of ``signers`` signed it.

    Raises ``BadRevocationList`` for a list that is unsigned, signed by another key, by one that is on it or has
    expired by ``day``, that is from the future, or was issued before ``not_before``.
    """
    data = _read(path, f"{path}: no such revocation list")
    beside = path.with_name(path.name + LIST_SIGNATURE_SUFFIX)
    signature = _read(beside, f"{path}: the list has no signature; {beside.name} is missing")
    signer = next((key for key in signers if signature_holds(data, signature, key)), None)
    if signer is None:
        known = ", ".join(key.id for key in signers)
        raise BadRevocationList(f"{path}: the list was changed, or signed by none of the keys given for it ({known})")
    listed = from_bytes(data, str(path))
    if listed.find(signer.id):
        raise BadRevocationList(f"{path}: signed by a key that is on the list itself ({signer.id})")
    if signer.expires is not None and day > signer.expires:
        raise BadRevocationList(f"{path}: the key of the list expired on {signer.expires}")
    if listed.issued_on > day:
        raise BadRevocationList(f"{path}: issued on {listed.issued}, which is later than today, {day}")
    if not_before is not None and listed.issued_on < not_before:
        raise BadRevocationList(f"{path}: an older list, issued on {listed.issued}; one of {not_before} is known")
    return listed


def _read(path: Path, missing: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_LIST_BYTES + 1)
    except FileNotFoundError:
        raise BadRevocationList(missing) from None
    except OSError as error:
        raise BadRevocationList(f"can't read {path}: {error.strerror}") from None
    if len(data) > _LARGEST_LIST_BYTES:
        raise BadRevocationList(f"{path}: too large to be a revocation list")
    return data


def revoke(path: Path, entry: Revocation, signer: Signer, day: date, earlier: Sequence[PublicKey]) -> RevocationList:
    """Put ``entry`` on the list in ``path``, which is made where there is none, issue it on ``day`` and sign it.

    ``earlier``: keys, besides the signer's, that may have signed the list as it is now. Raises ``SignatureError``
    for a list that none of them signed, and for a signer that is, or would be, on the list.
    """
    before: tuple[Revocation, ...] = ()
    if path.exists():
        before = read_list(path, (signer.public, *earlier), day).revoked
    entries = {each.key_id: each for each in (*before, entry)}
    listed = RevocationList(issued=day.isoformat(), revoked=tuple(entries[name] for name in sorted(entries)))
    if listed.find(signer.public.id):
        raise SignatureError(f"{signer.public.name}: a list can't be signed by a key that is on it; use another one")
    signer.public.check_not_expired(day)
    data = to_bytes(listed)
    signature = sign_bytes(data, signer)
    try:
        _replace(path, data)
        _replace(path.with_name(path.name + LIST_SIGNATURE_SUFFIX), signature)
    except OSError as error:
        raise SignatureError(f"can't write {path}: {error.strerror}") from None
    return listed


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".list-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
