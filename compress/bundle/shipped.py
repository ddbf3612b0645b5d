"""The builds that ship: copied, checked against their contract, described for Python and for C."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from compress.bundle.boxes_header import BOXES_HEADER, boxes_header
from compress.bundle.contract import CONTRACT, BuildContract, ContractFile, ContractFormat, check_build
from compress.bundle.feeding import feeding_of
from compress.bundle.header import HEADER, contract_header
from compress.bundle.reach import Tiling, no_graph, tiling_of_file
from compress.records import Build, BuildList


def ship_builds(listed: BuildList, source: Path, folder: Path) -> tuple[BuildContract, ...]:
    """Copy what ships from ``source`` into ``folder``/builds; write ``contract.json``, ``contract.h``, and ``boxes.h``
    where a build answers with maps.

    Raises ``BuildError`` for a build that does not keep its contract or can't be described.
    """
    contracts = []
    for build in listed.builds:
        if not build.ships:
            continue
        check_build(build, source)
        for name in build.files:
            (folder / "builds" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, folder / "builds" / name)
        contracts.append(
            BuildContract(
                name=build.name, variant=build.variant, runtime=build.runtime, size_bytes=build.size_bytes,
                files=tuple(f"builds/{name}" for name in build.files), height=build.height, width=build.width,
                contract=build.contract, feeding=feeding_of(build, source), tiling=_tiling(build, listed, source),
            )
        )  # fmt: skip
    (folder / HEADER).write_text(contract_header(contracts), encoding="ascii")
    boxes = boxes_header(contracts)
    if boxes is not None:
        (folder / BOXES_HEADER).write_text(boxes, encoding="ascii")
    ContractFile(format=_format(contracts), builds=tuple(contracts)).write(folder / CONTRACT)
    return tuple(contracts)


def _format(contracts: Sequence[BuildContract]) -> ContractFormat:
    """The first that knows all that the builds have."""
    if any(build.contract.objects_output is not None for build in contracts):
        return "compress-contract/4"
    two = any(build.contract.maps_output is not None for build in contracts)
    return "compress-contract/3" if two else "compress-contract/2"


def _tiling(build: Build, listed: BuildList, source: Path) -> Tiling:
    """From the build's own graph, or from an ONNX file of the same network, which other runtimes' builds come from."""
    multiple = build.contract.size_multiple
    same = [each for each in listed.builds if each.variant == build.variant and each.runtime == "onnx"]
    own = [name for name in build.files if name.endswith(".onnx")]
    names = [*own, *(each.files[0] for each in same)]
    return tiling_of_file(source / names[0], multiple) if names else no_graph(multiple)
