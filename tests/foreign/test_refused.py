"""Files that ask for more than to be read: refused by name, before anything of them is loaded."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from foreign_nets import MOODY, NETWORKS, PICTURE, Single, make, source, write_onnx, write_pt2, write_torchscript
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.errors import NetworkRefused, WeightsError
from compress.foreign.onnx_file import check_onnx
from compress.foreign.pt2_file import check_pt2
from compress.foreign.state_dict import check_saved, read_state_dict
from compress.foreign.taken import take_in
from compress.foreign.torchscript_file import check_torchscript
from compress.schema import SourceSpec


class Wicked:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


def refusal(check: Callable[[], object], kind: type[WeightsError] = NetworkRefused) -> str:
    with pytest.raises(WeightsError) as caught:
        check()
    assert type(caught.value) is kind and "\n" not in str(caught.value)
    return str(caught.value)


def rewritten(path: Path, change: dict[str, bytes | None], extra: dict[str, bytes]) -> None:
    """A torch archive with some parts changed, as torch stores them; names without the top folder."""
    with zipfile.ZipFile(path) as old:
        parts = {entry.filename: old.read(entry) for entry in old.infolist()}
    top = next(iter(parts)).partition("/")[0]
    with zipfile.ZipFile(path, "w") as new:
        for name, data in parts.items():
            new.writestr(name, change.get(name.removeprefix(f"{top}/")) or data)
        for name, data in extra.items():
            new.writestr(name.replace("TOP", top), data)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code(zipped: bool, tmp_path: Path) -> None:
    trace, path = tmp_path / "ran", tmp_path / "net.pth"
    torch.save({"w": torch.zeros(2), "x": Wicked(trace)}, path, _use_new_zipfile_serialization=zipped)
    spec = SourceSpec(network=f"{NETWORKS}/moody.py:Moody", weights=str(path))
    (tmp_path / "out").mkdir()
    assert "a pickle that names posix.mkdir" in refusal(lambda: take_in(spec, MOODY, tmp_path / "out"))
    assert not trace.exists()
    path.write_bytes(pickle.dumps(Wicked(trace)))
    assert "a pickle that names posix" in refusal(lambda: check_saved(path))
    assert not trace.exists()


def test_claims_of_a_pickle_beyond_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"w": torch.zeros(300)}, path)
    with zipfile.ZipFile(path) as old:
        data = old.read("net/data.pkl")
    assert data.count(struct.pack("<H", 300)) == 2
    rewritten(path, {"data.pkl": data.replace(b"M" + struct.pack("<H", 300), b"J" + struct.pack("<i", 2**30))}, {})
    assert "claims 4,294,967,296 bytes in its part '0', which has 1,200" in refusal(lambda: check_saved(path))
    torch.save({"w": torch.zeros(300)}, path, _use_new_zipfile_serialization=False)
    old_data = path.read_bytes().replace(b"M" + struct.pack("<H", 300), b"J" + struct.pack("<i", 2**30))
    path.write_bytes(old_data)
    assert "claims weights of 4,294,967,296 bytes" in refusal(lambda: check_saved(path))
    torch.save({"w": torch.zeros(1).expand(30000)}, path)
    assert "'w' claims to be 30000" in refusal(lambda: read_state_dict(path, None, ""))


def test_a_header_that_claims_twenty_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes((20 << 30).to_bytes(8, "little") + b"{}" + bytes(90))
    assert "its header claims 21,474,836,488 bytes, the file has 100" in refusal(
        lambda: read_state_dict(path, None, "")
    )
    shape = {"w": {"dtype": "F32", "shape": [5 << 30], "data_offsets": [0, 20 << 30]}}
    head = json.dumps(shape).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head)
    assert "not a whole safetensors file" in refusal(lambda: read_state_dict(path, None, ""), WeightsError)


@pytest.mark.parametrize("name", ["../../evil.py", "/etc/evil", "TOP/code/../../evil", "TOP\\..\\evil"])
def test_archives_with_a_path_that_escapes(name: str, tmp_path: Path) -> None:
    net = Single(make("curve.Curve"), 1)
    spec = write_torchscript(net, tmp_path / "net.pt")
    rewritten(tmp_path / "net.pt", {}, {name: b"x"})
    (tmp_path / "out").mkdir()
    assert "leads outside of the archive" in refusal(lambda: take_in(spec, PICTURE, tmp_path / "out"))
    torch.save(net.state_dict(), tmp_path / "net.pth")
    rewritten(tmp_path / "net.pth", {}, {name: b"x"})
    assert "leads outside of the archive" in refusal(lambda: check_saved(tmp_path / "net.pth"))


def test_archives_that_say_two_things_or_claim_too_much(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"w": torch.zeros(4)}, path)
    whole = path.read_bytes()
    rewritten(path, {}, {"TOP/DATA.pkl": b"x"})
    assert "twice" in refusal(lambda: check_saved(path))
    place = whole.rindex(b"PK\x01\x02") + 24  # uncompressed size in the directory
    path.write_bytes(whole[:place] + struct.pack("<I", 4 << 29) + whole[place + 4 :])
    assert "claims 2,147,483,648 bytes" in refusal(lambda: check_saved(path))
    path.write_bytes(b"PK\x03\x04" + whole)
    assert "bytes around the archive" in refusal(lambda: check_saved(path))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("net/data.pkl", bytes(10_000_000))
    assert "its entries claim 10,000,000 bytes" in refusal(lambda: check_saved(path))


def test_torchscript_only_on_request_and_without_custom_operators(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    spec = write_torchscript(Single(make("curve.Curve"), 1), path)
    (tmp_path / "out").mkdir()
    bare = spec.model_copy(update={"trust": None})
    says = refusal(lambda: take_in(bare, PICTURE, tmp_path / "out"))
    assert "is a program: torch runs it, in no sandbox" in says and "source.trust=torchscript" in says
    rewritten(path, {}, {"TOP/code/__torch__/more.py": b"y = ops.evil.run(x)"})
    assert "the custom operators of 'evil'" in refusal(lambda: check_torchscript(path, True))
    torch.save({"w": torch.zeros(4)}, path)
    assert "weights without the network" in refusal(lambda: check_torchscript(path, True), WeightsError)


def _changed(model: onnx.ModelProto, path: Path) -> str:
    path.write_bytes(model.SerializeToString())
    return refusal(lambda: check_onnx(path))


def test_onnx_that_reaches_out_or_claims_too_much(tmp_path: Path) -> None:
    path = tmp_path / "in" / "net.onnx"
    path.parent.mkdir()
    write_onnx(Single(make("curve.Curve"), 1), path)
    plain = path.read_bytes()
    (tmp_path / "secret").write_bytes(bytes(100000))
    for location in ("../secret", str(tmp_path / "secret"), "link"):
        model = onnx.load_from_string(plain)
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        if location == "link":
            (path.parent / "link").symlink_to(tmp_path / "secret")
        assert "of the file's folder" in _changed(model, path)
    tensor.external_data[0].value = "data"
    (path.parent / "data").write_bytes(bytes(10))
    assert "of 'data', which has 10" in _changed(model, path)
    model = onnx.load_from_string(plain)
    model.graph.initializer[0].dims[:] = [5 << 30]
    assert "claims 21,474,836,480 bytes" in _changed(model, path)
    model = onnx.load_from_string(plain)
    model.graph.node[0].domain = "evil.ops"
    assert "asks for the custom operator evil.ops.Conv, whose library is not loaded" in _changed(model, path)
    path.write_bytes(plain[: len(plain) // 2])
    assert "ONNX file" in refusal(lambda: check_onnx(path), WeightsError)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "net.pt2"
    write_pt2(Single(make("curve.Curve"), 1), path)
    return path


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"target": "torch.ops.aten.tanh.default"', '"target": "torch.serialization.os.system"', "no operator"),
        ('"target": "torch.ops.aten.tanh.default"', '"target": "torch.ops.evil.run.default"', "custom operator"),
        ('"guards_code": [', '"guards_code": ["__import__(\'os\').getcwd()"', "no expression of sizes"),
        ('"expr_str": "', '"expr_str": "eval(input()) + ', "no expression of sizes"),
    ],
)  # fmt: skip
def test_exported_programs_that_name_code(old: str, new: str, says: str, program: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes(program.read_bytes())
    check_pt2(path)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("net/models/model.json").decode()
    assert old in text
    rewritten(path, {"models/model.json": text.replace(old, new).encode()}, {})
    assert says in refusal(lambda: check_pt2(path))


def test_exported_programs_with_pickles_and_libraries(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    held = io.BytesIO()
    torch.save(Wicked(tmp_path / "ran"), held)
    for change, extra, says in (
        ({"data/sample_inputs/model.pt": held.getvalue()}, {}, "a pickle that names posix"),
        ({}, {"TOP/data/aotinductor/model/net.so": b"x"}, "compiled code or a library"),
        ({}, {"TOP/data/constants/custom_obj_0": held.getvalue()}, "a pickled object"),
    ):
        path.write_bytes(program.read_bytes())
        rewritten(path, change, extra)  # type: ignore[arg-type]
        assert says in refusal(lambda: check_pt2(path))
    assert not (tmp_path / "ran").exists()


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_files_are_read_or_refused_in_one_line(place: int, value: int, cut: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as text:
        spec = source("moody.Moody", Path(text))
        path = Path(str(spec.weights))
        data = bytearray(path.read_bytes())
        place %= len(data)
        path.write_bytes(data[:place] if cut else data[:place] + bytes([value]) + data[place + 1 :])
        try:
            read_state_dict(path, None, "")
        except WeightsError as error:
            assert "\n" not in str(error)
