"""A store with a real quantized network and its builds, sealed as a chain seals them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny_nets

from compress.artefacts import Artefact, Builds, Quantized, Student
from compress.data.source import data_identity
from compress.schema import ExportSpec
from compress.stages import load_stage
from compress.store.manifest import Manifest
from compress.store.store import Sealed, Store

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


@dataclass(frozen=True)
class Chain:
    """The store's root, and the sealed artefacts in it."""

    root: Path
    student: Sealed
    quantized: Sealed
    builds: Sealed


def seal(store: Store, gives: type[Artefact], stage: str, fill: Callable[[Path], object], **inputs: str) -> Sealed:
    key = f"{stage:x<64}"
    with store.lock(key), store.workplace(stage, key, scratch=False) as place:
        fill(place.out)
        draft = Manifest(
            key=key, stage=stage, stage_version=1, gives=gives.__name__, inputs=dict(inputs), seed=0,
            sections={"DataSpec": data_identity(tiny_nets.DATA), "QuantizeSpec": tiny_nets.KEPT.identity()},
            sources_digest="", git_commit=None, git_dirty=None, versions={}, wall_s=1.0, resumed=False,
            created=f"2026-01-01T00:00:{len(store.ls()):02d}", files={}, digest="",
        )  # fmt: skip
        return store.seal(place.out, draft)


def _moved(make: Callable[[Path], Artefact], out: Path) -> None:
    """Fill ``out`` with what ``make`` writes into a folder of its own."""
    made = make(out / "inner").folder
    for path in made.iterdir():
        shutil.move(path, out / path.name)
    made.rmdir()


@pytest.fixture(scope="session")
def sealed_chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    root = tmp_path_factory.mktemp("parity") / "store"
    store = Store(root)
    student = seal(store, Student, "distill", lambda out: _moved(tiny_nets.make_student, out))
    quantized = seal(
        store, Quantized, "quantize", lambda out: _moved(tiny_nets.make_quantized, out), net=student.manifest.digest
    )

    def export(out: Path) -> None:
        known = {
            "student": student.as_artefact(Student), "quantized": quantized.as_artefact(Quantized),
            "export": ExportSpec(size=SIZE), "floats": tiny_nets.FLOATS, "board": tiny_nets.NO_BOARD,
            "data": tiny_nets.DATA, "out": out, "progress": tiny_nets.Told(),
        }  # fmt: skip
        stage = load_stage("export")
        stage.function(**{name: known.get(name) for name in stage.parameters})

    digests = {"student": student.manifest.digest, "quantized": quantized.manifest.digest}
    return Chain(root, student, quantized, seal(store, Builds, "export", export, **digests))


@pytest.fixture
def chain(sealed_chain: Chain, tmp_path: Path) -> Chain:
    """A copy that a test may spoil."""
    root = tmp_path / "store"
    shutil.copytree(sealed_chain.root, root)

    def there(sealed: Sealed) -> Sealed:
        return Sealed(root / sealed.folder.name, sealed.manifest)

    return Chain(root, there(sealed_chain.student), there(sealed_chain.quantized), there(sealed_chain.builds))
