"""uint8 pictures at both ends of an OpenVINO model, scaling, rounding and layout being part of the build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compress.detection.in_graph import OBJECTS
from compress.runtimes.interchange import MAPS, OUTPUT

if TYPE_CHECKING:
    import numpy as np
    import openvino
    from numpy.typing import NDArray

_TOP = 255.0
_LEVELS = 256
_SAME = 1e-6
BORDER = "/border/"
"""In the names of what lays rows of bytes together: no layer of the network, and nothing that was trained."""


def take_bytes(model: openvino.Model) -> openvino.Model:
    """``model`` with uint8 NHWC pictures at both ends: x / 255 before, times 255 and half-to-even rounding after.

    Maps of boxes at its end stay as they are.
    """
    import openvino
    from openvino.preprocess import PrePostProcessor

    _leave_codes(model)
    has_picture = _picture_result(model) is not None
    shuffled = _taken_off(model)
    ends = PrePostProcessor(model)
    nhwc, nchw = openvino.Layout("NHWC"), openvino.Layout("NCHW")
    ends.input().tensor().set_element_type(openvino.Type.u8).set_layout(nhwc)
    ends.input().model().set_layout(nchw)
    ends.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
    if shuffled is None and has_picture:
        bright = ends.output(OUTPUT)
        bright.model().set_layout(nchw)
        bright.postprocess().custom(lambda y: _rounded(_scaled(y))).convert_element_type(openvino.Type.u8)
        bright.tensor().set_layout(nhwc)
    made = ends.build()
    if shuffled is not None:
        _put_rows_together(made, shuffled)
    return made


def _leave_codes(model: openvino.Model) -> None:
    """Say of a convolution that only moves the camera's codes about (an unshuffling one) that it gives codes.

    OpenVINO then keeps its answer in bytes, a quarter of what every later pass over it would read (ADR 0051).
    """
    import numpy as np
    from openvino import opset13

    none, one = (opset13.constant(np.float32(value)) for value in (0.0, 1.0))
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convolution" or not (_gives_codes(node.input_value(0)) and _only_picks(node)):
            continue
        readers = node.output(0).get_target_inputs()
        name = f"{node.get_friendly_name()}{BORDER}codes"
        codes = opset13.fake_quantize(node, none, one, none, one, _LEVELS, name=name)
        for reader in readers:
            reader.replace_source_output(codes.output(0))


def _gives_codes(value: openvino.Output) -> bool:
    """Whether it is the model's input in 256 steps from 0 to 1."""
    node = value.get_node()
    if node.get_type_name() != "FakeQuantize" or node.get_attributes()["levels"] != _LEVELS:
        return False
    ranges = [_constant(node.input_value(place)) for place in range(1, 5)]
    wanted = (0.0, 1.0, 0.0, 1.0)
    return node.input_value(0).get_node().get_type_name() == "Parameter" and all(
        found is not None and (found == value).all() for found, value in zip(ranges, wanted, strict=True)
    )


def _only_picks(convolution: openvino.Node) -> bool:
    """Whether each of its channels is one value of the input, times 1."""
    kernel = _constant(convolution.input_value(1))
    if kernel is None:
        return False
    flat = kernel.reshape(len(kernel), -1)
    return bool(((flat != 0).sum(1) == 1).all() and (abs(flat.max(1) - 1.0) < _SAME).all())


def _constant(value: openvino.Output) -> NDArray[np.float32] | None:
    """What a constant holds, also one of integers times a scale; None of anything else."""
    node = value.get_node()
    if node.get_type_name() == "Constant":
        held: NDArray[np.float32] = node.data.astype("float32")
        return held
    if node.get_type_name() == "Convert":
        return _constant(node.input_value(0))
    if node.get_type_name() == "Multiply":
        codes, scale = (_constant(node.input_value(place)) for place in (0, 1))
        return None if codes is None or scale is None else codes * scale
    return None


def _picture_result(model: openvino.Model) -> openvino.Node | None:
    """What ends the model with a picture; None where it ends with maps alone."""
    others = {MAPS, OBJECTS}
    ends = (each for each in model.get_results() if not others & set(each.input_value(0).get_names()))
    return next(ends, None)


def _scaled(value: openvino.Output) -> openvino.Output:
    import numpy as np
    from openvino import opset13

    return opset13.multiply(value, opset13.constant(np.float32(_TOP))).output(0)


def _rounded(value: openvino.Output) -> openvino.Output:
    from openvino import opset13

    return opset13.round(opset13.clamp(value, 0.0, _TOP), "half_to_even").output(0)


class _Shuffle:
    """The DepthToSpace that ended a model: its block's side, the order of its channels and its output's names."""

    def __init__(self, node: openvino.Node) -> None:
        attributes = node.get_attributes()
        self.side = int(attributes["block_size"])
        self.by_colour = attributes["mode"] == "depth_first"
        self.name = node.get_friendly_name()
        self.names = node.output(0).get_names()


def _taken_off(model: openvino.Model) -> _Shuffle | None:
    """Take a last DepthToSpace off ``model``; None where it ends otherwise."""
    result = _picture_result(model)
    node = None if result is None else result.input_value(0).get_node()
    if result is None or node is None or node.get_type_name() != "DepthToSpace":
        return None
    blocks = node.input_value(0)
    if blocks.get_partial_shape().rank != 4 or blocks.get_partial_shape()[1].is_dynamic:
        return None
    shuffle = _Shuffle(node)
    node.output(0).get_tensor().set_names(set())
    blocks.get_tensor().set_names(shuffle.names)
    result.input(0).replace_source_output(blocks)
    model.validate_nodes_and_infer_types()
    return shuffle


def _put_rows_together(model: openvino.Model, shuffle: _Shuffle) -> None:
    """Blocks (1, C, h, w) at the end of ``model`` to a uint8 picture (1, h * side, w * side, colours).

    A 1x1 convolution for each row of the blocks picks its values, then rows are laid one behind the other: what is
    moved is bytes, a row at a time. DepthToSpace moves single floats, which takes the CPU plugin a tenth of an INT8
    run's time (ADR 0020). In an INT8 model the blocks become bytes first, and int8 convolutions pick from these, which
    spares another tenth (ADR 0051); a float model has no int8 kernels about and is slower that way. Each output is one
    input times 255, rounded, either way.
    """
    import numpy as np
    import openvino
    from openvino import opset13

    result = _picture_result(model)
    assert result is not None
    blocks = result.input_value(0)
    blocks.get_tensor().set_names(set())
    side, colours = shuffle.side, blocks.get_partial_shape()[1].get_length() // shuffle.side**2
    picks = _picked_codes if _is_quantized(model) else _picked_floats
    rows = []
    for codes in picks(blocks, [_row_kernel(shuffle, row, colours) for row in range(side)], shuffle.name):
        last = opset13.transpose(opset13.convert(codes, openvino.Type.u8), np.array([0, 2, 3, 1]))
        rows.append(opset13.reshape(last, np.array([0, 0, 1, -1]), True))
    size = opset13.gather(opset13.shape_of(blocks), np.array([0, 2, 3, 1]), np.array(0))
    larger = opset13.multiply(size, np.array([1, side, side, 1], np.int64))
    picture = opset13.divide(larger, np.array([1, 1, 1, side * side], np.int64))
    whole = opset13.reshape(opset13.concat(rows, 2), picture, False, name=shuffle.name)
    whole.output(0).get_tensor().set_names(shuffle.names)
    result.input(0).replace_source_output(whole.output(0))
    model.validate_nodes_and_infer_types()


def _is_quantized(model: openvino.Model) -> bool:
    return any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())


def _picked_floats(blocks: openvino.Output, kernels: list[NDArray[np.int8]], name: str) -> Iterator[openvino.Output]:
    """Each row's values, 0 to 255 and whole, picked in float."""
    import numpy as np
    from openvino import opset13

    for row, kernel in enumerate(kernels):
        weights = opset13.constant(kernel * np.float32(_TOP))
        chosen = opset13.convolution(blocks, weights, [1, 1], [0, 0], [0, 0], [1, 1], name=f"{name}{BORDER}row{row}")
        yield _rounded(chosen.output(0))


def _picked_codes(blocks: openvino.Output, kernels: list[NDArray[np.int8]], name: str) -> Iterator[openvino.Output]:
    """The same, picked from bytes: OpenVINO takes what lies between two fake-quant layers for int8."""
    import numpy as np
    from openvino import opset13

    none, one, top = (opset13.constant(np.float32(value)) for value in (0.0, 1.0, _TOP))
    bytes_ = opset13.fake_quantize(blocks, none, one, none, top, _LEVELS, name=f"{name}{BORDER}codes")
    for row, kernel in enumerate(kernels):
        weights = opset13.multiply(
            opset13.convert(opset13.constant(kernel), np.float32), np.ones((1, 1, 1, 1), np.float32)
        )
        chosen = opset13.convolution(bytes_, weights, [1, 1], [0, 0], [0, 0], [1, 1], name=f"{name}{BORDER}row{row}")
        yield opset13.fake_quantize(chosen, none, top, none, top, _LEVELS, name=f"{name}{BORDER}codes{row}").output(0)


def _row_kernel(shuffle: _Shuffle, row: int, colours: int) -> NDArray[np.int8]:
    """(side * colours, channels, 1, 1): from a block's channels to its pixels of this row, colours innermost."""
    import numpy as np

    side = shuffle.side
    kernel = np.zeros((side * colours, side * side * colours, 1, 1), np.int8)
    for column in range(side):
        for colour in range(colours):
            place = row * side + column
            channel = colour * side * side + place if shuffle.by_colour else place * colours + colour
            kernel[column * colours + colour, channel] = 1
    return kernel
