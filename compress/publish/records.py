"""What a channel lists, and the names of things in a repository."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from compress.bundle.manifest import Digest, KeyId, Status, Version
from compress.records import Record

Channel = Literal["dev", "candidate", "release"]
CHANNELS: tuple[Channel, ...] = ("dev", "candidate", "release")

INDEX = "index.json"
LARGEST_INDEX_BYTES = 4 * 2**20


class Published(Record):
    """One bundle in a channel; the same words are its target's ``custom`` metadata.

    ``target``: the device it is for. ``path``: its target path. ``public_key``: who signed the bundle, base64 of PEM.
    """

    name: str
    version: Version
    channel: Channel
    status: Status
    target: str
    path: str
    size_bytes: int = Field(ge=0)
    manifest_sha256: Digest
    key_id: KeyId
    public_key: str


class ChannelIndex(Record):
    """``CHANNEL/index.json``, itself a target: every bundle of the channel, by name and version."""

    format: Literal["compress-channel/1"] = "compress-channel/1"
    channel: Channel
    bundles: tuple[Published, ...] = ()


def slug(name: str) -> str:
    """A bundle's name as part of a file name: ``kd_int8 on x86_edge`` gives ``kd_int8-on-x86_edge``."""
    return re.sub(r"[^A-Za-z0-9_+]+", "-", name).strip("-") or "bundle"


def target_path(channel: Channel, name: str, version: str) -> str:
    """Where a bundle lies below ``targets``, without the digest that goes before its file name."""
    return f"{channel}/{slug(name)}-{version}.tar"


def index_path(channel: Channel) -> str:
    """The target that lists ``channel``."""
    return f"{channel}/{INDEX}"
