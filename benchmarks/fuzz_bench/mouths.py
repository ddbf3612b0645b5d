"""Everything of the product that reads what others wrote: by name, how it is fed and valid input to begin with.

Whatever comes in, only an error of our own tree may come out, and soon.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compress.errors import CompressError

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "golden"
Feed = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Mouth:
    """``feed``: takes the bytes and an empty folder, raises CompressError for what is wrong; ``seeds``: fills a folder
    with valid inputs; ``imports``: modules whose branches lead the search."""

    feed: Feed
    seeds: Callable[[Path], Iterator[bytes]]
    imports: tuple[str, ...]

    def swallow(self, data: bytes) -> str:
        """``taken``, or the first line of why it was refused. Raises what may not come out."""
        with tempfile.TemporaryDirectory(prefix="compress-fuzz-") as text:
            try:
                self.feed(data, Path(text))
            except CompressError as error:
                said = str(error)
                assert said.strip(), "refused without a word"
                return said.splitlines()[0]
        return "taken"


def _config(data: bytes, folder: Path) -> None:
    from compress.config.load import load_data, load_recipe, load_target

    path = folder / "some.yaml"
    path.write_bytes(data[1:])
    (load_recipe, load_target, load_data)[data[0] % 3 if data else 0](path)


def _config_seeds(folder: Path) -> Iterator[bytes]:
    for kind, group in enumerate(("recipes", "targets", "calibration")):
        for path in sorted((ROOT / group).glob("*.yaml")):
            yield bytes([kind]) + path.read_bytes()


def _overrides(data: bytes, folder: Path) -> None:
    from compress.config.load import load_plans

    load_plans(tuple(data.decode("utf-8", "surrogateescape").split("\n")), tries_operators=False)


def _overrides_seeds(folder: Path) -> Iterator[bytes]:
    for words in (
        ("recipe=kd_int8", "target=x86_edge", "student.width=16,24", "data.root=../lol"),
        ("recipe=tiny", "target=jetson", "distill.train.phases.0.epochs=3", "target.export.size=[400,600]"),
        ("recipe=adopt", "target=rk3588", "student.source.network=net.py:make", "quantize.keep_float=[a,b]"),
        ("recipe=sckd", "target=imx8mp", 'distill.loss={charbonnier: 1.0, ssim: 0.5}', "data.licence='a, b'"),
        ("recipe=detect", "target=x86_edge", "target.budget.metrics.0.least=0.3", "seed=1,2"),
    ):  # fmt: skip
        yield "\n".join(words).encode()


def _store_manifest(data: bytes, folder: Path) -> None:
    from compress.store.manifest import MANIFEST, verify_folder

    (folder / MANIFEST).write_bytes(data)
    verify_folder(folder)


def _store_manifest_seeds(folder: Path) -> Iterator[bytes]:
    from compress.store.digests import tree_digest
    from compress.store.manifest import FileEntry, Manifest

    plain = Manifest(
        key="a" * 64, stage="distill", stage_version=1, gives="Student", inputs={"net": None}, sections={"S": {"a": 1}},
        seed=1, sources_digest="5", git_commit=None, git_dirty=None, versions={"python": "3"}, wall_s=1.5,
        resumed=False, created="2026-01-01T00:00:00+00:00", files={}, digest=tree_digest({}),
    )  # fmt: skip
    yield plain.sealed().text().encode()
    listed = {"net.safetensors": FileEntry(sha256="b" * 64, size_bytes=3)}
    digest = tree_digest({name: entry.sha256 for name, entry in listed.items()})
    changed = plain.model_copy(update={"files": listed, "digest": digest, "peak_memory_bytes": 5})
    yield changed.sealed().text().encode()


def _bundle_manifest(data: bytes, folder: Path) -> None:
    from compress.bundle.manifest import from_bytes

    from_bytes(data)


def _bundle_manifest_seeds(folder: Path) -> Iterator[bytes]:
    for path in sorted(KEPT.rglob("manifest.json")):
        yield path.read_bytes()


def _contract(data: bytes, folder: Path) -> None:
    from compress.bundle.contract import CONTRACT
    from compress.store.builds import find_places, listed_in
    from compress.store.store import Store

    (folder / CONTRACT).write_bytes(data)
    for place in find_places((str(folder),), Store(folder / "store")):
        listed_in(place)


def _contract_seeds(folder: Path) -> Iterator[bytes]:
    for path in sorted(KEPT.rglob("contract.json")):
        yield path.read_bytes()


def _archive(data: bytes, folder: Path) -> None:
    from compress.bundle.archive import opened
    from compress.bundle.verify import verify_bundle

    path = folder / "bundle.tar"
    path.write_bytes(data)
    with opened(path) as place:
        verify_bundle(place, KEPT / "format1_public.pem")


def _archive_seeds(folder: Path) -> Iterator[bytes]:
    from compress.bundle.archive import pack

    for number, zstd in enumerate((False, True)):
        pack(KEPT / "format1_release", folder / f"{number}.tar", zstd)
        yield (folder / f"{number}.tar").read_bytes()


def _onnx(data: bytes, folder: Path) -> None:
    from compress.inspection.inspect import inspect_network
    from compress.schema import SourceSpec

    path = folder / "net.onnx"
    path.write_bytes(data)
    inspect_network(SourceSpec(network=str(path)), (16, 16), {}, False)


def _onnx_seeds(folder: Path) -> Iterator[bytes]:
    import torch
    from torch import nn

    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 12, 3, padding=1), nn.PixelShuffle(2))
    for number, net in enumerate((block, nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sigmoid()))):
        path = folder / f"{number}.onnx"
        torch.onnx.export(net, (torch.rand(1, 3, 16, 16),), str(path), dynamo=False, input_names=["x"])
        yield path.read_bytes()


def _tflite(data: bytes, folder: Path) -> None:
    from compress.runtimes.tflite import Tflite

    (folder / "net.tflite").write_bytes(data)
    runtime = Tflite()
    runtime.ports(folder, ("net.tflite",))
    runtime.inspect(folder, ("net.tflite",), None)


def _tflite_seeds(folder: Path) -> Iterator[bytes]:
    from tiny_files import write_tflite

    write_tflite(folder / "net.tflite")
    yield (folder / "net.tflite").read_bytes()


MOUTHS = {
    "config": Mouth(_config, _config_seeds, ("compress.config", "compress.schema")),
    "overrides": Mouth(_overrides, _overrides_seeds, ("compress.config",)),
    "store_manifest": Mouth(_store_manifest, _store_manifest_seeds, ("compress.store",)),
    "bundle_manifest": Mouth(_bundle_manifest, _bundle_manifest_seeds, ("compress.bundle",)),
    "contract": Mouth(_contract, _contract_seeds, ("compress.store", "compress.bundle", "compress.records")),
    "archive": Mouth(_archive, _archive_seeds, ("compress.bundle",)),
    "onnx": Mouth(_onnx, _onnx_seeds, ("compress.foreign", "compress.inspection")),
    "tflite": Mouth(_tflite, _tflite_seeds, ("compress.runtimes.tflite",)),
}


@contextmanager
def seeds_of(mouth: Mouth) -> Iterator[tuple[bytes, ...]]:
    """Its valid inputs, for the time of ``with``."""
    with tempfile.TemporaryDirectory(prefix="compress-fuzz-seeds-") as text:
        yield tuple(mouth.seeds(Path(text)))
