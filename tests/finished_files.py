"""Finished artifacts made by hand: an ONNX file, a SavedModel and a LiteRT model, without any framework."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# --- protocol buffers -------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    value %= 2**64
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A message of numbered fields."""
    whole = b""
    for number, value in fields:
        if isinstance(value, int):
            whole += varint(number << 3) + varint(value)
            continue
        block = value.encode() if isinstance(value, str) else value
        whole += varint(number << 3 | 2) + varint(len(block)) + block
    return whole


def onnx_value(name: str, shape: tuple[int | str, ...], dtype: int = 1) -> bytes:
    sizes = [(1, message((1, size) if isinstance(size, int) else (2, size))) for size in shape]
    return message((1, name), (2, message((1, message((1, dtype), (2, message(*sizes)))))))


def onnx_node(operation: str, given: list[str], made: str, *attributes: bytes) -> bytes:
    return message(*((1, name) for name in given), (2, made), (4, operation), *((5, a) for a in attributes))


def onnx_weights(name: str, location: str = "") -> bytes:
    beside = [(13, message((1, "location"), (2, location))), (14, 1)] if location else [(9, bytes(16))]
    return message((1, 4), (2, 1), (8, name), *beside)


def onnx_model(
    shape: tuple[int | str, ...] = ("n", 4), last: str = "Softmax", classes: int = 3, dtype: int = 1, location: str = ""
) -> bytes:
    """``x`` times ``w``, and one operation more."""
    graph = message(
        (1, onnx_node("MatMul", ["x", "w"], "z")),
        (1, onnx_node(last, ["z"], "y")),
        (5, onnx_weights("w", location)),
        (11, onnx_value("x", shape, dtype)),
        (11, onnx_value("w", (4, classes))),
        (12, onnx_value("y", (shape[0], classes))),
    )
    return message((1, 9), (7, graph), (8, message((2, 17))))


def write_onnx(path: Path, **how: Any) -> Path:
    path.write_bytes(onnx_model(**how))
    return path


# --- SavedModel -------------------------------------------------------------------------------------


def node(name: str, operation: str, inputs: tuple[str, ...] = (), call: str = "") -> bytes:
    called = [(5, message((1, "f"), (2, message((10, message((1, call)))))))] if call else []
    return message((1, name), (2, operation), *((3, given) for given in inputs), *called)


def function(name: str, *operations: str) -> bytes:
    nodes = [(3, node(f"n{place}", operation)) for place, operation in enumerate(operations)]
    return message((1, message((1, name))), *nodes)


def tensor_info(name: str, shape: tuple[int, ...], dtype: int = 1) -> bytes:
    return message((1, name), (2, dtype), (3, message(*((2, message((1, size))) for size in shape))))


def write_saved_model(
    folder: Path,
    *served: str,
    shape: tuple[int, ...] = (-1, 4),
    signature: str = "serving_default",
    initialised: str = "NoOp",
) -> Path:
    """One signature that calls a function with the operations ``served``, beside what saves and restores variables.

    :param initialised: what a function does that a table or a variable of the model has when it is loaded.
    """
    library = message(
        (1, function("serve", *(served or ("MatMul", "Softmax")))),
        (1, function("save", "ShardedFilename", "SaveV2", "MergeV2Checkpoints")),
        (1, function("restore", "RestoreV2", "AssignVariableOp")),
        (1, function("initialise", initialised)),
    )
    graph = message(
        (1, node("x", "Placeholder")),
        (1, node("call", "StatefulPartitionedCall", ("x",), "serve")),
        (1, node("saver_filename", "Placeholder")),
        (1, node("call_1", "StatefulPartitionedCall", ("saver_filename",), "save")),
        (1, node("call_2", "StatefulPartitionedCall", ("saver_filename",), "restore")),
        (2, library),
    )
    ends = message(
        (1, message((1, "x"), (2, tensor_info("x:0", shape)))),
        (2, message((1, "y"), (2, tensor_info("call:0", (-1, 3))))),
    )
    meta = message(
        (2, graph),
        (3, message((1, "saver_filename:0"), (2, "call_1:0"), (3, "call_2"))),
        (5, message((1, signature), (2, ends))),
        (7, message((2, message((1, "initialise"), (2, b""))))),
    )
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(message((1, 1), (2, meta)))
    (folder / "variables").mkdir()
    (folder / "variables" / "variables.index").write_bytes(b"numbers")
    return folder


# --- flatbuffers ------------------------------------------------------------------------------------


@dataclass
class Flat:
    """A table of a flatbuffer: numbers by layout, vectors, texts and further tables, by field."""

    fields: dict[int, Any] = field(default_factory=dict)


def flatbuffer(root: Flat, mark: bytes = b"TFL3") -> bytes:
    """The bytes: whatever a table points at stands behind it."""
    whole = bytearray(struct.pack("<I4s", 0, mark))

    def put(value: Any) -> int:
        if isinstance(value, Flat):
            return put_table(value)
        place = len(whole)
        if isinstance(value, str | bytes):
            block = value.encode() if isinstance(value, str) else value
            whole.extend(struct.pack("<I", len(block)) + block + bytes(4 - len(block) % 4))
        elif value and isinstance(value[0], Flat):
            whole.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
            for number, item in enumerate(value):
                spot = place + 4 + 4 * number
                struct.pack_into("<I", whole, spot, put(item) - spot)
        else:
            whole.extend(struct.pack(f"<I{len(value)}i", len(value), *value))
        return place

    def put_table(table: Flat) -> int:
        count = max(table.fields, default=-1) + 1
        vtable = len(whole)
        whole.extend(struct.pack("<HH", 4 + 2 * count, 4 + 8 * count) + bytes(2 * count))
        place = len(whole)
        whole.extend(struct.pack("<i", place - vtable) + bytes(8 * count))
        for number, value in table.fields.items():
            spot = place + 4 + 8 * number
            struct.pack_into("<H", whole, vtable + 4 + 2 * number, spot - place)
            if isinstance(value, tuple):
                struct.pack_into(value[0], whole, spot, value[1])
            else:
                struct.pack_into("<I", whole, spot, put(value) - spot)
        return place

    struct.pack_into("<I", whole, 0, put(root))
    return bytes(whole)


def tflite_tensor(name: str, shape: list[int], kind: int = 0, signature: list[int] | None = None) -> Flat:
    return Flat({0: shape, 1: ("<b", kind), 2: ("<I", 1), 3: name} | ({7: signature} if signature else {}))


def tflite_model(
    shape: list[int] | None = None, last: int = 25, kind: int = 0, inputs: list[int] | None = None
) -> bytes:
    """A dense layer and one operation more."""
    tensors = [
        tflite_tensor("x", shape or [1, 4], kind),
        tflite_tensor("z", [1, 3], kind, [-1, 3]),
        tflite_tensor("y", [1, 3], kind, [-1, 3]),
    ]
    operators = [Flat({0: ("<I", 0), 1: [0], 2: [1]}), Flat({0: ("<I", 1), 1: [1], 2: [2]})]
    graph = Flat({0: tensors, 1: inputs or [0], 2: [2], 3: operators})
    codes = [Flat({0: ("<b", 9), 3: ("<i", 9)}), Flat({0: ("<b", min(last, 127)), 3: ("<i", last)})]
    return flatbuffer(Flat({0: ("<I", 3), 1: codes, 2: [graph], 4: [Flat(), Flat({0: bytes(64)})]}))


def write_tflite(path: Path, **how: Any) -> Path:
    path.write_bytes(tflite_model(**how))
    return path
