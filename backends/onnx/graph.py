"""A graph of ONNX while it is made, which knows how each value lies in memory.

Keras has channels last, ONNX has them first. A value is transposed only where an operator needs it, and the order
that flattening leaves behind is taken into the weights of the next dense layer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import tradeoff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

Shape = tuple[int | None, ...]
#: The first with 16-bit quantization and 4-bit constants.
OPSET: Final = 21
#: What goes with it; newer versions of the packages would write theirs, which older ones cannot read.
IR_VERSION: Final = 10


@dataclass(frozen=True)
class Value:
    """What an operator gives.

    :param name: in the graph.
    :param shape: as Keras sees it, the open batch first.
    :param channels_first: whether it lies otherwise, with the channels behind the batch.
    :param unflattened: of one that was flattened while its channels came first: its shape before, as Keras sees it.
    """

    name: str
    shape: Shape
    channels_first: bool = False
    unflattened: Shape = ()


@dataclass
class Node:
    """One operator; ``inputs`` are names of values and of constants."""

    name: str
    kind: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]


@dataclass
class Graph:
    """Operators in the order in which they run, and their constants."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    #: What the next operators are named after.
    place: str = ""
    _used: dict[str, int] = field(default_factory=dict)
    _known: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def add(self, kind: str, like: Value, *inputs: Value | str, shape: Shape | None = None, **attributes: Any) -> Value:
        """An operator whose result has the shape and the order of ``like``, or another shape."""
        first = self.place and self.place not in self._used and kind not in {"Reshape", "Transpose"}
        name = self._fresh(self.place if first else f"{self.place}/{kind}")
        names = [given if isinstance(given, str) else given.name for given in inputs or (like,)]
        self.nodes.append(Node(name, kind, names, f"{name}:0", attributes))
        return replace(like, name=f"{name}:0", shape=like.shape if shape is None else shape)

    def constant(self, array: Any, kind: str = "float32") -> str:
        """A constant; one that is there already stands for both, as in a layer that is used twice."""
        import numpy as np

        numbers = np.array(array, dtype=kind, order="C")
        found = self._known.setdefault((kind, numbers.shape, numbers.tobytes()), f"constant_{len(self._known) + 1}")
        self.constants[found] = numbers
        return found

    def reshape(self, value: Value, stored: Sequence[int], **changes: Any) -> Value:
        """``value`` with its numbers taken as ``stored``, without the batch, which stays open."""
        target = self.constant([-1, *stored], "int64")
        return replace(self.add("Reshape", value, value, target), **changes)

    def transpose(self, value: Value, order: Sequence[int], **changes: Any) -> Value:
        """``value`` with its axes in another order."""
        return replace(self.add("Transpose", value, perm=list(order)), **changes)

    def channels_first(self, value: Value) -> Value:
        """``value`` with its channels behind the batch; where that moves nothing, it costs no transposition."""
        if value.channels_first or len(value.shape) < 3:
            return value
        *inner, channels = value.shape[1:]
        known = known_shape((channels, *inner))
        if known is not None and 1 in (channels, math.prod(known[1:])):
            return self.reshape(value, known, channels_first=True)
        last = len(value.shape) - 1
        return self.transpose(value, (0, last, *range(1, last)), channels_first=True)

    def as_keras(self, value: Value) -> Value:
        """``value`` in the order in which Keras has it."""
        if value.unflattened:
            flat, before = fixed_shape(value.shape[1:]), fixed_shape(value.unflattened[1:])
            whole = self.reshape(
                value, (before[-1], *before[:-1]), shape=value.unflattened, channels_first=True, unflattened=()
            )
            return self.reshape(self.as_keras(whole), flat, shape=value.shape)
        if not value.channels_first:
            return value
        known = known_shape(value.shape[1:])
        if known is not None and 1 in (known[-1], math.prod(known[:-1])):
            return self.reshape(value, known, channels_first=False)
        return self.transpose(value, (0, *range(2, len(value.shape)), 1), channels_first=False)

    def to_proto(self, taken: Value, given: Value) -> Any:
        """The finished model, with a batch of any size."""
        from onnx import TensorProto, helper, numpy_helper

        graph = helper.make_graph(
            [self._node(node) for node in self.nodes],
            "model",
            [helper.make_tensor_value_info(taken.name, TensorProto.FLOAT, ["batch", *taken.shape[1:]])],
            [helper.make_tensor_value_info(given.name, TensorProto.FLOAT, ["batch", *given.shape[1:]])],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        return helper.make_model(
            graph,
            producer_name="tradeoff",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )

    def _node(self, node: Node) -> Any:
        from onnx import helper

        return helper.make_node(node.kind, node.inputs, [node.output], name=node.name, **node.attributes)

    def _fresh(self, wanted: str) -> str:
        number = self._used[wanted] = self._used.get(wanted, 0) + 1
        return wanted if number == 1 else f"{wanted}.{number}"


def known_shape(shape: Shape) -> tuple[int, ...] | None:
    """``shape``, where nothing of it is open."""
    known = tuple(size for size in shape if size is not None)
    return known if len(known) == len(shape) else None


def fixed_shape(shape: Shape) -> tuple[int, ...]:
    """``shape``, of which nothing may be open."""
    known = known_shape(shape)
    if not known:
        raise tradeoff.Refused("not implemented here", f"the export to ONNX does not take sizes left open, {shape}")
    return known


def fold_normalizations(graph: Graph) -> None:
    """Take each normalization into the weights before it, if nobody else reads what they give.

    The runtime would do so itself when it loads the file, but the quantization has to see the final weights.
    """
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    made = {node.output: node for node in graph.nodes}
    for node in list(graph.nodes):
        before = made.get(node.inputs[0])
        if node.kind != "BatchNormalization" or before is None or before.kind not in _CHANNEL_AXIS:
            continue
        if readers[before.output] == 1:
            _fold(graph, before, node)
            made[node.output] = before
            before.output = node.output
            graph.nodes.remove(node)
    used = {name for node in graph.nodes for name in node.inputs}
    graph.constants = {name: array for name, array in graph.constants.items() if name in used}


#: Where the weights of an operator have its channels.
_CHANNEL_AXIS: Final[Mapping[str, int]] = {"Conv": 0, "ConvTranspose": 1, "Gemm": 1}


def _fold(graph: Graph, before: Node, normalization: Node) -> None:
    import numpy as np

    scale, offset, mean, variance = (graph.constants[name] for name in normalization.inputs[1:])
    weights, *biases = (graph.constants[name] for name in before.inputs[1:])
    factor = scale / np.sqrt(variance + np.float32(normalization.attributes["epsilon"]))
    shape = [1] * weights.ndim
    shape[_CHANNEL_AXIS[before.kind]] = -1
    bias = biases[0] if biases else np.zeros_like(mean)
    before.inputs[1:] = [
        graph.constant(weights * factor.reshape(shape)),
        graph.constant((bias - mean) * factor + offset),
    ]
