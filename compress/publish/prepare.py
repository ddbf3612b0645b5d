"""A bundle made ready for a repository: verified, in one file, and described."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from compress.bundle.archive import opened, pack
from compress.bundle.manifest import MANIFEST
from compress.bundle.pem import PublicKey
from compress.bundle.provenance import Provenance
from compress.bundle.trust import Trust
from compress.bundle.verify import sha256_of, verify_with
from compress.errors import PublishError
from compress.publish.records import Channel, Published, target_path


@dataclass(frozen=True)
class Prepared:
    """``archive``: the bundle as one file."""

    published: Published
    archive: Path


@contextmanager
def prepared(places: tuple[Path, ...], channel: Channel, trust: Trust) -> Iterator[tuple[Prepared, ...]]:
    """The bundles at ``places``, signed by whom ``trust`` says; their archives last as long as this.

    Raises SignatureError for a bundle that does not hold, PublishError for one that does not say what it is for.
    """
    with ExitStack() as stack:
        beside = Path(stack.enter_context(TemporaryDirectory(prefix="compress-publish-")))
        made = []
        for number, place in enumerate(places):
            archive = beside / f"{number}.tar"
            folder = stack.enter_context(opened(place))
            manifest = verify_with(folder, trust).manifest
            signer = next(key for key in trust.keys if key.id == manifest.key_id)
            pack(folder, archive)
            published = Published(
                name=manifest.name, version=manifest.version, channel=channel, status=manifest.status,
                target=_target(folder), path=target_path(channel, manifest.name, manifest.version),
                size_bytes=archive.stat().st_size, key_id=manifest.key_id, public_key=public_text(signer),
                manifest_sha256=sha256_of(folder / MANIFEST),
            )  # fmt: skip
            made.append(Prepared(published, archive))
        yield tuple(made)


def public_text(key: PublicKey) -> str:
    """Base64 of its PEM, with the day on which it expires where it has one: a line that JSON has no escapes for."""
    return base64.b64encode(key.pem().encode("ascii")).decode("ascii")


def _target(folder: Path) -> str:
    try:
        return Provenance.read(folder / "provenance.json").target
    except (OSError, ValidationError):
        raise PublishError(f"{folder}: no provenance.json that says which target it is for") from None
