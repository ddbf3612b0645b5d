"""Wicked files, given to ``compress inspect`` and to ``compress run``: each refuses them before anything is loaded."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from foreign_nets import Single, make, write_onnx, write_torchscript
from safetensors.torch import save_file

from compress.cli import execute

Capture = pytest.CaptureFixture[str]
Words = dict[str, str]
_ADAPTER = ("colours=RGB", "range=0..1", "answers=picture", "size_multiple=1")


class Wicked:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


def _module(folder: Path) -> str:
    """Leaves a trace as soon as it is imported."""
    (folder / "net.py").write_text(
        f"import os\nos.mkdir({str(folder / 'ran')!r})\nfrom torch.nn import Identity as Net\n"
    )
    return f"{folder}/net.py:Net"


def _pickle(folder: Path) -> Words:
    torch.save({"w": torch.zeros(2), "x": Wicked(folder / "ran")}, folder / "net.pth")
    return {"network": _module(folder), "weights": f"{folder}/net.pth"}


def _old_pickle(folder: Path) -> Words:
    words = _pickle(folder)
    torch.save({"x": Wicked(folder / "ran")}, folder / "net.pth", _use_new_zipfile_serialization=False)
    return words


def _pickle_as_network(folder: Path) -> Words:
    _pickle(folder)
    return {"network": f"{folder}/net.pth", "trust": "torchscript"}


def _claiming_safetensors(folder: Path) -> Words:
    (folder / "net.safetensors").write_bytes((20 << 30).to_bytes(8, "little") + b"{}" + bytes(90))
    return {"network": _module(folder), "weights": f"{folder}/net.safetensors"}


def _claiming_entries(folder: Path, name: str = "net.pth") -> Words:
    """An entry of a zip says that it holds 20 GB."""
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}.")
    data = (folder / name).read_bytes()
    place = data.rindex(b"PK\x01\x02") + 24  # uncompressed size in the directory: 32 bits of it are as many as fit
    (folder / name).write_bytes(data[:place] + struct.pack("<I", 0xFFFFFFF0) + data[place + 4 :])
    return {"network": _module(folder), "weights": f"{folder}/{name}"}


def _claiming_npz(folder: Path) -> Words:
    return _claiming_entries(folder, "net.npz")


def _onnx(folder: Path, change: Callable[[onnx.ModelProto], None]) -> Words:
    write_onnx(Single(make("curve.Curve"), 1), folder / "net.onnx")
    model = onnx.load(folder / "net.onnx")
    change(model)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return {"network": f"{folder}/net.onnx"}


def _outside(folder: Path) -> Words:
    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../etc/passwd")

    return _onnx(folder, change)


def _claiming_onnx(folder: Path) -> Words:
    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].dims[:] = [5 << 30]

    return _onnx(folder, change)


def _custom_onnx(folder: Path) -> Words:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "evil.ops"

    return _onnx(folder, change)


def _torchscript(folder: Path, extra: str, data: bytes) -> Words:
    write_torchscript(Single(make("curve.Curve"), 1), folder / "net.pt")
    with zipfile.ZipFile(folder / "net.pt", "a") as archive:
        archive.writestr(extra, data)
    return {"network": f"{folder}/net.pt", "trust": "torchscript"}


def _escaping(folder: Path) -> Words:
    return _torchscript(folder, "net/../../../ran", b"x")


def _custom_torchscript(folder: Path) -> Words:
    return _torchscript(folder, "net/code/__torch__/more.py", b"y = ops.evil.run(x)")


def _untrusted(folder: Path) -> Words:
    words = _torchscript(folder, "net/extra/note", b"x")
    return {"network": words["network"]}


CASES: list[tuple[Callable[[Path], Words], str]] = [
    (_pickle, "a pickle that names posix.mkdir"),
    (_old_pickle, "a pickle that names posix.mkdir"),
    (_pickle_as_network, "a pickle that names posix.mkdir"),
    (_claiming_safetensors, "its header claims 21,474,836,488 bytes"),
    (_claiming_entries, "its entries claim 4,294,967,280 bytes"),
    (_claiming_npz, "its entries claim 4,294,967,280 bytes"),
    (_outside, "lies in '../../etc/passwd', outside of the file's folder"),
    (_claiming_onnx, "claims 21,474,836,480 bytes"),
    (_custom_onnx, "asks for the custom operator evil.ops.Conv, whose library is not loaded"),
    (_escaping, "leads outside of the archive"),
    (_custom_torchscript, "asks for the custom operators of 'evil'"),
    (_untrusted, "a TorchScript archive is a program: torch runs it, in no sandbox"),
]


@pytest.fixture
def tripwires(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever would load a file notes it."""
    loaded: list[str] = []

    def tripped(name: str) -> Callable[..., Any]:
        def note(*_given: object, **_named: object) -> None:
            loaded.append(name)
            raise RuntimeError(name)

        return note

    for owner, name in (
        (torch, "load"), (torch.jit, "load"), (torch.export, "load"), (onnxruntime, "InferenceSession"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, tripped(f"{owner.__name__}.{name}"))
    return loaded


@pytest.mark.parametrize(("make_words", "says"), CASES, ids=[case[0].__name__.strip("_") for case in CASES])
def test_refused_by_name_before_anything_is_loaded(
    make_words: Callable[[Path], Words], says: str, tmp_path: Path, capsys: Capture, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    words = make_words(folder)
    loaded: list[str] = request.getfixturevalue("tripwires")
    options = tuple(part for name, value in words.items() if name != "network" for part in (f"--{name}", value))
    runs = (
        ("inspect", words["network"], *options),
        (
            "run", "recipe=tiny", "target=x86_edge", "--store", str(tmp_path / "store"),
            *(f"teacher.source.{name}={value}" for name, value in words.items()),
            *(f"teacher.adapter.{word}" for word in _ADAPTER),
        ),
    )  # fmt: skip
    for run in runs:
        capsys.readouterr()
        assert execute(run) == 2
        told = capsys.readouterr().err
        (line,) = (line for line in told.splitlines() if says in line)
        assert folder.name in line or words["network"] in line or "trust" in line
    assert loaded == []
    assert not (folder / "ran").exists() and not (tmp_path / "ran").exists()


def test_what_is_not_wicked_trips_the_wires(tmp_path: Path, capsys: Capture, tripwires: list[str]) -> None:
    """Else the tests above could not fail."""
    write_onnx(Single(make("curve.Curve"), 1), tmp_path / "net.onnx")
    assert execute(("inspect", str(tmp_path / "net.onnx"))) == 2 and tripwires == ["onnxruntime.InferenceSession"]
    save_file({"w": torch.zeros(2)}, tmp_path / "net.safetensors")
    execute(("inspect", _module(tmp_path), "--weights", str(tmp_path / "net.safetensors")))
    assert (tmp_path / "ran").exists()
