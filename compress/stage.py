"""What a stage is: a function whose signature is its whole contract.

    @stage(gives=Quantized, version=1, environment=("torch", "nncf"))
    def quantize(net: FloatNet, teacher: Teacher, quantize: QuantizeSpec, data: DataSpec,
                 seed: Seed, out: Path, scratch: Path, progress: Progress) -> None: ...

Parameters, by annotation:

- a subclass of ``Artefact``: the newest artefact of that kind made earlier in the chain;
  ``X | None``: the same, or None where the chain makes none;
- a subclass of ``Section``: that part of the plan, the only settings the stage can see;
- ``out: Path``: an empty folder; what lies in it on return is sealed;
- ``scratch: Path`` (optional): a folder that survives a crash, for checkpoints;
- ``progress: Progress`` (optional): where to tell how far it is;
- ``chain: Chain`` (optional): the manifests of all artefacts made so far (for provenance).

``gives`` says which artefact kind the sealed folder is; the store makes the artefact from what the
function left in ``out``. Heavy imports belong into the body.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, get_type_hints

from compress.artefacts import Artefact


class Progress(Protocol):
    """Where a stage tells how far it is. Cheap enough to call at every step."""

    def update(self, done: float, total: float, note: str = "") -> None: ...

    def say(self, line: str) -> None: ...


@dataclass(frozen=True)
class Link:
    """One sealed artefact of a chain, as ``package`` sees it."""

    stage: str
    key: str
    digest: str
    sources_digest: str
    wall_s: float
    versions: dict[str, str]
    git_commit: str | None
    git_dirty: bool | None = None


Chain = tuple[Link, ...]


@dataclass(frozen=True)
class Stage:
    """A stage function with its version; the version is raised when its results change meaning."""

    name: str
    gives: type[Artefact]
    version: int
    environment: tuple[str, ...]
    function: Callable[..., None]

    @property
    def parameters(self) -> dict[str, Any]:
        """Annotation by parameter name, in order, without the return."""
        hints = get_type_hints(self.function)
        return {name: hints[name] for name in inspect.signature(self.function).parameters}


def stage(
    *, gives: type[Artefact], version: int, environment: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Stage]:
    """Declare a stage. ``environment``: distributions whose versions change its result."""

    def declare(function: Callable[..., None]) -> Stage:
        return Stage(function.__name__, gives, version, environment, function)

    return declare
