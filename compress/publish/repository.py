"""Making and keeping a repository: first keys, bundles into a channel, refresh, rotation of keys.

Every command writes what is new beside what is there, and ``timestamp.json`` last: until then, and after a
kill, readers see the index as it was.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from compress.errors import PublishError, Refused
from compress.handoff.version import numbers
from compress.publish.place import Place, Taken
from compress.publish.prepare import Prepared
from compress.publish.records import CHANNELS, Channel, ChannelIndex, Published, index_path
from compress.publish.signer import KeySigner
from compress.publish.state import METADATA, TARGETS, TIMESTAMP, Lifetimes, State, expires, load, put_numbered, signed

RELEASE: Channel = "release"
_SOON_DAYS = 30
"""What is signed rarely is signed anew this long before its end, by a refresh that has the key for it."""


@dataclass(frozen=True)
class Keys:
    """Who signs what. ``root``: the root and which keys the channels have, kept offline; ``publish``: timestamp,
    snapshot, the channels dev and candidate; ``release``: the channel release, and only that."""

    root: tuple[KeySigner, ...] = ()
    publish: KeySigner | None = None
    release: KeySigner | None = None

    @property
    def all(self) -> tuple[KeySigner, ...]:
        return (*self.root, *(each for each in (self.publish, self.release) if each is not None))

    def of(self, channel: Channel) -> KeySigner:
        """Raises PublishError where it is not at hand."""
        found = (self.release or self.publish) if channel == RELEASE else self.publish
        if found is None:
            raise PublishError(f"no key for channel {channel}")
        return found


def init(place: Place, keys: Keys, threshold: int, times: Lifetimes) -> bytes:
    """Make an empty repository and give its root, which readers must get another way. Raises PublishError."""
    if keys.publish is None or not 1 <= threshold <= len(keys.root):
        raise PublishError(f"{len(keys.root)} root keys can't have a threshold of {threshold}")
    with place.locked():
        if place.get(TIMESTAMP, 1 << 20) is not None:
            raise PublishError(f"{place.url}: there is a repository already")
        root = Metadata(Root(expires=times.until(times.root_days), consistent_snapshot=True))
        _appoint(root.signed, keys, threshold)
        targets = Metadata(Targets(delegations=_delegations(keys)))
        channels = {channel: Metadata(Targets()) for channel in CHANNELS}
        state = State(root, Metadata(Timestamp()), Metadata(Snapshot()), targets, channels)
        unwritten: tuple[Signed, ...] = (state.timestamp.signed, state.snapshot.signed, targets.signed)
        for part in (*unwritten, *(each.signed for each in channels.values())):
            part.version = 0  # each is written under the next number
        data = signed(root, [root.signed.roles[Root.type]], keys.all, Root.type)
        place.replace(f"{METADATA}/1.root.json", data)  # one that a cut-off init left is nobody's root
        _commit(place, state, [root.signed], [Targets.type, *CHANNELS], keys.all, times)
    return data


def publish(
    place: Place, trusted_root: bytes, bundles: Sequence[Prepared], channel: Channel, keys: Keys, times: Lifetimes
) -> State:
    """Add ``bundles`` to ``channel``. Raises Refused for one that the channel does not take, and PublishError."""
    with place.locked():
        state = load(place, trusted_root)
        for bundle in bundles:
            _check(bundle, channel, state)
        role = state.channels[channel].signed
        for bundle in bundles:
            path = bundle.published.path
            if path in role.targets:
                raise Refused(f"{path}: two bundles would have this name in the channel")
            role.targets[path] = TargetFile.from_file(path, str(bundle.archive), ["sha256"])
            role.targets[path].unrecognized_fields["custom"] = bundle.published.model_dump(mode="json")
            _put_target(place, role.targets[path], bundle)
        index = ChannelIndex(channel=channel, bundles=listed(state.channels[channel].signed)).text().encode("utf-8")
        entry = TargetFile.from_data(index_path(channel), index, ["sha256"])
        role.targets[entry.path] = entry
        _put_target(place, entry, index)
        _commit(place, state, [state.root.signed], [channel], keys.all, times)
        return state


def refresh(place: Place, trusted_root: bytes, keys: Keys, times: Lifetimes) -> tuple[State, tuple[str, ...]]:
    """Sign the index anew, so that readers go on believing it; also what ends soon, as far as its key is here.

    Gives a line for each part that ends soon and whose key is not here.
    """
    with place.locked():
        state = load(place, trusted_root)
        soon = times.now + timedelta(days=_SOON_DAYS)
        ours = {each.public_key.keyid for each in keys.all}
        again, left = [], []
        if state.root.signed.expires <= soon:
            left.append(f"root ends {expires(state.root.signed)}; sign it anew with: compress channels rotate")
        for name, part in ((Targets.type, state.targets), *state.channels.items()):
            if part.signed.expires > soon:
                continue
            role = _role(state.root.signed, state.targets.signed, name)
            if len(ours & set(role.keyids)) >= role.threshold:
                again.append(name)
            else:
                left.append(f"{name} ends {expires(part.signed)}; its key is not here")
        _commit(place, state, [state.root.signed], again, keys.all, times)
        return state, tuple(left)


def rotate(
    place: Place, trusted_root: bytes, old: Keys, new: Keys, threshold: int, times: Lifetimes
) -> bytes:  # fmt: skip
    """Give the repository the keys ``new``, and a new root, which it gives; signed by ``old`` and ``new``.

    Readers follow from their old root. Timestamp and snapshot carry both signatures, so there is no moment at which
    a reader finds an index that it can't verify; without the old key for publishing there is one, until the end.
    """
    with place.locked():
        state = load(place, trusted_root)
        before = state.root.signed
        root = Metadata(copy.deepcopy(before))
        root.signed.version += 1
        root.signed.expires = times.until(times.root_days)
        for role in root.signed.roles.values():
            role.keyids.clear()
        root.signed.keys.clear()
        _appoint(root.signed, new, threshold)
        signers = (*old.all, *new.all)
        for roles in ([before.roles[Root.type]], [root.signed.roles[Root.type], before.roles[Root.type]]):
            data = signed(root, roles, signers, "the new root")
        state.targets.signed.delegations = _delegations(new)
        _commit(place, state, [root.signed, before], [Targets.type, *CHANNELS], signers, times)
        place.put_new(f"{METADATA}/{root.signed.version}.root.json", data)
        return data


def listed(role: Targets) -> tuple[Published, ...]:
    """The bundles of a channel, by name and rising version."""
    found = [Published.model_validate(target.custom) for target in role.targets.values() if target.custom is not None]
    return tuple(sorted(found, key=lambda each: (each.name, numbers(each.version))))


def _check(bundle: Prepared, channel: Channel, state: State) -> None:
    new = bundle.published
    if channel == RELEASE and new.status != "RELEASE":
        raise Refused(f"{new.name} {new.version} is a {new.status}; channel {RELEASE} takes no draft")
    for other in CHANNELS:
        for each in listed(state.channels[other].signed):
            if each.name != new.name:
                continue
            if each.version == new.version and each.manifest_sha256 != new.manifest_sha256:
                raise Refused(f"{new.name} {new.version} is another bundle in channel {other}; name it as previous")
            if other == channel and numbers(each.version) >= numbers(new.version):
                raise Refused(f"{new.name} {new.version} is not above {each.version}, which channel {channel} has")


def _put_target(place: Place, target: TargetFile, content: Prepared | bytes) -> None:
    """Under its digest, so one that is there already is the same, unless something broke it."""
    folder, _, name = target.path.rpartition("/")
    path = f"{TARGETS}/{folder}/{target.hashes['sha256']}.{name}"
    try:
        place.put_new(path, content if isinstance(content, bytes) else content.archive)
    except Taken:
        there = place.get(path, target.length)
        try:
            target.verify_length_and_hashes(there or b"")
        except RepositoryError:
            raise PublishError(f"{place.url}/{path} is there and is something else; remove it") from None


def _appoint(root: Root, keys: Keys, threshold: int) -> None:
    """Who signs which of the four roles at the top."""
    for signer in keys.root:
        root.add_key(signer.public_key, Root.type)
        root.add_key(signer.public_key, Targets.type)
    publisher = keys.of("dev")
    for name in (Snapshot.type, Timestamp.type):
        root.add_key(publisher.public_key, name)
    root.roles[Root.type].threshold = root.roles[Targets.type].threshold = threshold


def _delegations(keys: Keys) -> Delegations:
    """One role a channel; it can sign for its own paths only."""
    signers = {channel: keys.of(channel).public_key for channel in CHANNELS}
    roles: dict[str, DelegatedRole] = {
        name: DelegatedRole(name, [key.keyid], 1, terminating=True, paths=[f"{name}/*"])
        for name, key in signers.items()
    }  # fmt: skip
    return Delegations({key.keyid: key for key in signers.values()}, roles)


def _role(root: Root, targets: Targets, name: str) -> Role:
    return targets.get_delegated_role(name) if name in CHANNELS else root.get_delegated_role(name)


def _commit(
    place: Place, state: State, roots: Sequence[Root], changed: Iterable[str], signers: Sequence[KeySigner],
    times: Lifetimes,
) -> None:  # fmt: skip
    """Write ``changed``, snapshot and timestamp, signed for the first of ``roots``, and for the others as can be."""
    meta = state.snapshot.signed.meta
    for name in changed:
        part = state.targets if name == Targets.type else next(m for c, m in state.channels.items() if c == name)
        part.signed.expires = times.until(times.targets_days)
        roles = [_role(root, state.targets.signed, name) for root in roots]
        meta[f"{name}.json"] = put_numbered(place, name, part, roles, signers)
    state.snapshot.signed.expires = times.until(times.snapshot_days)
    roles = [root.roles[Snapshot.type] for root in roots]
    written = put_numbered(place, Snapshot.type, state.snapshot, roles, signers)
    state.timestamp.signed.snapshot_meta = written
    state.timestamp.signed.version += 1
    state.timestamp.signed.expires = times.until(times.timestamp_days)
    roles = [root.roles[Timestamp.type] for root in roots]
    place.replace(TIMESTAMP, signed(state.timestamp, roles, signers, Timestamp.type))
