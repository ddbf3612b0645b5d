"""A build's output tensors as what the task calls an answer: a picture, boxes, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.detection.answer import PictureAndBoxes
from compress.detection.decode import decode
from compress.runtimes.picture import from_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.metrics.detection import Boxes
    from compress.records import IOContract, TensorSpec
    from compress.runtimes.picture import Picture

    Tensors = tuple[NDArray[np.generic], ...]
    """(1, ...) each, in the order of ``IOContract.outputs`` and as the build lays them out."""

    Answer = Picture | Boxes | PictureAndBoxes


def read_answer(contract: IOContract, tensors: Tensors, height: int, width: int) -> Answer:
    """The answer to a picture of ``height`` x ``width``. Raises BuildError for NaN or infinity."""
    scale, maps = contract.scale, contract.maps
    if maps is None:
        return from_tensor(tensors[0], contract.output, scale * height, scale * width)
    end = contract.maps_output or contract.output
    boxes = decode(read_maps(tensors[len(contract.outputs) - 1], end), maps, height, width)
    if contract.maps_output is None:
        return boxes
    return PictureAndBoxes(from_tensor(tensors[0], contract.output, scale * height, scale * width), boxes)


def read_maps(tensor: NDArray[np.generic], spec: TensorSpec) -> NDArray[np.float32]:
    """Maps (1, ...) as a build lays them out, to (K, h, w) float32."""
    import numpy as np

    planar = tensor.transpose(0, 3, 1, 2) if spec.layout == "NHWC" else tensor
    return np.ascontiguousarray(planar[0], np.float32)
