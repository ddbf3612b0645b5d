"""ONNX files, looked through before a runtime opens one: what they refer to, claim and ask for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from compress.errors import NetworkRefused, WeightsError

if TYPE_CHECKING:
    import onnx

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc")
"""Operators that ONNX Runtime has by itself; those of any other domain come in a library."""
_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8,
}  # fmt: skip


def check_onnx(path: Path) -> tuple[str, ...]:
    """The files of external data that belong to it, by their place relative to its folder, sorted.

    Raises NetworkRefused for external data outside of the folder, claims beyond the bytes that are there, and
    operators of a custom domain; WeightsError for what is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole ONNX file ({str(error)[:80]}); export it again") from None
    if not model.graph.node:
        raise WeightsError(f"{path}: not an ONNX file, or one without layers; export it again")
    if not _is_text(model):
        raise WeightsError(f"{path}: a broken ONNX file, whose names are not text; export it again")
    own = {function.domain for function in model.functions}
    nodes = list(all_nodes(model))
    for node in nodes:
        if node.domain not in DOMAINS and node.domain not in own:
            asked = f"{node.domain}.{node.op_type}"
            raise NetworkRefused(
                f"{path}: asks for the custom operator {asked}, whose library is not loaded; export it without"
            )
    size_bytes = path.stat().st_size
    found = {_check_tensor(tensor, path, size_bytes) for tensor in _tensors(model.graph, nodes)}
    return tuple(sorted(name for name in found if name))


def _is_text(message: Any) -> bool:
    """Whether every name in it is UTF-8: protobuf gives what is not as bytes."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else (value,)
        if field.type == field.TYPE_STRING and any(isinstance(each, bytes) for each in values):
            return False
        if field.type == field.TYPE_MESSAGE and not all(map(_is_text, values)):
            return False
    return True


def all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """The nodes of the graph and of local functions, those of subgraphs in their attributes too."""
    ahead = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while ahead:
        node = ahead.pop()
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                ahead.extend(graph.node)


def _tensors(graph: Any, nodes: list[Any]) -> Iterator[Any]:
    graphs = [graph]
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            graphs.extend((attribute.g, *attribute.graphs))
    for each in graphs:
        yield from each.initializer
        for sparse in each.sparse_initializer:
            yield from (sparse.values, sparse.indices)


def _check_tensor(tensor: Any, path: Path, size_bytes: int) -> str | None:
    """The file of external data that the tensor lies in, if it does."""
    claimed = math.prod(tensor.dims) * _BITS.get(tensor.data_type, 0) // 8
    if any(side < 0 for side in tensor.dims):
        raise NetworkRefused(f"{path}: '{tensor.name}' claims a side of negative length")
    if tensor.data_location != tensor.EXTERNAL:
        if claimed > 4 * size_bytes:  # bytes may lie in the file as varints, but never as less than a quarter
            raise NetworkRefused(f"{path}: '{tensor.name}' claims {claimed:,} bytes, the file has {size_bytes:,}")
        return None
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = said.get("location", "")
    parts = PurePosixPath(location).parts
    if not location or location.startswith("/") or ".." in parts or any(each in location for each in "\\:\0"):
        raise NetworkRefused(f"{path}: '{tensor.name}' lies in '{location}', outside of the file's folder")
    folder, place = path.parent.resolve(), path.parent / location
    if not place.resolve().is_relative_to(folder):
        raise NetworkRefused(f"{path}: '{tensor.name}' lies in '{location}', a link out of the file's folder")
    if not place.is_file():
        raise WeightsError(f"{path}: its data '{location}' is not there; copy it beside the file")
    numbers = [said.get("offset", "0"), said.get("length", str(claimed))]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise NetworkRefused(f"{path}: '{tensor.name}' has an offset or length that is no number")
    wanted = int(numbers[0]) + max(int(numbers[1]), claimed)
    if wanted > place.stat().st_size:
        raise NetworkRefused(f"{path}: claims {wanted:,} bytes of '{location}', which has {place.stat().st_size:,}")
    return PurePosixPath(location).as_posix()
