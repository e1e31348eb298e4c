"""The operators of a ``.tflite`` file: what each computes, reads and writes, without LiteRT or TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.formats.flatbuffer import Table
from tradeoff.formats.tflite_file import operator_number, read_model
from tradeoff.formats.tflite_names import OPERATORS, TYPES
from tradeoff.text import safe

_CUSTOM: Final = 32
#: No tensor of a device has as many elements; sizes of a damaged file do.
_MOST_ELEMENTS: Final = 2**40
#: Which input holds the weights, where one does.
_WEIGHTS: Final = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1, "CONV_3D": 1}


@dataclass(frozen=True)
class TensorFacts:
    """One tensor; ``bytes`` is what it takes when it is live, and ``constant`` what the file stores of it.

    :param scales: of its quantization: none, one for all of it, or one for each channel.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int
    constant: int
    scales: int = 0

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True)
class Layer:
    """One operator, with the numbers of the tensors it reads and writes.

    :param kind: the schema's word, or the name of a custom operator.
    :param macs: multiplications of one request; 0 for what does not multiply by weights.
    :param weights: the shape of its weights, empty without any.
    :param weights_bytes: of its constants, as they are stored.
    """

    kind: str
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    macs: int
    weights: tuple[int, ...]
    weights_bytes: int


@dataclass(frozen=True)
class Network:
    """All that a model of a device has to know of a file.

    :param file_bytes: what would be flashed.
    :param graphs: loops and branches have graphs besides the main one, which is told of here.
    """

    tensors: tuple[TensorFacts, ...]
    layers: tuple[Layer, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    file_bytes: int
    graphs: int = 1

    def name(self, layer: Layer) -> str:
        """Where it stands in the model: the name of what it writes, the first of several that were fused."""
        return self.tensors[layer.outputs[0]].name.partition(";")[0] if layer.outputs else layer.kind

    def data(self, layer: Layer) -> tuple[TensorFacts, ...]:
        """The tensors it reads that are no constants."""
        return tuple(self.tensors[i] for i in layer.inputs if not self.tensors[i].constant)

    def written(self, layer: Layer) -> tuple[TensorFacts, ...]:
        """The tensors it writes."""
        return tuple(self.tensors[i] for i in layer.outputs)

    @property
    def macs(self) -> int:
        """Multiplications of one request."""
        return sum(layer.macs for layer in self.layers)


def read_network(path: Path) -> Network:
    """The operators of a file; one that is none, or is damaged, is refused in one message."""
    return read_model(path, _network)


def _network(model: Table) -> Network:
    graphs = model.tables(2)
    if not graphs:
        raise BadInput("there is no graph in it")
    stored = [_stored(buffer, len(model.data)) for buffer in model.tables(4)]
    codes = [_code(code) for code in model.tables(1)]
    graph = graphs[0]
    tensors = tuple(_tensor(tensor, stored) for tensor in graph.tables(0))
    return Network(
        tensors,
        tuple(_layer(operator, codes, tensors) for operator in graph.tables(3)),
        _numbers(graph, 1, len(tensors)),
        _numbers(graph, 2, len(tensors)),
        len(model.data),
        len(graphs),
    )


def _stored(buffer: Table, end: int) -> int:
    inside = buffer.length(0, 1)
    start, size = buffer.number(1, "<Q"), buffer.number(2, "<Q")
    if start + size > end:
        raise ValueError("its constants are cut short")
    return inside or size


def _code(code: Table) -> tuple[str, bool]:
    number = operator_number(code)
    if number == _CUSTOM:
        return safe(code.text(1)) or "CUSTOM", True
    return (OPERATORS[number] if 0 <= number < len(OPERATORS) else f"OPERATOR_{number}"), False


def _tensor(tensor: Table, stored: list[int]) -> TensorFacts:
    # A size that is left open is that of one sample.
    shape = tuple(size if size > 0 else 1 for size in tensor.numbers(0) or ())
    elements = prod(shape)
    if elements > _MOST_ELEMENTS:
        raise ValueError("a tensor is larger than any memory")
    word, bits = TYPES.get(tensor.number(1, "<b"), ("of an unusual type", 32))
    size, quantized = -(-elements * bits // 8), tensor.table(4)
    scales = quantized.length(2, 4) if quantized else 0
    return TensorFacts(safe(tensor.text(3)), word, shape, size, stored[tensor.number(2, "<I")], scales)


def _numbers(table: Table, field: int, count: int) -> tuple[int, ...]:
    """Numbers of tensors; -1 is one that is left out, such as a bias."""
    numbers = tuple(number for number in table.numbers(field) or () if number != -1)
    if any(not 0 <= number < count for number in numbers):
        raise ValueError("a tensor is named that is not there")
    return numbers


def _layer(operator: Table, codes: list[tuple[str, bool]], tensors: tuple[TensorFacts, ...]) -> Layer:
    kind, custom = codes[operator.number(0, "<I")]
    inputs, outputs = _numbers(operator, 1, len(tensors)), _numbers(operator, 2, len(tensors))
    place = _WEIGHTS.get(kind, -1)
    weights = tensors[inputs[place]] if 0 <= place < len(inputs) else None
    return Layer(
        kind,
        custom,
        inputs,
        outputs,
        _macs(kind, weights, inputs, outputs, tensors) if weights and outputs else 0,
        weights.shape if weights else (),
        sum(tensors[number].constant for number in inputs),
    )


def _macs(
    kind: str,
    weights: TensorFacts,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    tensors: tuple[TensorFacts, ...],
) -> int:
    made = tensors[outputs[0]].elements
    if kind == "DEPTHWISE_CONV_2D":
        return made * prod(weights.shape[1:-1])
    if kind == "TRANSPOSE_CONV":
        # Each input reaches a whole kernel; the third input is the data.
        given = tensors[inputs[2]].elements if len(inputs) > 2 else 0
        return given * prod(weights.shape[:-1])
    if kind == "CONV_3D":
        return made * prod(weights.shape[:-1])
    return made * prod(weights.shape[1:])
