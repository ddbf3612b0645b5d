"""``LICENSES/``: under what the parts of a bundle may be used, as far as anything at hand says so.

Words are taken from the data file, the model card, and the metadata of installed packages; where nothing is said,
that is what it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from compress.records import RuntimeName
from compress.store.digests import hash_file

LICENSES = "LICENSES"
UNKNOWN = "not stated anywhere that was at hand; ask whom you have it from"

_NEEDED: dict[RuntimeName, str] = {
    "onnx": "onnxruntime", "openvino": "openvino", "tflite": "ai-edge-litert", "rknn": "rknn-toolkit-lite2",
    "tensorrt": "tensorrt",
}  # fmt: skip
"""What the runner imports to run a build; none of it is in a bundle."""
_TEXTS = re.compile(r"(LICEN[CS]E|COPYING|NOTICE)(\.(txt|md|rst))?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Weights:
    """Weights of the chain: ``teacher`` or ``network``, SHA-256 of the file, and what a card says of the licence."""

    what: str
    sha256: str
    card: str | None = None


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    licence: str
    text: str | None


def write_licences(
    folder: Path, data_name: str, data_licence: str, weights: tuple[Weights, ...], runtimes: set[RuntimeName]
) -> None:
    """Make ``folder``/LICENSES: a table, and a text for each installed package that running the builds needs."""
    place = folder / LICENSES
    place.mkdir()
    own = _installed("compress")
    needed = [_installed(name) for name in sorted({_NEEDED[each] for each in runtimes} | {"numpy"})]
    rows = [
        ("`tools/`, `contract.h` and all else that compress wrote", own.licence, ""),
        (f"pictures in `golden/` and `report/`, data set {data_name}", data_licence, ""),
        *((f"weights: {each.what}, SHA-256 `{each.sha256}`", _of_weights(each), "") for each in weights),
        ("the weights in `builds/`", _BUILDS, ""),
    ]
    for package in needed:
        file = ""
        if package.text is not None:
            file = f"{package.name}.txt"
            (place / file).write_text(package.text, encoding="utf-8")
        rows.append((f"{package.name} {package.version} (to run builds; not in this bundle)", package.licence, file))
    table = "".join(f"| {_cell(what)} | {_cell(licence)} | {_cell(file)} |\n" for what, licence, file in rows)
    (place / "README.md").write_text(_HEAD + table, encoding="utf-8")


_HEAD = """# Licences

What each part of this bundle may be used for, in the words of whom it comes from. This is a list, not advice.

| part | licence | text |
| --- | --- | --- |
"""

_BUILDS = (
    "made by training on the data set above under the teacher named here, if one is; no licence was given for them "
    "beyond what these say. Whether weights trained on those pictures may ship is to be settled with their owners"
)


def find_weights(files: Mapping[str, Path | None]) -> tuple[Weights, ...]:
    """Those of ``files`` that are there, by what they are, with their digests and what a card says of them."""
    digests = {what: hash_file(path) for what, path in files.items() if path is not None and path.is_file()}
    return tuple(Weights(what, digest, model_card(digest)) for what, digest in digests.items())


def model_card(sha256: str) -> str | None:
    """What the model card of weights that come with compress says of their licence; None for other weights."""
    for card in sorted((Path(__file__).parents[1] / "weights").glob("*.md")):
        text = card.read_text(encoding="utf-8")
        if sha256 in text and (said := re.search(r"\*\*Licence note\.\*\* (.*?)\n\n", text, re.DOTALL)):
            return " ".join(said[1].split())
    return None


def _of_weights(weights: Weights) -> str:
    return f"model card: {weights.card}" if weights.card else UNKNOWN


def _installed(name: str) -> _Package:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return _Package(name, "(not installed where this was made)", UNKNOWN, None)
    told = found.metadata
    plain = _field(told, "License")
    classified = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License")]
    short = plain if plain and "\n" not in plain and len(plain) < 100 else ""
    licence = _field(told, "License-Expression") or short or ", ".join(classified) or UNKNOWN
    texts = [file for file in found.files or () if _TEXTS.match(file.name) and len(file.parts) <= 3]
    parts = [Path(str(file.locate())).read_text(encoding="utf-8", errors="replace") for file in sorted(texts)]
    return _Package(name, found.version, licence, "\n".join(parts) or None)


def _field(told: metadata.PackageMetadata, name: str) -> str:
    return "".join(told.get_all(name) or ()).strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
