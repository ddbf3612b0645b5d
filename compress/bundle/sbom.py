"""``sbom.cdx.json``: what a bundle is made of and with, in CycloneDX 1.6, without serial number and time.

Parts: the builds with their files' SHA-256, the networks they come from, the data set, and the packages that ran in
the chain. Networks and data are named by the digests that provenance has of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compress.bundle.contract import BuildContract
from compress.bundle.licences import Weights
from compress.bundle.provenance import Provenance
from compress.store.digests import hash_file

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

SBOM = "sbom.cdx.json"
_NETWORKS = {"teacher", "teach", "distill", "prune", "quantize", "sensitivity"}
"""Stages whose artefact is a network that the builds come from."""


def sbom_text(folder: Path, builds: Sequence[BuildContract], provenance: Provenance, weights: Iterable[Weights]) -> str:
    """The text of ``sbom.cdx.json`` for the ``builds`` in ``folder``; the same inputs give the same text."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    whole = Component(
        name=f"{provenance.recipe} on {provenance.target}", type=ComponentType.APPLICATION, bom_ref="bundle"
    )
    data = _data(provenance)
    networks = [*_networks(provenance), *map(_weights, weights)]
    shipped = [_build(build, folder) for build in builds]
    packages = _packages(provenance)
    bom = Bom(components=[data, *networks, *shipped, *packages], metadata=BomMetaData(component=whole))
    bom.register_dependency(whole, [*shipped, *packages])
    for build in shipped:
        bom.register_dependency(build, [*networks, data])
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    del written["serialNumber"], written["metadata"]["timestamp"]
    return json.dumps(written, indent=1, sort_keys=True) + "\n"


def _build(build: BuildContract, folder: Path) -> Component:
    """One file: its digest is the build's; more: each is a part with its own."""
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    def digest(name: str) -> HashType:
        return HashType(alg=HashAlgorithm.SHA_256, content=hash_file(folder / name))

    parts = [
        Component(name=name, type=ComponentType.FILE, bom_ref=f"file:{name}", hashes=[digest(name)])
        for name in build.files[1:]
    ]
    return Component(
        name=build.name, type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref=f"build:{build.name}",
        description=f"{build.variant} for {build.runtime}: {build.files[0]}", hashes=[digest(build.files[0])],
        components=parts,
        properties=[
            Property(name="compress:runtime", value=build.runtime),
            Property(name="compress:variant", value=build.variant),
            Property(name="compress:file", value=build.files[0]),
        ],
    )  # fmt: skip


def _networks(provenance: Provenance) -> list[Component]:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    return [
        Component(
            name=f"network after {link.stage}", type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=f"artefact:{link.stage}:{link.digest}", version=link.digest[:12],
            properties=[Property(name="compress:artefact_digest", value=link.digest)],
        )
        for link in provenance.chain if link.stage in _NETWORKS
    ]  # fmt: skip


def _weights(weights: Weights) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense

    return Component(
        name=f"weights of the {weights.what}", type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"weights:{weights.what}", hashes=[HashType(alg=HashAlgorithm.SHA_256, content=weights.sha256)],
        licenses=[DisjunctiveLicense(name=weights.card)] if weights.card else [],
    )  # fmt: skip


def _data(provenance: Provenance) -> Component:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense

    return Component(
        name=provenance.data, type=ComponentType.DATA, bom_ref="data", version=provenance.data_digest[:12],
        licenses=[DisjunctiveLicense(name=provenance.data_licence)],
        properties=[Property(name="compress:data_digest", value=provenance.data_digest)],
    )  # fmt: skip


def _packages(provenance: Provenance) -> list[Component]:
    """Every version that ran in the chain; two of one package where stages were made by different ones."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    found = {("compress", provenance.compress_version)}
    found |= {pair for link in provenance.chain for pair in link.versions.items()}
    return [
        Component(
            name=name, version=version, bom_ref=f"package:{name}@{version}",
            type=ComponentType.PLATFORM if name == "python" else ComponentType.LIBRARY,
            purl=None if name in ("python", "compress") else PackageURL("pypi", None, name, version),
        )
        for name, version in sorted(found)
    ]  # fmt: skip
