"""What must be known to feed each build, checked against the build itself.

A contract that was only written down can be wrong; names, shapes and types are therefore read back
from the ONNX file or the OpenVINO model and compared before anything is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compress.errors import BuildError
from compress.records import Build, IOContract, Record, RuntimeName, TensorSpec, Variant

CONTRACT = "contract.json"


class BuildContract(Record):
    """One build of the bundle; ``files`` are relative to the bundle, the main one first; size None: free."""

    name: str
    variant: Variant
    runtime: RuntimeName
    files: tuple[str, ...]
    size_bytes: int
    height: int | None
    width: int | None
    contract: IOContract


class ContractFile(Record):
    """``contract.json``."""

    builds: tuple[BuildContract, ...]


@dataclass(frozen=True)
class Port:
    """An input or output as a build declares it; 0 in ``shape`` stands for free."""

    names: frozenset[str]
    shape: tuple[int, ...]
    dtype: str


def check_build(build: Build, folder: Path) -> None:
    """Compare what ``build`` claims with its files below ``folder``.

    Raises ``BuildError`` with every difference in names, shapes, types and size.
    """
    missing = [name for name in build.files if not (folder / name).is_file()]
    if missing:
        raise BuildError(f"build {build.name}: missing {', '.join(missing)}")
    inputs, outputs = read_ports(build, folder)
    problems = _compare("input", build.contract.input, inputs) + _compare("output", build.contract.output, outputs)
    size_bytes = sum((folder / name).stat().st_size for name in build.files)
    if size_bytes != build.size_bytes:
        problems.append(f"{size_bytes} bytes, builds.json says {build.size_bytes}")
    if problems:
        raise BuildError(f"build {build.name} does not keep its contract: " + "; ".join(problems))


def _compare(what: str, wanted: TensorSpec, found: list[Port]) -> list[str]:
    if len(found) != 1:
        return [f"{len(found)} {what}s, the contract has one"]
    port, problems = found[0], []
    if wanted.name not in port.names:
        named = " / ".join(sorted(port.names)) or "nothing"
        problems.append(f"{what} is named {named}, the contract says {wanted.name}")
    if wanted.shape != port.shape:
        problems.append(f"{what} has shape {list(port.shape)}, the contract says {list(wanted.shape)}")
    if wanted.dtype != port.dtype:
        problems.append(f"{what} is {port.dtype}, the contract says {wanted.dtype}")
    return problems


def read_ports(build: Build, folder: Path) -> tuple[list[Port], list[Port]]:
    """Inputs and outputs as the build's main file declares them."""
    main = folder / build.files[0]
    try:
        if build.runtime in ("onnx", "tensorrt"):  # a TensorRT build is an ONNX file and how to make an engine of it
            return _onnx_ports(main)
        if build.runtime == "openvino":
            return _openvino_ports(main)
    except BuildError:
        raise
    except Exception as error:  # the parsers raise what they like on a broken file
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BuildError(f"build {build.name}: can't read {main.name} back: {first}") from None
    raise BuildError(f"build {build.name}: no way to read a {build.runtime} build back, so it can't be packaged")


def _onnx_ports(path: Path) -> tuple[list[Port], list[Port]]:
    import onnx
    from onnx.helper import tensor_dtype_to_np_dtype

    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}

    def port(value: onnx.ValueInfoProto) -> Port:
        kind = value.type.tensor_type
        shape = tuple(dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim)
        return Port(frozenset({value.name}), shape, str(tensor_dtype_to_np_dtype(kind.elem_type)))

    return [port(v) for v in graph.input if v.name not in constants], [port(v) for v in graph.output]


def _openvino_ports(path: Path) -> tuple[list[Port], list[Port]]:
    import numpy as np
    import openvino

    model = openvino.Core().read_model(path)

    def port(value: openvino.Output) -> Port:
        shape = tuple(0 if dim.is_dynamic else dim.get_length() for dim in value.partial_shape)
        return Port(frozenset(value.get_names()), shape, str(np.dtype(value.get_element_type().to_dtype())))

    return [port(v) for v in model.inputs], [port(v) for v in model.outputs]
