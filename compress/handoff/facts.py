"""What a bundle says of itself, read from its folder for a comparison."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from compress.bundle.contract import CONTRACT
from compress.bundle.manifest import MANIFEST, Manifest, from_bytes
from compress.bundle.seal import SUMS
from compress.bundle.verify import compare_files, sha256_of, verify_bundle, walk
from compress.errors import SignatureError, UserError
from compress.handoff.records import Side
from compress.records import Check, QualityReport, SpeedReport, VerdictRecord

PROVENANCE = "provenance.json"
_APART = frozenset({CONTRACT, PROVENANCE, SUMS, "README.md", "CHANGELOG.md"})
"""Compared by what they say, or written from what others say."""


@dataclass(frozen=True)
class Facts:
    """``contract`` and ``provenance``: parsed JSON. ``quality``, ``speed``: None where the bundle has none.

    ``files``: SHA-256 of every file that is not compared by what it says; ``sizes_bytes``: of the same files.
    """

    side: Side
    reasons: tuple[str, ...]
    contract: Any
    provenance: Any
    quality: QualityReport | None
    speed: SpeedReport | None
    result: str
    checks: tuple[Check, ...]
    files: dict[str, str]
    sizes_bytes: dict[str, int]

    def file(self, path: str) -> str | None:
        """Digest of a build's file, None where the bundle lacks it."""
        return self.files.get(path)


def sealed_facts(folder: Path, public_key: Path | None = None) -> Facts:
    """Of a bundle, whose signature is checked where a key is given; its files must be those of its manifest anyway.

    Raises SignatureError for a bundle that does not hold, UserError for one that can't be read.
    """
    manifest = verify_bundle(folder, public_key).manifest if public_key else _own_manifest(folder)
    signature: Literal["verified", "not verified"] = "verified" if public_key else "not verified"
    side = Side(
        name=manifest.name, version=manifest.version, status=manifest.status, key_id=manifest.key_id,
        manifest_sha256=sha256_of(folder / MANIFEST), signature=signature,
    )  # fmt: skip
    digests = {path: entry.sha256 for path, entry in manifest.files.items()}
    sizes = {path: entry.size_bytes for path, entry in manifest.files.items()}
    return _read(folder, side, manifest.reasons, digests, sizes)


def unsealed_facts(folder: Path, name: str, reasons: tuple[str, ...], key_id: str) -> Facts:
    """Of the folder of a bundle that is about to be sealed. Raises UserError."""
    side = Side(
        name=name, version="", status="DRAFT" if reasons else "RELEASE", key_id=key_id, manifest_sha256="",
        signature="not verified",
    )  # fmt: skip
    there = [path for path, _ in walk(folder) if (folder / path).is_file()]
    sizes = {path: (folder / path).stat().st_size for path in there}
    return _read(folder, side, reasons, {path: sha256_of(folder / path) for path in there}, sizes)


def _own_manifest(folder: Path) -> Manifest:
    try:
        manifest = from_bytes((folder / MANIFEST).read_bytes())
    except OSError:
        raise UserError(f"{folder}: no {MANIFEST}, so this is no bundle") from None
    problems = compare_files(folder, manifest)
    if problems:
        raise SignatureError(f"{folder} is not what was sealed: " + "; ".join(problems))
    return manifest


def _read(folder: Path, side: Side, reasons: tuple[str, ...], digests: dict[str, str], sizes: dict[str, int]) -> Facts:
    report = folder / "report"
    try:
        verdict = VerdictRecord.read(report / "verdict.json")
        quality, speed = report / "quality.json", report / "speed.json"
        return Facts(
            side=side, reasons=reasons, contract=_json(folder / CONTRACT), provenance=_json(folder / PROVENANCE),
            quality=QualityReport.read(quality) if quality.is_file() else None,
            speed=SpeedReport.read(speed) if speed.is_file() else None,
            result=verdict.result, checks=verdict.checks,
            files={path: digest for path, digest in digests.items() if path not in _APART}, sizes_bytes=sizes,
        )  # fmt: skip
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}; name a bundle") from None
    except (ValidationError, ValueError) as error:
        what = error.title if isinstance(error, ValidationError) else str(error)
        raise UserError(f"{folder}: can't be compared ({what}); name a bundle that this version can read") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path.name} is no JSON") from None
