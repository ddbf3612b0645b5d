"""``boxes.h``: from a detector's maps to boxes in C99, beside ``contract.h``."""

from __future__ import annotations

from collections.abc import Sequence

from compress.bundle.boxes_functions import BOXES_FUNCTIONS, BOXES_TYPES
from compress.bundle.contract import BuildContract
from compress.bundle.header import c_text
from compress.detection.decode import CANDIDATES, MAX_OVERLAP, MIN_SCORE
from compress.errors import BuildError
from compress.metrics.detection import MOST_BOXES

BOXES_HEADER = "boxes.h"
_MOST_LEVELS = 4

_HEAD = """\
/* From the maps that builds of this bundle answer with to boxes (C99; link with -lm). Made with contract.json.
 *
 * compress_maps_named(name) tells about the maps of a build, compress_boxes() reads the boxes out of them: as
 * contract.json says in words, score, distances, then of each class the surest of those that overlap. */
#ifndef COMPRESS_BOXES_H
#define COMPRESS_BOXES_H

#include <math.h>

#include "contract.h"

#define COMPRESS_MIN_SCORE {score!r}
#define COMPRESS_MAX_OVERLAP {overlap!r}
#define COMPRESS_MOST_CANDIDATES {candidates}u
#define COMPRESS_MOST_OF_A_CLASS {most}u
"""

_TABLE = """
/* The maps of the build of this name, NULL where it has none. */
static inline const struct compress_maps *compress_maps_named(const char *name)
{{
{classes}
    static const struct compress_maps known[] = {{
{rows}
    }};
    size_t i;
    for (i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].build, name) == 0)
            return &known[i];
    return NULL;
}}

#endif
"""


def boxes_header(builds: Sequence[BuildContract]) -> str | None:
    """The text of ``boxes.h``, None where no build answers with maps; the same builds give the same text."""
    with_maps = [build for build in builds if build.contract.maps is not None]
    if not with_maps:
        return None
    text = _HEAD.format(score=MIN_SCORE, overlap=MAX_OVERLAP, candidates=CANDIDATES, most=MOST_BOXES)
    classes = "\n".join(_classes(place, build) for place, build in enumerate(with_maps))
    rows = ",\n".join(_row(place, build) for place, build in enumerate(with_maps))
    return text + BOXES_TYPES + BOXES_FUNCTIONS + _TABLE.format(classes=classes, rows=rows)


def _classes(place: int, build: BuildContract) -> str:
    assert build.contract.maps is not None
    names = ", ".join(c_text(name) for name in build.contract.maps.classes)
    return f"    static const char *const classes{place}[] = {{{names}}};"


def _row(place: int, build: BuildContract) -> str:
    maps, end = build.contract.maps, build.contract.maps_end
    assert maps is not None and end is not None
    if len(maps.strides) > _MOST_LEVELS:
        raise BuildError(f"build {build.name}: {len(maps.strides)} levels, boxes.h has room for {_MOST_LEVELS}")
    strides = ", ".join(f"{stride}u" for stride in maps.strides)
    return (
        f"        {{{c_text(build.name)}, {c_text(end.name)}, COMPRESS_{end.layout}, {len(maps.classes)}u, "
        f"classes{place}, {len(maps.strides)}u, {{{strides}}}}}"
    )
