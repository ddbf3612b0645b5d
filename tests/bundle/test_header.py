"""``contract.h``: it compiles alone and strictly, and computes what the Python runner feeds and reads, exactly."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_builds import make_build

from compress.bundle.contract import BuildContract
from compress.bundle.feeding import feeding_of
from compress.bundle.header import contract_header
from compress.bundle.reach import no_graph
from compress.errors import BuildError
from compress.records import Build, IOContract, TensorSpec
from compress.runtimes.picture import from_tensor, to_tensor

CC = shutil.which("cc")
needs_cc = pytest.mark.skipif(CC is None, reason="needs a C compiler (cc)")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
KINDS = (("float32", "NCHW"), ("float32", "NHWC"), ("uint8", "NHWC"), ("int8", "NHWC"))
SIZE = 16, 24
_RANGES: dict[str, tuple[float, float]] = {"float32": (0.0, 1.0), "uint8": (0.0, 255.0), "int8": (-128.0, 127.0)}
_EXPORTS = """
#include "contract.h"
uint32_t bits_of(uint8_t p);
int code_of(uint32_t bits);
int fill(size_t build, const uint8_t *rgb, uint32_t h, uint32_t w, void *t);
int take(size_t build, const void *t, uint32_t h, uint32_t w, uint8_t *rgb);
const char *name_of(size_t build);
uint64_t input_bytes(size_t build);
double input_scale(size_t build);
int32_t input_zero(size_t build);
uint32_t bits_of(uint8_t p) { return compress_f32_bits_from_u8(p); }
int code_of(uint32_t bits) { return compress_u8_from_f32_bits(bits); }
int fill(size_t b, const uint8_t *rgb, uint32_t h, uint32_t w, void *t)
{ return compress_fill(compress_build_at(b), rgb, h, w, t); }
int take(size_t b, const void *t, uint32_t h, uint32_t w, uint8_t *rgb)
{ return compress_read(compress_build_at(b), t, h, w, rgb); }
const char *name_of(size_t b) { const struct compress_build *f = compress_build_at(b); return f ? f->name : 0; }
uint64_t input_bytes(size_t b) { return compress_build_at(b)->input.size_bytes; }
double input_scale(size_t b) { return compress_build_at(b)->input.scale; }
int32_t input_zero(size_t b) { return compress_build_at(b)->input.zero_point; }
"""


def spec(name: str, dtype: Any, layout: Any, height: int, width: int) -> TensorSpec:
    shape = (1, 3, height, width) if layout == "NCHW" else (1, height, width, 3)
    low, high = _RANGES[dtype]
    codes = {"scale": 1 / 255, "zero_point": -128} if dtype == "int8" else {}
    return TensorSpec(name=name, shape=shape, layout=layout, dtype=dtype, low=low, high=high, **codes)


def described(folder: Path, dtype: str, layout: str, size: tuple[int, int], name: str) -> BuildContract:
    """What a build of these ends is fed; the file beside it is another's, nothing here looks at it."""
    build: Build = make_build(folder, "onnx")
    ends = (spec(end, dtype, layout, *size) for end in ("dark", "bright"))
    contract = IOContract(**dict(zip(("input", "output"), ends, strict=True)), size_multiple=8,
                          preprocessing="", postprocessing="")  # fmt: skip
    build = build.model_copy(update={"name": name, "contract": contract, "height": size[0] or None,
                                     "width": size[1] or None})  # fmt: skip
    facts = {key: getattr(build, key) for key in BuildContract.model_fields if hasattr(build, key)}
    return BuildContract(**facts, feeding=feeding_of(build, folder), tiling=no_graph(8))


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[BuildContract, ...]:
    folder = tmp_path_factory.mktemp("described")
    fixed = [described(folder, *kind, SIZE, f"{kind[0]}-{kind[1]}") for kind in KINDS]
    return *fixed, described(folder, "float32", "NCHW", (0, 0), "free")


@pytest.fixture(scope="module")
def library(builds: tuple[BuildContract, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("c")
    (folder / "contract.h").write_text(contract_header(builds))
    (folder / "exports.c").write_text(_EXPORTS)
    command = [str(CC), *STRICT, "-O2", "-shared", "-fPIC", "exports.c", "-o", "exports.so"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = ctypes.CDLL(str(folder / "exports.so"))
    loaded.bits_of.restype = ctypes.c_uint32
    loaded.name_of.restype = ctypes.c_char_p
    loaded.input_scale.restype = ctypes.c_double
    loaded.input_bytes.restype = ctypes.c_uint64
    yield loaded


@needs_cc
@pytest.mark.parametrize("count", [0, 1, 5])
def test_it_compiles_alone_and_strictly(builds: tuple[BuildContract, ...], tmp_path: Path, count: int) -> None:
    (tmp_path / "contract.h").write_text(contract_header(builds[:count]))
    (tmp_path / "alone.c").write_text('#include "contract.h"\n#include "contract.h"\nint main(void) { return 0; }\n')
    for main in (["alone.c"], ["-x", "c", "contract.h"]):
        done = subprocess.run([str(CC), *STRICT, "-c", *main, "-o", "out.o"], cwd=tmp_path, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")


def fed(library: Any, place: int, picture: np.ndarray[Any, Any], like: np.ndarray[Any, Any]) -> tuple[int, Any]:
    given = np.full_like(like, 77)
    code = library.fill(place, picture.tobytes(), *picture.shape[:2], given.ctypes.data_as(ctypes.c_void_p))
    return code, given


@needs_cc
def test_every_code_is_fed_as_the_runner_feeds_it(library: Any, builds: tuple[BuildContract, ...]) -> None:
    codes = np.resize(np.arange(256, dtype=np.uint8), (*SIZE, 3))
    assert set(codes.ravel().tolist()) == set(range(256))
    for place, build in enumerate(builds):
        truth = to_tensor(codes, build.contract.input, 8)
        code, given = fed(library, place, codes, truth)
        assert code == 0 and given.tobytes() == truth.tobytes(), build.name
    for p in range(256):
        assert library.bits_of(p) == int((np.float32(p) / np.float32(255)).view(np.uint32))


@needs_cc
@pytest.mark.parametrize("size", [(9, 17), (16, 24), (10, 24)])
def test_odd_pictures_are_padded_and_cut_alike(
    library: Any, builds: tuple[BuildContract, ...], size: tuple[int, int]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for place, build in enumerate(builds):
        truth = to_tensor(picture, build.contract.input, 8)
        code, given = fed(library, place, picture, truth)
        assert code == 0 and given.tobytes() == truth.tobytes(), build.name
        back = np.empty_like(picture)
        taken = library.take(place, given.tobytes(), *size, back.ctypes.data_as(ctypes.c_void_p))
        assert taken == 0 and (back == picture).all(), build.name
        assert (back == from_tensor(given, build.contract.output, *size)).all()


@needs_cc
def test_every_answer_is_read_as_the_runner_reads_it(library: Any, builds: tuple[BuildContract, ...]) -> None:
    rng = np.random.default_rng(0)
    for place, build in enumerate(builds[:-1]):
        whole = spec("bright", build.contract.output.dtype, build.contract.output.layout, *SIZE)
        if whole.dtype == "float32":
            edges = (np.arange(-3, 260, dtype=np.float32) + np.float32(0.5)) / np.float32(255)
            near = np.concatenate([edges, *(np.nextafter(edges, np.float32(to)) for to in (-9, 9))])
            random = rng.random(4096).astype(np.float32) * np.float32(1.2) - np.float32(0.1)
            tiny = np.array([0.0, -0.0, 1e-40, 2**-9, 1.0, 300.0, -1e30, 1e-3], np.float32)
            values = np.concatenate([near, random, tiny])
        else:
            low = np.iinfo(whole.dtype).min
            values = np.arange(low, low + 256).astype(whole.dtype)
        for start in range(0, values.size, 1152):
            answer = np.resize(values[start : start + 1152], whole.shape)
            back = np.empty((*SIZE, 3), np.uint8)
            code = library.take(place, answer.tobytes(), *SIZE, back.ctypes.data_as(ctypes.c_void_p))
            assert code == 0 and (back == from_tensor(answer, whole, *SIZE)).all(), build.name


@needs_cc
def test_random_bits_and_ties_round_as_numpy_does(library: Any) -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(118 << 23, 128 << 23, 20_000, dtype=np.uint32)
    values = bits.view(np.float32)
    expected = np.clip(np.rint(values * np.float32(255)), 0, 255).astype(int)
    assert [library.code_of(int(each)) for each in bits] == expected.tolist()
    for broken in (np.nan, np.inf, -np.inf):
        assert library.code_of(int(np.float32(broken).view(np.uint32))) == -1


@needs_cc
def test_what_does_not_fit_is_refused(library: Any, builds: tuple[BuildContract, ...]) -> None:
    picture = np.zeros((17, 24, 3), np.uint8)
    room = np.zeros(3 * 24 * 24 * 4, np.uint8).ctypes.data_as(ctypes.c_void_p)
    assert library.fill(0, picture.tobytes(), 17, 24, room) == -1
    assert library.fill(0, picture.tobytes(), 0, 24, room) == -1
    nothing = np.full((1, 3, *SIZE), np.nan, np.float32)
    assert library.take(0, nothing.tobytes(), *SIZE, room) == -2
    assert library.fill(len(builds) - 1, picture.tobytes(), 17, 24, room) == 0  # of free size


@needs_cc
def test_facts_are_those_of_the_contract(library: Any, builds: tuple[BuildContract, ...]) -> None:
    for place, build in enumerate(builds):
        assert build.feeding is not None
        assert library.name_of(place).decode() == build.name
        assert library.input_bytes(place) == (build.feeding.input.size_bytes or 0)
        assert library.input_scale(place) == (build.contract.input.scale or 0.0)
        assert library.input_zero(place) == (build.contract.input.zero_point or 0)
    assert library.name_of(len(builds)) is None


def test_names_that_are_one_in_c_are_refused(builds: tuple[BuildContract, ...]) -> None:
    with pytest.raises(BuildError, match="FLOAT32_NCHW"):
        contract_header((builds[0], builds[0].model_copy(update={"name": "float32.nchw"})))


def test_a_build_of_the_first_format_is_refused(builds: tuple[BuildContract, ...]) -> None:
    with pytest.raises(BuildError, match="first format"):
        contract_header((builds[0].model_copy(update={"feeding": None}),))
