"""What stands in a ``.tflite`` file: its tensors and operators, read without running them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

#: Operators that multiply by weights, their second input; quantization is about these.
WEIGHTED: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
FLOATS: Final = ("FLOAT32", "FLOAT16", "FLOAT64", "BFLOAT16")


@dataclass(frozen=True)
class Tensor:
    """One tensor; ``stored`` are the bytes of a constant, and ``buffer`` is where they lie."""

    name: str
    type: str
    shape: tuple[int, ...]
    buffer: int
    stored: int

    @property
    def is_float(self) -> bool:
        """Whether it holds floating point, of any size."""
        return self.type in FLOATS


@dataclass(frozen=True)
class Node:
    """One operator: a built-in one by the schema's word, another one by its own."""

    kind: str
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The main graph of a file; loops and branches have theirs besides, and ``stored`` has the buffers of all."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stored: Mapping[int, int]
    graphs: int
    custom: tuple[str, ...]

    @cached_property
    def fixed(self) -> frozenset[int]:
        """The tensors that are the same in every request: constants, and what is only unpacked from them."""
        found = {number for number, tensor in enumerate(self.tensors) if tensor.stored}
        # Operators stand in the order in which they are run.
        for node in self.nodes:
            if node.inputs and found.issuperset(node.inputs):
                found.update(node.outputs)
        return frozenset(found)

    @cached_property
    def work(self) -> tuple[Node, ...]:
        """The operators that depend on the request."""
        return tuple(node for node in self.nodes if not self.fixed.issuperset(node.outputs))

    @cached_property
    def sources(self) -> dict[int, Node]:
        """Which operator makes a tensor."""
        return {number: node for node in reversed(self.nodes) for number in node.outputs}

    def weighted(self) -> Iterator[tuple[Node, Tensor]]:
        """The operators that multiply by constants, each with them as they are stored."""
        for node in self.work:
            if node.kind in WEIGHTED and len(node.inputs) > 1 and node.inputs[1] in self.fixed:
                yield node, self.tensors[self.origin(node.inputs[1])]

    def origin(self, number: int) -> int:
        """The constant that a tensor is unpacked from, or itself."""
        seen = set()
        # A file may say that something is made of itself.
        while not self.tensors[number].stored and number in self.fixed and number not in seen:
            seen.add(number)
            number = self.sources[number].inputs[0]
        return number

    def unpacked(self, node: Node) -> bool:
        """Whether an operator gets its weights as floats that were stored as something else."""
        return self.origin(node.inputs[1]) != node.inputs[1]

    def full_name(self, node: Node) -> str:
        """All that the converter says about where an operator comes from."""
        return self.tensors[node.outputs[0]].name if node.outputs else node.kind

    def name(self, node: Node) -> str:
        """The first part of what may be several fused ones."""
        return self.full_name(node).partition(";")[0]

    def data(self, node: Node) -> int:
        """The tensor that an operator works on; the one with the weights' place in a transposed convolution differs."""
        return node.inputs[2 if node.kind == "TRANSPOSE_CONV" else 0]


def schema_of_tflite() -> Any:
    """The classes that read the format: LiteRT and TFLM both bring them."""
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema
    return schema


def read_graph(blob: bytes) -> Graph:
    """The main graph of a file that the runtime has checked; a broken one raises anything."""
    schema = schema_of_tflite()
    model = schema.Model.GetRootAs(blob, 0)
    graph = model.Subgraphs(0)
    codes = [_kind(schema, model.OperatorCodes(number)) for number in range(model.OperatorCodesLength())]
    types = _words(schema.TensorType)
    return Graph(
        tensors=tuple(_tensor(model, graph.Tensors(number), types) for number in range(graph.TensorsLength())),
        nodes=tuple(_node(graph.Operators(number), codes) for number in range(graph.OperatorsLength())),
        inputs=tuple(graph.Inputs(place) for place in range(graph.InputsLength())),
        outputs=tuple(graph.Outputs(place) for place in range(graph.OutputsLength())),
        stored={number: _length(model.Buffers(number)) for number in _buffers(model)},
        graphs=model.SubgraphsLength(),
        custom=tuple(kind for kind, custom in codes if custom),
    )


def _buffers(model: Any) -> set[int]:
    graphs = [model.Subgraphs(number) for number in range(model.SubgraphsLength())]
    return {graph.Tensors(number).Buffer() for graph in graphs for number in range(graph.TensorsLength())}


def _words(of: Any) -> dict[int, str]:
    return {value: word for word, value in vars(of).items() if isinstance(value, int)}


def _kind(schema: Any, code: Any) -> tuple[str, bool]:
    # Small numbers stand in a field of a byte, which files of old have alone.
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    if number == schema.BuiltinOperator.CUSTOM:
        return (code.CustomCode() or b"CUSTOM").decode("utf-8", "replace"), True
    return _words(schema.BuiltinOperator).get(number, str(number)), False


def _tensor(model: Any, tensor: Any, types: dict[int, str]) -> Tensor:
    return Tensor(
        name=(tensor.Name() or b"").decode("utf-8", "replace"),
        type=types.get(tensor.Type(), str(tensor.Type())),
        shape=tuple(tensor.Shape(place) for place in range(tensor.ShapeLength())),
        buffer=tensor.Buffer(),
        stored=_length(model.Buffers(tensor.Buffer())),
    )


def _length(buffer: Any) -> int:
    """In the file's own structure, or behind it where that would be too large."""
    return int(buffer.DataLength() or buffer.Size())


def _node(operator: Any, codes: list[tuple[str, bool]]) -> Node:
    kind, custom = codes[operator.OpcodeIndex()]
    return Node(
        kind,
        custom,
        # -1 is an input left out, such as a bias.
        tuple(number for place in range(operator.InputsLength()) if (number := operator.Inputs(place)) >= 0),
        tuple(number for place in range(operator.OutputsLength()) if (number := operator.Outputs(place)) >= 0),
    )
