"""Reading a ``.tflite`` file without LiteRT: it is a flatbuffer, tables that point at each other."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from tradeoff.errors import BadInput
from tradeoff.formats.flatbuffer import Table, read_number
from tradeoff.formats.plain_file import require_file
from tradeoff.formats.protobuf import opened
from tradeoff.formats.signature import Signature, Tensor, single
from tradeoff.text import safe

T = TypeVar("T")
SUFFIX: Final = ".tflite"
_HOW: Final = "TensorFlow's and LiteRT's converters write one"
_MAGIC: Final = b"TFL3"
#: As the format numbers them.
_DTYPES: Final = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "text", 6: "bool", 7: "int16", 9: "int8",
    10: "float64", 12: "uint64", 15: "uint32", 16: "uint16", 18: "bfloat16",
}  # fmt: skip
_LAST: Final = {25: "softmax", 14: "sigmoid"}
#: DEQUANTIZE, RESHAPE, QUANTIZE: they do not change what numbers mean.
_PASSING: Final = frozenset((6, 22, 114))
_OLD_CODES: Final = 127
_DEPTH: Final = 20


def read_tflite(path: Path) -> Signature:
    """What goes in and what comes out; a file that is none, or is cut short, is refused."""
    inputs, outputs, last, count = read_model(path, _ends)
    try:
        return single(inputs, outputs, last, count)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def read_model(path: Path, told: Callable[[Table], T]) -> T:
    """What ``told`` makes of the file's outermost table; a file that is none, or is damaged, is one message."""
    require_file(path, f"a {SUFFIX} file", _HOW)
    data = opened(path)
    if bytes(data[4:8]) != _MAGIC:
        raise BadInput(f"{path} is not a LiteRT model: the mark TFL3 is not in it; {_HOW}")
    try:
        return told(Table(data, read_number(data, "<I", 0)))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise BadInput(
            f"{path} is a LiteRT model that is damaged or cut short; copy it again, or convert anew"
        ) from error


def _ends(model: Table) -> tuple[list[Tensor], list[Tensor], str, int]:
    graphs = model.tables(2)
    if not graphs:
        raise BadInput("there is no graph in it")
    for buffer in model.tables(4):
        buffer.bytes_end(0)
        # Of large files the constants lie behind the structure.
        if buffer.number(1, "<Q") + buffer.number(2, "<Q") > len(model.data):
            raise ValueError("its constants are cut short")
    graph = graphs[0]
    tensors, operators = graph.tables(0), graph.tables(3)
    given, made = graph.numbers(1) or [], graph.numbers(2) or []
    codes = [operator_number(code) for code in model.tables(1)]
    last = _last(operators, codes, made[0]) if made else ""
    return [_tensor(tensors[i]) for i in given], [_tensor(tensors[i]) for i in made], last, len(operators)


def operator_number(code: Table) -> int:
    """Which operator it is. Numbers above 126 have found no place in the older, smaller field."""
    old = code.number(0, "<b")
    return code.number(3, "<i") if old in (0, _OLD_CODES) else old


def _tensor(tensor: Table) -> Tensor:
    shape = tensor.numbers(7) or tensor.numbers(0) or []
    sizes = tuple(size if size > 0 else None for size in shape)
    # The runtime resizes the first axis, whatever stands there; where it cannot, it says so.
    sizes = (None, *sizes[1:]) if sizes else sizes
    return Tensor(safe(tensor.text(3)), sizes, _DTYPES.get(tensor.number(1, "<b"), "of an unusual type"))


def _last(operators: list[Table], codes: list[int], tensor: int) -> str:
    makers: dict[int, Table] = {made: operator for operator in operators for made in operator.numbers(2) or ()}
    for _ in range(_DEPTH):
        operator = makers.get(tensor)
        if operator is None:
            return ""
        code = codes[operator.number(0, "<I")]
        given = operator.numbers(1)
        if code not in _PASSING or not given:
            return _LAST.get(code, "linear")
        tensor = given[0]
    return ""
