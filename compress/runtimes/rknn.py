"""Rockchip NPUs: .rknn files made by RKNN-Toolkit2, and its simulator.

The trained scales come with the QDQ graph. Where calibration frames are given, the toolkit's own scales are
tried as well, both measured against the interchange file, and the better one ships; an NPU without float16
(rv1106) takes a graph with float islands no other way. An exported .rknn can't be simulated, so the ONNX file it
was made from lies beside it, and a session builds again, checks that tensors and scales are the same, and stays.

The toolkit's compiler writes stray addresses of its own memory into the file: equal builds differ in some bytes.
"""

from __future__ import annotations

import tempfile
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from compress.errors import BuildError
from compress.records import Inspection, QuantizationTable, Record, TensorSpec
from compress.runtimes.base import PLAIN, BuildOptions, Port, Ports, RunOptions, Runtime, Session, Size
from compress.runtimes.interchange import INPUT, span_of
from compress.runtimes.rknn_file import UNREADABLE, read_rknn, read_sizes
from compress.runtimes.rknn_worker import (
    BUILD_TIMEOUT_S,
    OWN,
    RUN_TIMEOUT_S,
    WORKER,
    RknnBuilt,
    RknnDone,
    RknnLayer,
    RouteName,
    loaded,
    output_names,
    pictures_in,
    prepare_request,
)
from compress.store.digests import hash_file
from compress.toolchains.call import Served, run_worker
from compress.toolchains.environment import why_not_ready

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from compress.runtimes.base import Answers, Batch

PLATFORMS = ("rk3588", "rk3566", "rk3576", "rv1106", "rv1126b")
INTEGER_ONLY = ("rv1106",)
"""NPUs without float16, which take a graph with float islands only with scales of the toolkit's own."""


class RknnRoute(Record):
    """One way to scales. ``psnr_db``: the simulator against the interchange file, frame by frame, if measured."""

    name: RouteName
    psnr_db: tuple[float, ...] = ()
    refused: str = ""


class RknnRecord(Record):
    """``NAME.json``: how the .rknn beside it was made. Bytes are the compiler's own estimate of memory."""

    platform: str
    route: RouteName
    routes: tuple[RknnRoute, ...]
    sha256: str
    layers: tuple[RknnLayer, ...]
    internal_bytes: int
    weight_bytes: int


class Rknn(Runtime):
    """``name.rknn``, the ``name.onnx`` it was made from, ``name.json``, and calibration frames if it needed them.

    Pictures go in as the camera has them, uint8 RGB in NHWC, and come out as float32 NCHW.
    """

    name = "rknn"
    toolchain = "rknn"
    platforms = PLATFORMS
    needs_platform = True
    simulates = one_size = enlarges = True

    def why_not_here(self) -> str | None:
        return why_not_ready("rknn")

    def border(self, tensor: str, height: int, width: int, options: BuildOptions = PLAIN) -> TensorSpec:
        if tensor == INPUT:
            shape = (1, height, width, 3)
            return TensorSpec(name=tensor, shape=shape, layout="NHWC", dtype="uint8", low=0.0, high=255.0)
        return TensorSpec(name=tensor, shape=(1, 3, height, width), layout="NCHW", dtype="float32", low=0.0, high=1.0)

    def ports(self, folder: Path, files: tuple[str, ...]) -> Ports:
        """What the SDK's calls take and give (bytes in NHWC, float32) for the sizes that stand in the file."""
        ends: Ports = [], []
        for name, (count, channels, height, width) in read_sizes(folder / files[0]).items():
            if name == INPUT:
                ends[0].append(Port(frozenset({name}), (count, height, width, channels), "uint8"))
            else:
                ends[1].append(Port(frozenset({name}), (count, channels, height, width), "float32"))
        return ends

    def build(self, source: Path, name: str, out: Path, options: BuildOptions = PLAIN) -> tuple[str, ...]:
        """Raises ToolchainError without the toolkit, BuildError with its own words where it has errors."""
        from compress.runtimes.interchange import is_quantized
        from compress.runtimes.onnx import read_file

        platform = _platform(options)
        model = read_file(source)
        frames = _codes(options.calibration) if options.calibration and is_quantized(model) else None
        with tempfile.TemporaryDirectory() as text:
            bench = _Bench(Path(text), model, platform, frames)
            first: RouteName = "trained" if is_quantized(model) else "float"
            results = [bench.make(route) for route in ((first, *OWN) if frames is not None else (first,))]
            best = _best(results, platform, f"{name}.rknn for {platform}")
            (out / f"{name}.rknn").write_bytes(bench.file(best.name).read_bytes())
        (out / f"{name}.onnx").write_bytes(source.read_bytes())
        built = bench.built[best.name]
        RknnRecord(
            platform=platform, route=best.name, routes=tuple(results), layers=built.layers,
            sha256=hash_file(out / f"{name}.rknn"),
            internal_bytes=built.internal_bytes, weight_bytes=built.weight_bytes,
        ).write(out / f"{name}.json")  # fmt: skip
        files = (f"{name}.rknn", f"{name}.onnx", f"{name}.json")
        if best.name not in OWN:
            return files
        _save_frames(frames, out / f"{name}.npy")
        return (*files, f"{name}.npy")

    def inspect(self, folder: Path, files: tuple[str, ...], table: QuantizationTable | None) -> Inspection:
        """Layers from the compiler's table, kept when the build was made; scales from the .rknn itself."""
        from compress.runtimes.onnx import read_file
        from compress.runtimes.rknn_scales import compare_rknn

        record = read_record(folder, files)
        # One that has no name only lays the picture out for the NPU.
        heavy = [each for each in record.layers if each.kind.startswith(("Conv", "MatMul", "Gemm")) and each.name]
        int8 = [layer for layer in heavy if layer.dtype == "INT8"]
        floating = tuple(layer.name.removeprefix("Conv:") for layer in heavy if layer.dtype != "INT8")
        compared: int = 0
        differences: tuple[str, ...] = ()
        if table is not None and record.platform not in UNREADABLE:
            built = read_rknn(folder / files[0])
            compared, differences = compare_rknn(built, read_file(folder / files[1]), table)
        return Inspection(
            operators=dict(sorted(Counter(layer.kind for layer in record.layers).items())),
            int8_layers=len(int8), float_layers=len(floating), float_islands=floating if int8 else (),
            scales_compared=compared, scale_differences=differences, notes=_notes(record),
        )  # fmt: skip

    def load(self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None = None) -> Session:
        """A simulator: floats are computed as the NPU has them, in float16, whatever ``options`` say."""
        record = read_record(folder, files)
        return _Simulator(folder, files, record, size)


class _Bench:
    """Builds of one model by several routes, simulated on the same frames."""

    def __init__(self, folder: Path, model: onnx.ModelProto, platform: str, frames: NDArray[np.uint8] | None) -> None:
        self._folder, self._model, self._platform, self._frames = folder, model, platform, frames
        self.built: dict[RouteName, RknnBuilt] = {}
        self._truth = None if frames is None else [_reference(model, frame) for frame in frames]

    def file(self, route: RouteName) -> Path:
        """Where the .rknn of a route lies once it is made."""
        return self._folder / f"{route}.rknn"

    def make(self, route: RouteName) -> RknnRoute:
        """Build by one route; where there are frames, measure it."""
        import numpy as np

        request = prepare_request(self._folder, self._model, self._platform, route, self._frames)
        names = output_names(self._model)
        pictures = pictures_in(self._folder, names, f"{route}-")
        if self._frames is not None:
            np.save(pictures.dark, self._frames)
            request = request.model_copy(update={"simulate": pictures})
        try:
            self.built[route] = run_worker("rknn", WORKER, request, RknnBuilt, BUILD_TIMEOUT_S)
        except BuildError as error:
            return RknnRoute(name=route, refused=str(error))
        if self._truth is None:
            return RknnRoute(name=route)
        answers = loaded(pictures, names)
        return RknnRoute(
            name=route,
            psnr_db=tuple(
                _psnr_db({name: each[place : place + 1] for name, each in answers.items()}, truth)
                for place, truth in enumerate(self._truth)
            ),
        )


class _Simulator(Session):
    def __init__(self, folder: Path, files: tuple[str, ...], record: RknnRecord, size: Size | None) -> None:
        from compress.runtimes.onnx import read_file

        model = read_file(folder / files[1])
        self._size = tuple(dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim[2:])
        self._name = files[0]
        if size is not None and tuple(size) != self._size:
            raise BuildError(f"{files[0]} is for {_text(self._size)} pictures only; an .rknn has one size")
        frames = load_frames(folder / files[3]) if record.route in OWN else None
        self._served = Served("rknn", WORKER)
        self._ended = weakref.finalize(self, self._served.close)
        request = prepare_request(self._served.folder, model, record.platform, record.route, frames)
        built = self._served.ask(request.model_copy(update={"simulate": True}), RknnBuilt, BUILD_TIMEOUT_S)
        if built.layers != record.layers or not _same(Path(request.out), folder / files[0], record.platform):
            raise BuildError(f"{files[0]}: the toolkit makes other tensors of {files[1]} now; build it again")
        self._outputs = output_names(model)
        self._pictures = pictures_in(self._served.folder, self._outputs)

    def run(self, x: Batch) -> Answers:
        import numpy as np

        if x.shape != (1, 3, *self._size) or x.dtype != np.float32:
            wanted = f"[1, 3, {self._size[0]}, {self._size[1]}] float32"
            raise BuildError(f"{self._name} takes {wanted}, not {list(x.shape)} {x.dtype}")
        codes = np.rint(x * np.float32(255)).clip(0, 255).astype(np.uint8)
        np.save(self._pictures.dark, np.ascontiguousarray(codes.transpose(0, 2, 3, 1)))
        self._served.ask(self._pictures, RknnDone, RUN_TIMEOUT_S)
        return loaded(self._pictures, self._outputs)

    def prepare(self, x: Batch) -> Callable[[], None]:
        """A run of the simulator, whose time says nothing about the NPU."""
        self.run(x)

        def run() -> None:
            self._served.ask(self._pictures, RknnDone, RUN_TIMEOUT_S)

        return run


def _same(made: Path, shipped: Path, platform: str) -> bool:
    """Whether tensors and scales are the same, where they can be read; bytes are not."""
    return platform in UNREADABLE or read_rknn(made).tensors == read_rknn(shipped).tensors


def _platform(options: BuildOptions) -> str:
    known = ", ".join(PLATFORMS)
    if options.platform is None:
        raise BuildError(f"an .rknn is made for one chip; name it in the target's export.platform: {known}")
    if options.platform not in PLATFORMS:
        raise BuildError(f"RKNN-Toolkit2 is not used for '{options.platform}' here; there are: {known}")
    return options.platform


def _best(results: list[RknnRoute], platform: str, what: str) -> RknnRoute:
    """The route with the highest mean PSNR; of equal ones, or without frames, the first.

    What is wrong with the graph itself is refused, rather than hidden behind other scales than the trained ones.
    """
    made = [route for route in results if not route.refused]
    if results[0].refused and (not made or platform not in INTEGER_ONLY):
        hint = "; it needs calibration frames" if platform in INTEGER_ONLY and len(results) == 1 else ""
        raise BuildError(f"{what}: {results[0].refused}{hint}")
    return max(made, key=lambda route: sum(route.psnr_db) / max(len(route.psnr_db), 1))


def _notes(record: RknnRecord) -> tuple[str, ...]:
    lines = [f"made for {record.platform}, scales: {record.route}"]
    for route in record.routes:
        if route.refused:
            lines.append(f"scales {route.name}: refused: {route.refused}")
        elif route.psnr_db:
            mean = sum(route.psnr_db) / len(route.psnr_db)
            lines.append(
                f"scales {route.name}: {mean:.2f} dB (worst {min(route.psnr_db):.2f}) simulated against ONNX Runtime"
            )
    lines.append(
        f"the compiler plans {record.internal_bytes} bytes for tensors, {record.weight_bytes} for weights"
    )  # fmt: skip
    if record.platform in UNREADABLE:
        lines.append(f"scales can't be read back from an .rknn for {record.platform}")
    lines += [f"on the board's CPU: {layer.name or layer.kind}" for layer in record.layers if layer.target != "NPU"]
    return tuple(lines)


def read_record(folder: Path, files: tuple[str, ...]) -> RknnRecord:
    """How the build was made. Raises BuildError when a file of it is missing or changed."""
    try:
        record = RknnRecord.read(folder / files[2])
        if hash_file(folder / files[0]) != record.sha256:
            raise BuildError(f"{folder / files[0]}: cut short or changed since it was built")
    except (OSError, ValidationError, IndexError):
        raise BuildError(f"{folder / files[0]}: the record of its build, NAME.json, can't be read") from None
    return record


def _codes(path: Path) -> NDArray[np.uint8]:
    """Calibration frames as pictures, uint8 (N, H, W, 3)."""
    import numpy as np

    try:
        frames = np.load(path)
    except (OSError, ValueError):
        raise BuildError(f"{path}: not a .npy file of calibration frames") from None
    if frames.ndim != 4 or frames.shape[1] != 3 or not len(frames):
        raise BuildError(f"{path}: calibration frames should be (N, 3, H, W), not {list(frames.shape)}")
    return np.ascontiguousarray(np.rint(frames * 255).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def _save_frames(frames: NDArray[np.uint8] | None, path: Path) -> None:
    import numpy as np

    assert frames is not None
    np.save(path, frames)


def load_frames(path: Path) -> NDArray[np.uint8]:
    """Calibration frames that lie beside a build."""
    import numpy as np

    try:
        frames: NDArray[np.uint8] = np.load(path)
    except (OSError, ValueError):
        raise BuildError(f"{path}: calibration frames can't be read") from None
    return frames


def _reference(model: onnx.ModelProto, frame: NDArray[np.uint8]) -> Answers:
    """The interchange file's answers to a picture."""
    import numpy as np

    from compress.runtimes.interchange import answers_of

    return answers_of(model, np.ascontiguousarray(frame.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)))


def _psnr_db(answers: Answers, truth: Answers) -> float:
    """Of the output that is worst off, on a scale of 1, of maps of their own span; 120 dB at most, so that equal
    answers have a figure."""
    import numpy as np

    errors = (
        float(np.mean((answers[name].astype(np.float64) - each) ** 2)) / span_of(name, each) ** 2
        for name, each in truth.items()
    )
    return round(-10 * float(np.log10(max(*errors, 1e-12))), 3)


def _text(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
