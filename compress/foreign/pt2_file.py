"""What torch.export saves (``.pt2``), looked through before torch opens one.

Such a file reads as data, but torch 2.13 takes three parts of it for Python: targets of nodes may be any function
that is reached from ``torch``, expressions of sizes go through sympy's parser, which evaluates, and guards are run as
they stand. And where a part is no plain tensor, it is unpickled. So each of them is compared with what an exported
network needs.
"""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from compress.errors import NetworkRefused, WeightsError
from compress.foreign.archive import ZIP, opened
from compress.foreign.pickles import check_archived

if TYPE_CHECKING:
    import zipfile

_TARGET = re.compile(
    r"torch\.ops\.(aten|prims|higher_order)\.\w+(\.\w+)?|_operator\.[a-z]+|math\.[a-z]+|torch\.(_sym_|sym_)\w+"
)
_FILES = {"torch.ops.aten.from_file", "torch.ops.aten.save"}
_FUNCTIONS = {
    "Max", "Min", "Mod", "PythonMod", "FloorDiv", "CeilDiv", "CleanDiv", "IntTrueDiv", "FloatTrueDiv", "Integer",
    "ModularIndexing", "Where", "FloorToInt", "CeilToInt", "TruncToInt", "RoundToInt", "ToFloat", "PowByNatural",
    "Eq", "Ne", "Ge", "Le", "Gt", "Lt", "And", "Or", "Not", "Identity", "floor", "ceiling", "size", "L",
    "Symbol", "Add", "Mul", "Rational",
}  # fmt: skip
_SYMBOL = re.compile(r"[a-z]\d*\Z|[suz][uf]?\d+\Z")
_SAFE = (
    ast.Expression, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.Load,
    ast.Subscript, ast.Attribute, ast.keyword, ast.operator, ast.boolop, ast.unaryop, ast.cmpop,
)  # fmt: skip
_COMPILED = ("data/aotinductor/", "data/executorch/", "mtia/", "xl_model_weights/")


def check_pt2(path: Path) -> None:
    """Raises NetworkRefused for a file that has code, compiled or named, or claims more than it has; WeightsError."""
    size_bytes = path.stat().st_size
    with opened(path, str(path), size_bytes) as archive:
        names = archive.namelist()
        top = names[0].partition("/")[0] + "/"
        inner = {name: name.removeprefix(top) for name in names}
        if f"{top}archive_format" not in names:
            raise WeightsError(f"{path}: not what torch.export.save of torch 2.9 or newer writes; save it again")
        for name, short in inner.items():
            if short.startswith(_COMPILED) or PurePosixPath(short).suffix in (".so", ".o", ".py", ".dll", ".dylib"):
                raise NetworkRefused(f"{path}: holds compiled code or a library, '{short}'; nothing was loaded")
            if "custom_obj" in short or "opaque_obj" in short:
                raise NetworkRefused(f"{path}: holds a pickled object, '{short}'; nothing was loaded")
            if short.endswith(".json"):
                _check_json(_parse(archive, name, path), f"{path}: {short}", size_bytes)
            elif not short.startswith(("data/weights/", "data/constants/")) or short.endswith(".pt"):
                _check_part(archive, name, f"{path}: {short}")


def _parse(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    try:
        return json.loads(archive.read(name))
    except (ValueError, RecursionError):
        raise WeightsError(f"{path}: its part '{name}' is not JSON; export it again") from None


def _check_part(archive: zipfile.ZipFile, name: str, said: str) -> None:
    """Sample inputs and tensors in the older form: archives of their own, with a pickle."""
    data = archive.read(name)
    if data[:1] == b"\x80":
        raise NetworkRefused(f"{said}: a pickle of the old kind; save it with a newer torch")
    if data[:4] != ZIP:
        return
    with opened(io.BytesIO(data), said, len(data)) as nested:
        folder = nested.namelist()[0].partition("/")[0] + "/data/"
        records = {e.filename.removeprefix(folder): e.file_size for e in nested.infolist()}
        for inner in nested.namelist():
            if inner.endswith(".pkl"):
                with nested.open(inner) as stream:
                    check_archived(stream, said, records)


def _check_json(tree: Any, said: str, size_bytes: int) -> None:
    for key, value in _pairs(tree):
        if key == "use_pickle" and value:
            raise NetworkRefused(f"{said}: a tensor that is a pickle; nothing was loaded")
        if key == "target" and isinstance(value, str):
            _check_target(value, said)
        if key in ("expr_str", "sym_expr") and isinstance(value, str):
            _check_expression(value, said)
        if key == "guards_code" and value:
            for line in value if isinstance(value, list) else [value]:
                _check_expression(str(line), said)
        if key == "tensor_meta" and isinstance(value, dict):
            _check_claim(value, said, size_bytes)


def _pairs(tree: Any) -> Iterator[tuple[str, Any]]:
    ahead = [tree]
    while ahead:
        here = ahead.pop()
        if isinstance(here, dict):
            yield from here.items()
            ahead.extend(here.values())
        elif isinstance(here, list):
            ahead.extend(here)


def _check_target(target: str, said: str) -> None:
    """A string target also names an input or a weight of the program: then it has no dots that reach anywhere."""
    names_code = target.startswith(("torch", "_operator", "math", "#"))
    if names_code and (not _TARGET.fullmatch(target) or ".".join(target.split(".")[:4]) in _FILES):
        custom = re.match(r"torch\.ops\.(\w+)\.", target)
        if custom and custom[1] not in ("aten", "prims"):
            raise NetworkRefused(f"{said}: asks for the custom operator {target}; export it in plain torch operators")
        raise NetworkRefused(f"{said}: names {target}, which is no operator of a network; nothing was loaded")


def _check_expression(text: str, said: str) -> None:
    """Sums, comparisons and a few functions of sizes; sympy or Python will evaluate it."""
    shown = text if len(text) < 60 else text[:59] + "…"
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NetworkRefused(f"{said}: {shown!r} is no expression of sizes; nothing was loaded") from None
    for node in ast.walk(tree):
        plain = isinstance(node, _SAFE)
        if isinstance(node, ast.Name):
            plain = node.id in _FUNCTIONS or bool(_SYMBOL.fullmatch(node.id)) or node.id in ("True", "False")
        elif isinstance(node, ast.Attribute):
            plain = node.attr in ("size", "shape")
        elif isinstance(node, ast.BinOp):
            plain = not isinstance(node.op, ast.Pow | ast.LShift)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            plain = node.value.isidentifier()
        if not plain:
            raise NetworkRefused(f"{said}: {shown!r} is no expression of sizes; nothing was loaded")


def _check_claim(meta: dict[str, Any], said: str, size_bytes: int) -> None:
    """Of a stored tensor with fixed sides: it has at most a value for each byte of the file."""
    count = 1
    for side in meta.get("sizes") or ():
        count *= int(side.get("as_int", 1)) if isinstance(side, dict) else 1
    if count > size_bytes:
        raise NetworkRefused(f"{said}: claims a tensor of {count:,} values, the file has {size_bytes:,} bytes")
