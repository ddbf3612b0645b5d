"""The manifest of a bundle: every file with digest and size, the status, the key, the provenance.

No I/O here. The manifest is the one thing that is signed, so it has exactly one spelling: sorted
keys, no spaces, ASCII, one line feed at the end. Anything else is refused, even when it parses; two
JSON readers can thus never see two different manifests (duplicate keys, odd numbers).

Format /2 adds ``version`` and a second signature, ``model.sig``. Format /1 is still read, in its own
spelling: without a version.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from compress.bundle.canonical import first_problem, spelt
from compress.errors import SignatureError
from compress.records import Record

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
MODEL_SIGNATURE = "model.sig"
UNLISTED = frozenset({MANIFEST, SIGNATURE, MODEL_SIGNATURE})
"""The only files of a bundle that its manifest does not list; format /1 has no ``model.sig``."""

FIRST_VERSION = "1.0.0"

# In pydantic's own regex engine `$` is the very end, not "before a last line feed" as in Python.
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$")]
"""MAJOR.MINOR.PATCH after semver.org 2.0.0, without labels."""
Status = Literal["RELEASE", "DRAFT"]
Format = Literal["compress-bundle/1", "compress-bundle/2"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*\Z")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z", re.IGNORECASE)


def check_path(path: str) -> str | None:
    """Why ``path`` can't be a file of a bundle, or None when it can.

    Relative, forward slashes, plain ASCII names that don't begin with a dot or a dash: safe on every
    file system and in every shell, and unable to point outside the bundle.
    """
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        return "absolute path"
    parts = path.split("/")
    if ".." in parts:
        return "leads out of the bundle"
    if len(path) > 200:
        return "too long a name"
    if not all(_NAME.match(part) for part in parts):
        return "not a plain name"
    if any(_DEVICE.match(part) for part in parts):
        return "a device's name on Windows"
    return None


class FileEntry(Record):
    """Digest and size of one file."""

    sha256: Digest
    size_bytes: int = Field(ge=0)


class LinkEntry(Record):
    """One artefact of the chain that led here."""

    stage: str
    key: str
    digest: str
    sources_digest: str


class Manifest(Record):
    """``manifest.json``. ``reasons`` says why a draft is one; a release has none."""

    format: Format = "compress-bundle/2"
    name: str
    version: Version = FIRST_VERSION
    status: Status
    reasons: tuple[str, ...]
    key_id: KeyId
    chain: tuple[LinkEntry, ...]
    files: dict[str, FileEntry]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.status == "DRAFT") != bool(self.reasons):
            raise ValueError("a draft has reasons, a release has none")
        if self.format == "compress-bundle/1" and self.version != FIRST_VERSION:
            raise ValueError("format compress-bundle/1 has no version")
        folded: dict[str, str] = {}
        for path in self.files:
            if problem := check_path(path):
                raise ValueError(f"{path!r}: {problem}")
            if path.lower() in UNLISTED:
                raise ValueError(f"{path!r}: can't be listed")
            other = folded.setdefault(path.lower(), path)
            if other != path:
                raise ValueError(f"{path!r} and {other!r} differ only by case")
        for path in folded:
            for cut in (i for i, letter in enumerate(path) if letter == "/"):
                if path[:cut] in folded:
                    raise ValueError(f"{path[:cut]!r} is a file and a folder")
        return self

    @property
    def unlisted(self) -> frozenset[str]:
        """The files beside those in ``files``: the manifest and its signatures."""
        return UNLISTED - {MODEL_SIGNATURE} if self.format == "compress-bundle/1" else UNLISTED


def to_bytes(manifest: Manifest) -> bytes:
    """The one spelling of ``manifest``."""
    return spelt(manifest, {"version"} if manifest.format == "compress-bundle/1" else frozenset())


def from_bytes(data: bytes) -> Manifest:
    """Read a manifest. Raises ``SignatureError`` for anything but the one spelling of a valid one."""
    try:
        manifest = Manifest.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise SignatureError(f"{MANIFEST} is no valid manifest: {first_problem(error)}") from None
    if to_bytes(manifest) != data:
        raise SignatureError(f"{MANIFEST} is not in canonical form; it was not written by compress")
    return manifest
