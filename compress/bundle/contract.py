"""What must be known to feed each build, checked against the build itself.

A contract that was only written down can be wrong; whatever the build's files tell (names, shapes, types, layout,
codes, and in ONNX files colours and range) is therefore read back and compared before anything is signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from compress.bundle.declared import compare_declared, read_declared
from compress.bundle.feeding import Feeding, check_formula, sides
from compress.bundle.reach import Tiling
from compress.errors import BuildError, one_line
from compress.records import Build, IOContract, Record, RuntimeName, TensorSpec, Variant
from compress.runtimes import open_runtime
from compress.runtimes.base import Port, Ports

CONTRACT = "contract.json"
ContractFormat = Literal["compress-contract/1", "compress-contract/2", "compress-contract/3", "compress-contract/4"]


class BuildContract(Record):
    """One build of the bundle; ``files`` are relative to the bundle, the main one first; size None: free.

    ``feeding`` and ``tiling`` are None in bundles of the first format only.
    """

    name: str
    variant: Variant
    runtime: RuntimeName
    files: tuple[str, ...]
    size_bytes: int
    height: int | None
    width: int | None
    contract: IOContract
    feeding: Feeding | None = None
    tiling: Tiling | None = None


class ContractFile(Record):
    """``contract.json``. The same facts are in ``contract.h``, for C. The third format knows a second output, the
    fourth boxes as an output; each is written only where a build has that."""

    format: ContractFormat = "compress-contract/1"
    builds: tuple[BuildContract, ...]


def check_build(build: Build, folder: Path) -> None:
    """Compare what ``build`` claims with its files below ``folder``.

    Raises ``BuildError`` with every difference in names, shapes, types, layout, codes, colours, range and size.
    """
    missing = [name for name in build.files if not (folder / name).is_file()]
    if missing:
        raise BuildError(f"build {build.name}: missing {', '.join(missing)}")
    inputs, outputs = read_ports(build, folder)
    problems = _compare("input", (build.contract.input,), inputs)
    problems += _compare("output", build.contract.ends, outputs)
    problems += _compare_declared(build, folder) + _compare_sizes(build)
    size_bytes = sum((folder / name).stat().st_size for name in build.files)
    if size_bytes != build.size_bytes:
        problems.append(f"{size_bytes} bytes, builds.json says {build.size_bytes}")
    if problems:
        raise BuildError(f"build {build.name} does not keep its contract: " + "; ".join(problems))


def _compare(what: str, wanted: tuple[TensorSpec, ...], found: list[Port]) -> list[str]:
    """One line for each thing in which an end is not as ``wanted``; of several each is known by its name."""
    if len(found) != len(wanted):
        return [f"{len(found)} {what}s, the contract has {'one' if len(wanted) == 1 else len(wanted)}"]
    if len(wanted) == 1:
        return _compare_end(what, wanted[0], found[0])
    problems: list[str] = []
    for spec in wanted:
        port = next((each for each in found if spec.name in each.names), None)
        named = ", ".join(" / ".join(sorted(each.names)) or "nothing" for each in found)
        missing = [f"{what}s are named {named}, the contract says {spec.name}"]
        problems += missing if port is None else _compare_end(f"{what} {spec.name}", spec, port)
    return problems


def _compare_end(what: str, wanted: TensorSpec, port: Port) -> list[str]:
    problems = []
    if wanted.name not in port.names:
        named = " / ".join(sorted(port.names)) or "nothing"
        problems.append(f"{what} is named {named}, the contract says {wanted.name}")
    if wanted.shape != port.shape:
        problems.append(f"{what} has shape {list(port.shape)}, the contract says {list(wanted.shape)}")
    if wanted.dtype != port.dtype:
        problems.append(f"{what} is {port.dtype}, the contract says {wanted.dtype}")
    return problems


def _compare_declared(build: Build, folder: Path) -> list[str]:
    try:
        given, answered = read_declared(build, folder)
    except Exception as error:  # the parsers raise what they like on a file of another kind
        return [f"can't read its ends back: {one_line(error, kind=False)}"]
    contract = build.contract
    problems = [*compare_declared("input", build, contract.input, given), *check_formula(contract.input)]
    picture = contract.picture_end
    if picture is None:  # names, shape and type were compared; maps have no colours, codes or range
        return problems
    return [*problems, *compare_declared("output", build, picture, answered), *check_formula(picture)]


def _compare_sizes(build: Build) -> list[str]:
    """Whether height, width and size_multiple are those of the tensors, which were compared with the file's."""
    problems = []
    contract = build.contract
    multiple = contract.size_multiple
    if contract.scale < 1:
        problems.append(f"scale is {contract.scale}")
    if multiple < 1:
        problems.append(f"size_multiple is {multiple}")
    ends = [("input", contract.input), ("output", contract.picture_end), ("map", contract.maps_end)]
    for what, spec in ends:
        if spec is None or len(spec.shape) != 4:
            continue  # its shape was complained of already
        height, width = sides(spec)
        if what == "map" and contract.maps is not None:
            height, width = (contract.maps.strides[0] * side for side in (height, width))
            count = spec.shape[1 if spec.layout == "NCHW" else 3]
            if count != contract.maps.channels:
                problems.append(f"{count} maps, {contract.maps.channels} for these classes and strides")
        if what == "output" and contract.scale > 1:
            if height % contract.scale or width % contract.scale:
                problems.append(f"{what} is {height}x{width}, no {contract.scale} times anything")
            height, width = height // contract.scale, width // contract.scale
        if (build.height or 0, build.width or 0) != (height, width):
            problems.append(f"{what} is {height}x{width}, the build says {build.height}x{build.width}")
        if multiple > 0 and (height % multiple or width % multiple):
            problems.append(f"{what} is {height}x{width}, no multiples of size_multiple {multiple}")
    return problems


def read_ports(build: Build, folder: Path) -> Ports:
    """Inputs and outputs as the build's files declare them. Raises BuildError for a file that can't be read."""
    try:
        return open_runtime(build.runtime).ports(folder, build.files)
    except Exception as error:  # the parsers raise what they like on a broken file
        main = build.files[0]
        raise BuildError(f"build {build.name}: can't read {main} back: {one_line(error, kind=False)}") from None
