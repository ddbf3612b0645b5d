"""``foreign.json``: what opens a network from outside again."""

from __future__ import annotations

from pathlib import Path

from compress.foreign.kinds import Kind
from compress.records import Record
from compress.schema import AdapterSpec

CODE, WEIGHTS = "code", "weights.safetensors"


class Narrowed(Record):
    """A layer with fewer channels than its author's code makes: its attributes, a number each, or a shape."""

    module: str
    sizes: dict[str, tuple[int, ...]]


class Card(Record):
    """``foreign.json``. ``callable`` as in the recipe, its file without folders; ``arguments``: a JSON object;
    ``module_sha256``: of a module that is imported by name and not kept here; ``digests`` of all files beside this.
    ``student``: opened so that it can be quantized and exported; ``folded``: convolutions with the norms that are part
    of them now; ``narrowed``: layers that are not as wide as their author made them."""

    kind: Kind
    adapter: AdapterSpec
    digests: dict[str, str]
    callable: str | None = None
    arguments: str = "{}"
    module_sha256: str | None = None
    trusted: bool = False
    onnxruntime: str | None = None
    student: bool = False
    folded: tuple[tuple[str, str], ...] = ()
    narrowed: tuple[Narrowed, ...] = ()


def weights_file(foreign: Path) -> Path:
    """The file with the weights of the network that ``foreign.json`` opens: its own, or the file that it came in."""
    names = Card.read(foreign).digests
    own = (name for name in sorted(names) if not name.startswith(f"{CODE}/"))
    return foreign.parent / (WEIGHTS if WEIGHTS in names else next(own, foreign.name))
