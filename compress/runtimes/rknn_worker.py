"""What is asked of Rockchip's toolkit in its own environment, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from compress.records import Record

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from compress.runtimes.base import Answers

RouteName = Literal["float", "trained", "normal", "kl_divergence"]
OWN: tuple[RouteName, ...] = ("normal", "kl_divergence")
"""The toolkit's ways to choose scales by itself."""

WORKER = "rknn_toolkit"
BUILD_TIMEOUT_S = 900.0
RUN_TIMEOUT_S = 300.0


class Pictures(Record):
    """uint8 (N, H, W, 3) in the .npy ``dark`` to float32 (N, 3, H, W) in the .npy ``bright``.

    ``bright`` holds the first output; ``second``: where the second one goes, likewise; ``inner``: where the first
    picture's further outputs go, as .npz in order; empty: nowhere.
    """

    dark: str
    bright: str
    second: str = ""
    inner: str = ""


class RknnRequest(Record):
    """What the worker is asked: a build of ``source`` for ``platform`` into ``out``; ``algorithm`` where it shall
    choose scales on the pictures that the file ``calibration`` lists."""

    source: str
    platform: str
    out: str
    calibration: str = ""
    algorithm: str = ""
    simulate: Pictures | Literal[True] | None = None


class RknnLayer(Record):
    """A line of the compiler's table: what runs, in which type, on ``NPU`` or ``CPU``."""

    kind: str
    dtype: str
    target: str
    name: str


class RknnBuilt(Record):
    """What the worker says of a build."""

    layers: tuple[RknnLayer, ...]
    warnings: int
    internal_bytes: int
    weight_bytes: int


class RknnDone(Record):
    """What it says of a simulation."""

    done: bool


def prepare_request(
    folder: Path, model: onnx.ModelProto, platform: str, route: RouteName, frames: NDArray[np.uint8] | None
) -> RknnRequest:
    """What to ask the worker for a build by ``route``; its input files are written into ``folder``."""
    import numpy as np
    import onnx

    from compress.runtimes.dequantized import without_quantizers

    source, dataset = folder / f"{route}.onnx", folder / "dataset.txt"
    onnx.save(without_quantizers(model) if route in OWN else model, str(source))
    request = RknnRequest(source=str(source), platform=platform, out=str(folder / f"{route}.rknn"))
    if route not in OWN or frames is None:
        return request
    paths = [folder / f"frame{index}.npy" for index in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        np.save(path, frame[None].transpose(0, 3, 1, 2).astype(np.float32))
    dataset.write_text("".join(f"{path}\n" for path in paths))
    return request.model_copy(update={"calibration": str(dataset), "algorithm": route})


def output_names(model: onnx.ModelProto) -> tuple[str, ...]:
    """The outputs in the order in which the simulator gives them."""
    return tuple(value.name for value in model.graph.output)


def pictures_in(folder: Path, names: tuple[str, ...], stem: str = "") -> Pictures:
    """Where in ``folder`` pictures lie for the simulator, and where their outputs called ``names`` will."""
    second = str(folder / f"{stem}second.npy") if len(names) > 1 else ""
    return Pictures(dark=str(folder / "dark.npy"), bright=str(folder / f"{stem}bright.npy"), second=second)


def loaded(pictures: Pictures, names: tuple[str, ...]) -> Answers:
    """What the simulator left, by output."""
    import numpy as np

    return {name: np.load(path) for name, path in zip(names, (pictures.bright, pictures.second), strict=False)}
