"""What a peer is given, what it leaves, and how its row is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compress.records import RuntimeName

WHOLE = "whole graph"
ISLANDS = "our float islands left out"
TRAINED = "trained, our float islands"
OURS_PTQ = "not trained, our float islands"
FLOAT = "float"


@dataclass(frozen=True)
class Job:
    """The same for all. ``frames``: .npy, float32 (N, 3, H, W) RGB in [0, 1], training pictures of the files' size.

    ``onnx`` is the float student (``dark`` to ``bright``, float32 NCHW), ``trained`` and ``untrained`` our fake-quant
    one after and before its training. ``int8_nodes``: the ONNX nodes that run in int8 in our own build; all others
    are the float islands. ``folder``: where files go; the float file of each runtime lies there already.
    """

    onnx: Path
    trained: Path
    untrained: Path
    frames: Path
    int8_nodes: tuple[str, ...]
    folder: Path
    threads: int


Make = Callable[[Job, str], tuple[str, ...]]
"""Makes the files of the row called so in ``job.folder``, the main one first. Raises what its tool raises."""


@dataclass(frozen=True)
class Row:
    """One row of the table. ``settings``: what the tool was asked, beside the pictures. ``version`` is asked late.

    ``sources``: scripts of this folder that make the row; when they change, it is measured again.
    """

    name: str
    tool: str
    runtime: RuntimeName
    scope: str
    settings: str
    version: Callable[[], str]
    make: Make
    sources: tuple[str, ...]


def versions_of(*distributions: str) -> Callable[[], str]:
    """``nncf 3.4.0, openvino 2026.4.1`` of what is installed here."""

    def told() -> str:
        from importlib import metadata

        return ", ".join(f"{name} {metadata.version(name)}" for name in distributions)

    return told
