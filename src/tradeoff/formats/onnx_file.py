"""Reading an ONNX file without ONNX: its two ends."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.formats import protobuf
from tradeoff.formats.onnx_contents import HOW, SUFFIX, not_onnx
from tradeoff.formats.plain_file import require_file
from tradeoff.formats.signature import Signature, Tensor, single
from tradeoff.text import safe

#: As ONNX numbers them.
_DTYPES: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "text", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip
_LAST: Final = {"Softmax": "softmax", "Sigmoid": "sigmoid", "LogSoftmax": "linear"}
#: What stands behind the last layer and does not change what its numbers mean.
_PASSING: Final = frozenset(("Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze"))
_DEPTH: Final = 20


def read_onnx(path: Path) -> Signature:
    """What goes in and what comes out; a file that is none, or is cut short, is refused."""
    graph = _graph(path)
    try:
        constants = {protobuf.text(tensor, 8) for tensor in protobuf.blocks(graph, 5)}
        inputs = [_tensor(value) for value in protobuf.blocks(graph, 11)]
        outputs = [_tensor(value) for value in protobuf.blocks(graph, 12)]
        makers = {
            protobuf.decoded(made): (
                protobuf.text(node, 4),
                [protobuf.decoded(name) for name in protobuf.blocks(node, 1)],
            )
            for node in protobuf.blocks(graph, 1)
            for made in protobuf.blocks(node, 2)
        }
    except protobuf.Malformed as error:
        raise not_onnx(path, str(error)) from error
    # Old files list their weights among the inputs.
    real = [tensor for tensor in inputs if tensor.name not in constants]
    try:
        return single(real, outputs, _last(makers, outputs), len(makers))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _graph(path: Path) -> memoryview:
    require_file(path, f"an {SUFFIX} file", HOW)
    try:
        graph = protobuf.block(protobuf.opened(path), 7)
    except protobuf.Malformed as error:
        raise not_onnx(path, str(error)) from error
    if graph is None:
        raise not_onnx(path, "there is no graph in it")
    return graph


def _tensor(value: memoryview) -> Tensor:
    name = safe(protobuf.text(value, 1))
    kind = protobuf.block(value, 2)
    tensor = None if kind is None else protobuf.block(kind, 1)
    if tensor is None:
        return Tensor(name, None, "no tensor")
    shape = protobuf.block(tensor, 2)
    sizes = None if shape is None else tuple(_size(dimension) for dimension in protobuf.blocks(shape, 1))
    return Tensor(name, sizes, _DTYPES.get(protobuf.number(tensor, 1), "of an unusual type"))


def _size(dimension: memoryview) -> int | None:
    """A size may also be a name, such as ``batch``."""
    size = protobuf.number(dimension, 1, -1)
    return size if size > 0 else None


def _last(makers: dict[str, tuple[str, list[str]]], outputs: list[Tensor]) -> str:
    name = outputs[0].name if outputs else ""
    for _ in range(_DEPTH):
        operation, given = makers.get(name, ("", []))
        if operation not in _PASSING or not given:
            return _LAST.get(operation, "linear") if operation else ""
        name = given[0]
    return ""
