"""An ONNX graph as rewrites see it: shapes, constants, and nodes that take another node's place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compress.operators import Exactness
from compress.runtimes.interchange import constant_tensors

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

Attributes = dict[str, int | float | str | list[int]]


class Graph:
    """A model that is only read. Shapes are inferred once; ``replaced`` gives a changed copy."""

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnx

        self.model = model
        self._constants = constant_tensors(model)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self._shapes = {
            value.name: tuple(side.dim_value if side.HasField("dim_value") else 0 for side in shape.dim)
            for value in (*inferred.input, *inferred.value_info, *inferred.output)
            if (shape := value.type.tensor_type.shape) is not None and value.type.tensor_type.HasField("shape")
        }
        self._producers = {name: node for node in model.graph.node for name in node.output}

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The tensor's shape, 0 for a free side; empty where it is unknown (or a scalar)."""
        if tensor in self._constants:
            return tuple(self._constants[tensor].dims)
        return self._shapes.get(tensor, ())

    @property
    def opset(self) -> int:
        return next(int(each.version) for each in self.model.opset_import if each.domain in ("", "ai.onnx"))

    def picture(self, tensor: str) -> tuple[int, int, int, int] | None:
        """(N, C, H, W) of a tensor whose sides are all known."""
        shape = self.shape(tensor)
        return shape if len(shape) == 4 and all(shape) else None

    def constant(self, tensor: str) -> NDArray[Any] | None:
        """The value of a constant tensor."""
        from onnx import numpy_helper

        found = self._constants.get(tensor)
        return None if found is None else numpy_helper.to_array(found)

    def argument(self, node: onnx.NodeProto, place: int, attribute: str) -> NDArray[Any] | None:
        """A constant that is an input in newer opsets and an attribute in older ones."""
        import numpy as np

        if len(node.input) > place and node.input[place]:
            return self.constant(node.input[place])
        found = attribute_of(node, attribute, None)
        return None if found is None else np.asarray(found)

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        """The node that makes the tensor; None for an input or a stored constant."""
        return self._producers.get(tensor)

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        return [node for node in self.model.graph.node if tensor in node.input]

    def replaced(self, node: onnx.NodeProto, patch: Patch) -> Graph:
        """A copy in which the nodes of ``patch`` stand where ``node`` stood."""
        import onnx

        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        kept = list(model.graph.node)
        place = kept.index(node)
        del model.graph.node[:]
        model.graph.node.extend([*kept[:place], *patch.nodes, *kept[place + 1 :]])
        model.graph.initializer.extend(patch.constants)
        return Graph(model)


@dataclass
class Patch:
    """Nodes that compute what ``node`` computes, under the same output names."""

    node: onnx.NodeProto
    form: str
    exactness: Exactness
    max_error: float = 0.0
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(
        self, operator: str, inputs: list[str], attributes: Attributes | None = None, output: str | None = None
    ) -> str:
        """Append a node; gives the name of its output, made up unless it is ``output``."""
        from onnx import helper

        name = f"{layer_of(self.node)}/{operator}_{len(self.nodes)}"
        made = helper.make_node(operator, inputs, [output or name], name=name, **(attributes or {}))
        self.nodes.append(made)
        return output or name

    def last(self, operator: str, inputs: list[str], attributes: Attributes | None = None) -> Patch:
        """Append the node that gives the replaced node's own output."""
        self.add(operator, inputs, attributes, self.node.output[0])
        return self

    def store(self, values: NDArray[Any]) -> str:
        """A constant tensor of the values' own type; gives its name."""
        import numpy as np
        from onnx import numpy_helper

        name = f"{layer_of(self.node)}/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, value: float) -> str:
        """A float32 constant that goes with a picture of any shape."""
        import numpy as np

        return self.store(np.full((1, 1, 1, 1), value, np.float32))

    def kernel(self, graph: Graph, weights: NDArray[np.float32], output: str | None = None) -> str:
        """Fixed whole-number weights of a convolution on the replaced node's first input.

        Where that input and the output are quantized, so are the weights, with scale 1: the device then runs
        the layer in int8, and no trained scale is touched.
        """
        import numpy as np

        before = graph.producer(self.node.input[0])
        after = graph.consumers(output or self.node.output[0])
        quantized = before is not None and before.op_type == "DequantizeLinear"
        if not (quantized and after and all(node.op_type == "QuantizeLinear" for node in after)):
            return self.store(weights.astype(np.float32))
        codes, scale, zero = weights.astype(np.int8), np.float32(1), np.int8(0)
        return self.add("DequantizeLinear", [self.store(np.asarray(each)) for each in (codes, scale, zero)])


def layer_of(node: onnx.NodeProto) -> str:
    """The node's name, or of an unnamed one its output's."""
    return str(node.name or node.output[0])


def attribute_of(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """The value of an attribute, text decoded; ``default`` where it is not set."""
    from onnx import helper

    for attribute in node.attribute:
        if attribute.name == name:
            value = helper.get_attribute_value(attribute)
            return value.decode() if isinstance(value, bytes) else value
    return default
