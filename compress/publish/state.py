"""A repository as it stands, every signature checked from a root that is trusted already, and its next state.

Read with the library of The Update Framework (python-tuf), by the order of its specification: root by root,
then timestamp, snapshot, targets, channels. Expiry is not looked at here: what has expired must be refreshed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Role, Root, Signed, Snapshot, Targets, Timestamp

from compress.errors import PublishError, Refused
from compress.publish.place import Place, Taken
from compress.publish.records import CHANNELS, Channel

METADATA = "metadata"
TARGETS = "targets"
TIMESTAMP = f"{METADATA}/timestamp.json"
AnyMetadata = Metadata[Any]
_LARGEST_BYTES = 5_000_000
_MOST_TRIES = 1000


@dataclass(frozen=True)
class Lifetimes:
    """For how many days each part of the index is believed; ``timestamp_days`` is how long one can be held back."""

    timestamp_days: int = 7
    snapshot_days: int = 90
    targets_days: int = 365
    root_days: int = 365
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def until(self, days: int) -> datetime:
        """``days`` from now, in whole seconds, for metadata has no finer ones."""
        return self.now.replace(microsecond=0) + timedelta(days=days)


@dataclass
class State:
    """Verified metadata of a repository; ``root`` is the newest."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]
    channels: dict[Channel, Metadata[Targets]]


def load(place: Place, trusted_root: bytes) -> State:
    """Raises Refused where a signature, a digest or a length does not fit, PublishError where nothing is there."""
    try:
        root = _newest_root(place, trusted_root)
        timestamp = Metadata[Timestamp].from_bytes(_get(place, TIMESTAMP))
        root.signed.verify_delegate(Timestamp.type, timestamp.signed_bytes, timestamp.signatures)
        snapshot: Metadata[Snapshot] = _listed(place, Snapshot.type, timestamp.signed.snapshot_meta)
        root.signed.verify_delegate(Snapshot.type, snapshot.signed_bytes, snapshot.signatures)
        targets: Metadata[Targets] = _listed(place, Targets.type, snapshot.signed.meta[f"{Targets.type}.json"])
        root.signed.verify_delegate(Targets.type, targets.signed_bytes, targets.signatures)
        channels = {}
        for channel in CHANNELS:
            found: Metadata[Targets] = _listed(place, channel, snapshot.signed.meta[f"{channel}.json"])
            targets.signed.verify_delegate(channel, found.signed_bytes, found.signatures)
            channels[channel] = found
    except (RepositoryError, KeyError, ValueError) as error:
        raise Refused(f"{place.url}: the index does not verify from the root given: {error}") from None
    return State(root, timestamp, snapshot, targets, channels)


def read_root(data: bytes) -> Metadata[Root]:
    """A root that is signed by its own keys. Raises Refused for anything else."""
    try:
        root = Metadata[Root].from_bytes(data)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, ValueError, AttributeError) as error:
        raise Refused(f"not the root of a repository: {error}") from None
    return root


def _newest_root(place: Place, trusted_root: bytes) -> Metadata[Root]:
    root = read_root(trusted_root)
    while data := place.get(f"{METADATA}/{root.signed.version + 1}.root.json", _LARGEST_BYTES):
        following = Metadata[Root].from_bytes(data)
        for one in (root, following):
            one.signed.verify_delegate(Root.type, following.signed_bytes, following.signatures)
        if following.signed.version != root.signed.version + 1:
            raise Refused(f"{place.url}: root {root.signed.version + 1} says it is {following.signed.version}")
        root = following
    return root


def _get(place: Place, path: str) -> bytes:
    data = place.get(path, _LARGEST_BYTES)
    if data is None:
        raise PublishError(f"{place.url}: no {path}, so no repository; make one with: compress channels init")
    return data


def _listed(place: Place, name: str, meta: MetaFile) -> AnyMetadata:
    data = _get(place, f"{METADATA}/{meta.version}.{name}.json")
    meta.verify_length_and_hashes(data)
    found: AnyMetadata = Metadata.from_bytes(data)
    if found.signed.version != meta.version:
        raise Refused(f"{place.url}: {name} {meta.version} says it is {found.signed.version}")
    return found


def signed(metadata: AnyMetadata, roles: Sequence[Role], signers: Sequence[Signer], name: str) -> bytes:
    """``metadata`` signed by those ``signers`` that any of ``roles`` names. Raises Refused for too few of the first."""
    wanted = {keyid for role in roles for keyid in role.keyids}
    usable = {signer.public_key.keyid: signer for signer in signers if signer.public_key.keyid in wanted}
    enough = sum(keyid in roles[0].keyids for keyid in usable)
    if enough < roles[0].threshold:
        keys = ", ".join(f"{keyid[:12]}…" for keyid in roles[0].keyids)
        raise Refused(f"{name} wants {roles[0].threshold} of the keys {keys}; {enough} given")
    metadata.signatures.clear()
    try:
        for _, signer in sorted(usable.items()):
            metadata.sign(signer, append=True)
    except RepositoryError as error:
        raise PublishError(f"can't sign {name}: {error}") from None
    return metadata.to_bytes()


def put_numbered(
    place: Place,
    name: str,
    metadata: AnyMetadata,
    roles: Sequence[Role],
    signers: Sequence[Signer],
) -> MetaFile:
    """Write ``metadata`` under the next number that is free: what a killed publish left is never touched."""
    for _ in range(_MOST_TRIES):
        metadata.signed.version += 1
        data = signed(metadata, roles, signers, name)
        try:
            place.put_new(f"{METADATA}/{metadata.signed.version}.{name}.json", data)
        except Taken:
            continue
        return MetaFile.from_data(metadata.signed.version, data, ["sha256"])
    raise PublishError(f"{place.url}: {_MOST_TRIES} numbers of {name} are taken; clear away what nobody refers to")


def expires(part: Signed) -> str:
    """Its last day."""
    return part.expires.strftime("%Y-%m-%d %H:%M UTC")
