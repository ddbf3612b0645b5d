"""The SBOM is valid by the standard's own schema, whole, and the same every time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tiny_builds import make_build

from compress.bundle.contract import BuildContract
from compress.bundle.licences import Weights
from compress.bundle.provenance import Provenance, StageProvenance
from compress.bundle.sbom import sbom_text
from compress.records import Build

CHAIN = tuple(
    StageProvenance(stage=stage, key="e" * 64, digest=digit * 64, sources_digest="c" * 64, versions=versions,
                    git_commit=None)
    for stage, digit, versions in (
        ("teacher", "a", {"python": "3.11.7"}), ("distill", "b", {"torch": "2.13.0+cpu"}),
        ("export", "d", {"torch": "2.12.0", "onnx": "1.23.2"}),
    )
)  # fmt: skip
PROVENANCE = Provenance(
    recipe="tiny", target="bench", data="pairs", data_licence="research use only", data_digest="ab" * 32,
    decoder="Pillow", compress_version="0.1.0", chain=CHAIN,
)  # fmt: skip
WEIGHTS = (Weights("teacher", "12" * 32, "ours"), Weights("network", "34" * 32))


@pytest.fixture
def builds(tmp_path: Path) -> tuple[BuildContract, ...]:
    def listed(build: Build) -> BuildContract:
        return BuildContract(**{k: getattr(build, k) for k in BuildContract.model_fields if hasattr(build, k)})

    return tuple(listed(make_build(tmp_path, runtime, name=f"int8-{runtime}")) for runtime in ("onnx", "openvino"))


def test_it_is_valid(builds: tuple[BuildContract, ...], tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    pytest.importorskip("jsonschema", reason="cyclonedx-python-lib[json-validation] is not installed")
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    text = sbom_text(tmp_path, builds, PROVENANCE, WEIGHTS)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"SHA-256"', '"SHA-257"')) is not None


def test_it_is_whole(builds: tuple[BuildContract, ...], tmp_path: Path) -> None:
    found = json.loads(sbom_text(tmp_path, builds, PROVENANCE, WEIGHTS))
    parts = {part["bom-ref"]: part for part in found["components"]}
    for build in builds:
        part = parts[f"build:{build.name}"]
        assert part["type"] == "machine-learning-model"
        digests = {part["name"]: part["hashes"][0]["content"] for part in part.get("components", [])}
        digests[build.files[0]] = part["hashes"][0]["content"]
        assert digests == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in build.files}
    assert parts["weights:teacher"]["hashes"][0]["content"] == "12" * 32
    assert parts["data"]["licenses"][0]["license"]["name"] == "research use only" and parts["data"]["type"] == "data"
    assert {ref for ref in parts if ref.startswith("artefact")} == {f"artefact:teacher:{'a' * 64}",
                                                                    f"artefact:distill:{'b' * 64}"}  # fmt: skip
    versions = {ref.removeprefix("package:") for ref in parts if ref.startswith("package:")}
    assert versions == {"python@3.11.7", "torch@2.13.0+cpu", "torch@2.12.0", "onnx@1.23.2", "compress@0.1.0"}
    assert parts["package:torch@2.12.0"]["purl"] == "pkg:pypi/torch@2.12.0"


def test_it_is_the_same_every_time_and_names_no_moment(builds: tuple[BuildContract, ...], tmp_path: Path) -> None:
    text = sbom_text(tmp_path, builds, PROVENANCE, WEIGHTS)
    assert text == sbom_text(tmp_path, builds, PROVENANCE, WEIGHTS)
    assert "serialNumber" not in text and "timestamp" not in text and str(tmp_path) not in text
