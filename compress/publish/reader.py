"""The reader's side: the newest bundle of a channel, or why there is none to be trusted.

python-tuf's client checks the index (signatures from the root given, versions that only rise, expiry, lengths and
digests) and remembers what it has seen; then the bundle's own signature and files are verified as ever.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import urllib3
from pydantic import ValidationError
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater

from compress.bundle.archive import unpack
from compress.bundle.manifest import MANIFEST, Manifest
from compress.bundle.trust import Trust, load_trust
from compress.bundle.verify import sha256_of, verify_with
from compress.errors import PublishError, Refused, SignatureError
from compress.handoff.version import numbers
from compress.publish.fetcher import Fetcher
from compress.publish.place import open_place
from compress.publish.records import LARGEST_INDEX_BYTES, Channel, ChannelIndex, Published, index_path, slug
from compress.publish.state import METADATA, TARGETS, read_root

SEEN = ".seen"
"""Folder beside the bundles with what was seen of each repository; without it an older index can't be told."""


@dataclass(frozen=True)
class Wanted:
    """Which bundle: by ``name`` where a channel has several, ``version``: None for the newest.

    ``keys``: public keys of who may have signed it; none: whom the channel names. ``revoked``: a list of keys that are
    no good, signed by one of ``revoked_by`` (none: of ``keys``). ``allow_draft``: in channels but release.
    """

    channel: Channel
    name: str | None = None
    version: str | None = None
    keys: tuple[Path, ...] = ()
    revoked: Path | None = None
    revoked_by: tuple[Path, ...] = ()
    allow_draft: bool = False


@dataclass(frozen=True)
class Fetched:
    """``folder``: the bundle, verified. ``new``: it was not there before."""

    published: Published
    manifest: Manifest
    folder: Path
    new: bool


def fetch(url: str, trusted_root: bytes, wanted: Wanted, to: Path) -> Fetched:
    """Get what is wanted into a folder below ``to``. Raises Refused for what can't be trusted, PublishError, and
    SignatureError for a bundle that does not hold."""
    read_root(trusted_root)
    try:
        to.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=to) as beside, closing(Fetcher()) as fetcher:
            return _fetch(fetcher, open_place(url).url, trusted_root, wanted, to, Path(beside))
    except ExpiredMetadataError as error:
        raise Refused(f"{url}: {error}: old, or held back by somebody; it wants: compress publish --refresh") from None
    except (RepositoryError, DownloadLengthMismatchError) as error:
        raise Refused(f"{url}: the index does not verify: {error}") from None
    except DownloadHTTPError as error:
        raise PublishError(f"{url}: {error}; is there a repository?") from None
    except (DownloadError, urllib3.exceptions.HTTPError) as error:
        cause = error if str(error) else error.__cause__ or type(error).__name__
        raise PublishError(f"{url}: not fetched whole: {str(cause).splitlines()[0]}") from None
    except OSError as error:
        raise PublishError(f"can't write {error.filename or to}: {error.strerror}") from None


def _fetch(fetcher: Fetcher, url: str, trusted_root: bytes, wanted: Wanted, to: Path, beside: Path) -> Fetched:
    seen = to / SEEN / hashlib.sha256(url.encode("utf-8")).hexdigest()[:16]
    seen.mkdir(parents=True, exist_ok=True)
    updater = Updater(
        str(seen), f"{url}/{METADATA}", str(beside), f"{url}/{TARGETS}", fetcher=fetcher,
        bootstrap=trusted_root,
    )  # fmt: skip
    updater.refresh()
    entry, target = _chosen(updater, url, wanted)
    archive = Path(updater.download_target(target, str(beside / "bundle.tar")))
    folder = beside / "bundle"
    unpack(archive, folder)
    manifest = _verified(folder, entry, wanted, beside)
    place = to / f"{slug(entry.name)}-{entry.version}"
    if place.exists():
        if _digest(place) != entry.manifest_sha256:
            raise PublishError(f"{place}: there is another bundle already; move it away")
        verify_with(place, _trust(entry, wanted, beside))
        return Fetched(entry, manifest, place, new=False)
    os.replace(folder, place)
    return Fetched(entry, manifest, place, new=True)


def _chosen(updater: Updater, url: str, wanted: Wanted) -> tuple[Published, TargetFile]:
    """The entry of the index, and the target that it names; both must say the same."""
    info = updater.get_targetinfo(index_path(wanted.channel))
    if info is None:
        raise PublishError(f"{url}: channel {wanted.channel} is empty")
    if info.length > LARGEST_INDEX_BYTES:
        raise Refused(f"{url}: the index of channel {wanted.channel} has {info.length} bytes")
    try:
        index = ChannelIndex.model_validate_json(Path(updater.download_target(info)).read_bytes())
    except ValidationError as error:
        raise Refused(
            f"{url}: the index of channel {wanted.channel} is none ({error.error_count()} mistakes)"
        ) from None
    entry = _choose(index, url, wanted)
    target = updater.get_targetinfo(entry.path)
    if target is None or target.custom != entry.model_dump(mode="json") or entry.channel != wanted.channel:
        raise Refused(f"{url}: {entry.path} is not what the index of channel {wanted.channel} says")
    if entry.status != "RELEASE" and (wanted.channel == "release" or not wanted.allow_draft):
        allow = "" if wanted.channel == "release" else "; add --allow-draft to take it"
        raise Refused(f"{url}: {entry.name} {entry.version} in channel {wanted.channel} is a {entry.status}{allow}")
    return entry, target


def _choose(index: ChannelIndex, url: str, wanted: Wanted) -> Published:
    names = sorted({each.name for each in index.bundles})
    if wanted.name is None and len(names) > 1:
        raise PublishError(f"{url}: channel {wanted.channel} has {', '.join(names)}; choose one with --name")
    found = [
        each for each in index.bundles
        if wanted.name in (None, each.name, slug(each.name)) and wanted.version in (None, each.version)
    ]  # fmt: skip
    if not found:
        what = " ".join(text for text in (wanted.name, wanted.version) if text) or "bundle"
        raise PublishError(f"{url}: channel {wanted.channel} has no {what}; it has {', '.join(names) or 'nothing'}")
    return max(found, key=lambda each: numbers(each.version))


def _verified(folder: Path, entry: Published, wanted: Wanted, beside: Path) -> Manifest:
    manifest = verify_with(folder, _trust(entry, wanted, beside)).manifest
    claimed = (entry.name, entry.version, entry.status, entry.key_id, entry.manifest_sha256)
    if (manifest.name, manifest.version, manifest.status, manifest.key_id, _digest(folder)) != claimed:
        raise Refused(f"{entry.path}: the bundle is {manifest.name} {manifest.version}, not what the channel says")
    return manifest


def _trust(entry: Published, wanted: Wanted, beside: Path) -> Trust:
    named = beside / "channel.pub.pem"
    try:
        named.write_bytes(base64.b64decode(entry.public_key, validate=True))
    except ValueError:
        raise Refused(f"{entry.path}: the channel names no key of who signed it") from None
    return load_trust(wanted.keys or (named,), wanted.revoked, wanted.revoked_by)


def _digest(folder: Path) -> str:
    try:
        return sha256_of(folder / MANIFEST)
    except SignatureError:
        return ""
