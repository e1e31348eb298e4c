"""Reading an ONNX file without ONNX: its two ends, and the files beside it that hold its weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.formats import protobuf
from tradeoff.formats.plain_file import require_file
from tradeoff.formats.signature import Signature, Tensor, single
from tradeoff.text import safe

SUFFIX: Final = ".onnx"
_HOW: Final = 'in Keras 3, model.export("my.onnx", format="onnx") writes one'
#: As ONNX numbers them.
_DTYPES: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "text", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip
_LAST: Final = {"Softmax": "softmax", "Sigmoid": "sigmoid", "LogSoftmax": "linear"}
#: What stands behind the last layer and does not change what its numbers mean.
_PASSING: Final = frozenset(("Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze"))
_DEPTH: Final = 20
_EXTERNAL: Final = 1


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
        raise BadInput(f"{path} is not an ONNX file, or is cut short: {error}; {_HOW}") from error
    # Old files list their weights among the inputs.
    real = [tensor for tensor in inputs if tensor.name not in constants]
    try:
        return single(real, outputs, _last(makers, outputs), len(makers))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def files_beside(path: Path) -> dict[str, Path]:
    """The files that hold weights of the model, by their relative names; one that leaves its folder is refused."""
    found: dict[str, Path] = {}
    try:
        names = dict.fromkeys(_locations(_graph(path), 0))
    except protobuf.Malformed as error:
        raise BadInput(f"{path} is not an ONNX file, or is cut short: {error}; {_HOW}") from error
    for name in names:
        told = f"{path} keeps weights in {safe(name)[:100]!r}"
        parts = Path(name).parts
        if not name or Path(name).is_absolute() or "\\" in name or ".." in parts or "\0" in name:
            raise BadInput(f"{told}, which leads out of its folder; save it with weights beside it, or inside")
        place = path.parent / name
        if any((path.parent.joinpath(*parts[:count])).is_symlink() for count in range(1, len(parts) + 1)):
            raise BadInput(f"{told}, which is a link; put the file itself there")
        if not place.is_file():
            raise BadInput(f"{told}, and there is no such file; copy it to where the model is")
        found[Path(name).as_posix()] = place
    return found


def _graph(path: Path) -> memoryview:
    require_file(path, f"an {SUFFIX} file", _HOW)
    try:
        graph = protobuf.block(protobuf.opened(path), 7)
    except protobuf.Malformed as error:
        raise BadInput(f"{path} is not an ONNX file, or is cut short: {error}; {_HOW}") from error
    if graph is None:
        raise BadInput(f"{path} is not an ONNX file: there is no graph in it; {_HOW}")
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


def _locations(graph: memoryview, depth: int) -> Iterator[str]:
    """Where weights lie that are not in the file itself, those of branches and loops included."""
    if depth > _DEPTH:
        raise protobuf.Malformed(f"graphs are nested more than {_DEPTH} deep")
    for tensor in _tensors(graph):
        if protobuf.number(tensor, 14) == _EXTERNAL:
            entries = {protobuf.text(entry, 1): protobuf.text(entry, 2) for entry in protobuf.blocks(tensor, 13)}
            yield entries.get("location", "")
    for attribute in _inside(graph, 1, 5):
        for field in (6, 11):
            for inner in protobuf.blocks(attribute, field):
                yield from _locations(inner, depth + 1)


def _tensors(graph: memoryview) -> Iterator[memoryview]:
    """Constants, those of sparse form and those that nodes carry."""
    yield from protobuf.blocks(graph, 5)
    for part in (1, 2):
        yield from _inside(graph, 15, part)
    for attribute in _inside(graph, 1, 5):
        for field in (5, 10):
            yield from protobuf.blocks(attribute, field)


def _inside(message: memoryview, outer: int, inner: int) -> Iterator[memoryview]:
    for found in protobuf.blocks(message, outer):
        yield from protobuf.blocks(found, inner)
