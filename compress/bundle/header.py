"""``contract.h``: the facts of ``contract.json`` and its formulas for C99, with nothing but the standard headers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from compress.bundle.contract import BuildContract
from compress.bundle.feeding import Border, Feeding, sides
from compress.bundle.header_functions import FUNCTIONS, TYPES
from compress.bundle.reach import Tiling
from compress.errors import BuildError
from compress.records import TensorSpec

HEADER = "contract.h"

_HEAD = """\
/* How to feed the builds of this bundle from C (C99). Made with contract.json, which says the same.
 *
 * compress_build_at(i) gives the facts of a build, COMPRESS_<BUILD>_* the sizes for static buffers.
 * compress_fill() turns an 8-bit RGB picture into a build's input tensor, compress_read() its output tensor
 * into a picture. Both compute on whole numbers: no rounding mode and no compiler flag changes an answer. */
#ifndef COMPRESS_CONTRACT_H
#define COMPRESS_CONTRACT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COMPRESS_CONTRACT_FORMAT 2
#define COMPRESS_BUILD_COUNT {count}
"""

_TABLE = """
/* The builds, 0 to COMPRESS_BUILD_COUNT - 1; NULL beyond. */
static inline const struct compress_build *compress_build_at(size_t index)
{{
{body}
}}

/* The build of this name, NULL where there is none. */
static inline const struct compress_build *compress_build_named(const char *name)
{{
    size_t i;
    for (i = 0; compress_build_at(i) != NULL; i++)
        if (strcmp(compress_build_at(i)->name, name) == 0)
            return compress_build_at(i);
    return NULL;
}}

#endif
"""


def contract_header(builds: Sequence[BuildContract]) -> str:
    """The text of ``contract.h``; the same builds give the same text.

    Raises ``BuildError`` for a build without ``feeding`` or ``tiling``, or two whose names are one in C.
    """
    names = [macro_name(build.name) for build in builds]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise BuildError(f"builds that have one name in C, {', '.join(twins)}: name them otherwise")
    text = _HEAD.format(count=len(builds))
    text += "".join(_macros(name, build) for name, build in zip(names, builds, strict=True))
    if not builds:
        body = "    (void)index;\n    return NULL;"
    else:
        rows = ",\n".join(_row(build) for build in builds)
        body = f"    static const struct compress_build builds[] = {{\n{rows}\n    }};\n"
        body += "    return index < COMPRESS_BUILD_COUNT ? &builds[index] : NULL;"
    return text + TYPES + FUNCTIONS + _TABLE.format(body=body)


def macro_name(build: str) -> str:
    """``int8-onnx-400x600`` as ``INT8_ONNX_400X600``."""
    return re.sub(r"[^A-Z0-9]", "_", build.upper())


def _facts(build: BuildContract) -> tuple[Feeding, Tiling]:
    if build.feeding is None or build.tiling is None:
        raise BuildError(f"build {build.name}: its contract is of the first format, which knows too little for C")
    return build.feeding, build.tiling


def _macros(name: str, build: BuildContract) -> str:
    """Sizes for static buffers; 0 stands for a free side."""
    feeding, tiling = _facts(build)
    values = {
        "HEIGHT": build.height or 0, "WIDTH": build.width or 0, "SIZE_MULTIPLE": build.contract.size_multiple,
        "INPUT_BYTES": feeding.input.size_bytes or 0, "INPUT_BYTES_PER_PIXEL": feeding.input.bytes_per_pixel,
        "INPUT_ALIGNMENT": feeding.input.alignment_bytes,
        "OUTPUT_BYTES": feeding.output.size_bytes or 0, "OUTPUT_BYTES_PER_PIXEL": feeding.output.bytes_per_pixel,
        "OUTPUT_ALIGNMENT": feeding.output.alignment_bytes,
        "HALO": -1 if tiling.halo_px is None else tiling.halo_px, "TILES_EXACT": int(tiling.exact),
    }  # fmt: skip
    second = build.contract.maps_output is not None
    maps = "" if build.contract.maps is None else ". " + (_BOTH if second else _MAPS)
    if feeding.maps is not None:
        values |= {"MAPS_BYTES": feeding.maps.size_bytes or 0, "MAPS_ALIGNMENT": feeding.maps.alignment_bytes}
    lines = "".join(f"#define COMPRESS_{name}_{key} {value}\n" for key, value in values.items())
    return f"\n/* {_plain(build.name)}: {_plain(feeding.alignment_note)}{maps}. */\n{lines}"


_MAPS = (
    "Answers with maps of boxes, so scale is 0 and compress_read() has nothing to read: contract.json says how boxes "
    "are read from the maps"
)


_BOTH = "Answers with a picture, which compress_read() reads, and with maps of boxes beside it: boxes.h reads those"


def _scale(build: BuildContract) -> int:
    """0 where the answer is no picture: ``compress_read`` then reads and writes nothing."""
    return 0 if build.contract.picture_end is None else build.contract.scale


def _row(build: BuildContract) -> str:
    feeding, tiling = _facts(build)
    files = list(build.files)[:_MOST_FILES]
    if len(files) != len(build.files):
        raise BuildError(f"build {build.name}: {len(build.files)} files, contract.h has room for {_MOST_FILES}")
    listed = ", ".join(c_text(name) for name in files)
    memory = feeding.memory
    numbers = (
        f"{len(files)}u, {_big(build.size_bytes)}, {build.height or 0}u, {build.width or 0}u, "
        f"{build.contract.size_multiple}u"
    )
    halo = -1 if tiling.halo_px is None else tiling.halo_px
    return ",\n".join((
        f"        {{{c_text(build.name)}, {c_text(build.runtime)}, {c_text(build.variant)}",
        f"         {{{listed}}}, {numbers}", f"         {_tensor(build.contract.input, feeding.input)}",
        f"         {_tensor(build.contract.output, feeding.output)}",
        f"         {halo}, {int(tiling.exact)}, {tiling.start_multiple}u",
        f"         {_signed(memory.weights_bytes)}, {c_text(memory.weights_origin)}, {_signed(memory.peak_bytes)}, "
        f"{c_text(memory.peak_origin)}, {_scale(build)}u}}",
    ))  # fmt: skip


_MOST_FILES = 12


def _tensor(spec: TensorSpec, border: Border) -> str:
    height, width = sides(spec)
    shape = ", ".join(f"{side}u" for side in spec.shape)
    scale = f"1, {spec.scale!r}, {spec.zero_point}" if spec.scale is not None else "0, 0.0, 0"
    parts: Iterator[str] = iter((
        c_text(spec.name), f"COMPRESS_{spec.dtype.upper()}", f"COMPRESS_{spec.layout}",
        f"COMPRESS_{spec.colour_order}",
        f"{{{shape}}}", f"{height}u", f"{width}u", f"{border.element_bytes}u", f"{border.alignment_bytes}u",
        _big(border.size_bytes or 0), f"{spec.low!r}", f"{spec.high!r}", scale,
    ))  # fmt: skip
    return "{" + ", ".join(parts) + "}"


def c_text(value: str) -> str:
    """A C string of plain ASCII."""
    escaped = "".join(c if c.isascii() and c.isprintable() and c not in '"\\?' else _octal(c) for c in value)
    return f'"{escaped}"'


def _octal(letter: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8"))


def _plain(value: str) -> str:
    """For a comment."""
    return value.replace("*/", "* /").replace("/*", "/ *").encode("ascii", "replace").decode().replace("\n", " ")


def _big(value: int) -> str:
    return f"UINT64_C({value})"


def _signed(value: int | None) -> str:
    return "INT64_C(-1)" if value is None else f"INT64_C({value})"
