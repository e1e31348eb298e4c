"""Where weights lie in files, byte by byte: found without any framework, for what codes the bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats import protobuf
from tradeoff.formats.flatbuffer import Table
from tradeoff.formats.keras_archive import WEIGHTS
from tradeoff.formats.onnx_contents import HOW, SUFFIX, checked_places, not_onnx, read_contents
from tradeoff.formats.plain_file import require_file
from tradeoff.formats.tflite_file import read_model
from tradeoff.text import safe
from tradeoff.vocabulary import StoredTensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TFLITE: Final = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 10: "float64",
    12: "uint64", 15: "uint32", 16: "uint16", 17: "int4", 18: "bfloat16",
}  # fmt: skip
_ONNX: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16", 21: "uint4", 22: "int4",
}  # fmt: skip
#: Of a tensor in ONNX: its elements as they lie in memory, or as floats of a list, which lie there as well.
_RAW, _FLOATS, _DOUBLES = 9, 4, 10


def tflite_weights(path: Path) -> list[StoredTensor]:
    """Of a ``.tflite`` file: the buffers that tensors have."""
    return read_model(path, _tflite)


def _tflite(model: Table) -> list[StoredTensor]:
    places = [_buffer(buffer) for buffer in model.tables(4)]
    found: dict[int, StoredTensor] = {}
    for graph in model.tables(2):
        for tensor in graph.tables(0):
            number = tensor.number(2, "<I")
            offset, size = places[number]
            if size and number not in found:
                dtype = _TFLITE.get(tensor.number(1, "<b"), "bytes")
                shape = tuple(tensor.numbers(0) or ())
                found[number] = StoredTensor(safe(tensor.text(3)), offset, size, shape, dtype)
    return list(found.values())


def _buffer(buffer: Table) -> tuple[int, int]:
    """Its bytes stand in it; or, of large files, behind everything else."""
    size = buffer.length(0, 1)
    if size:
        return buffer.bytes_end(0) - size, size
    return buffer.number(1, "<Q"), buffer.number(2, "<Q")


def onnx_weights(path: Path) -> list[StoredTensor] | None:
    """Of an ``.onnx`` file; ``None`` where weights lie in files beside it, which are no part of the artifact."""
    require_file(path, f"an {SUFFIX} file", HOW)
    if checked_places(path, read_contents(path)):
        return None
    try:
        whole = protobuf.opened(path)
        graph = protobuf.block(whole, 7)
        tensors = list(_onnx_tensors(graph)) if graph is not None else []
        return [found for tensor in tensors if (found := _onnx(tensor, whole)) is not None]
    except protobuf.Malformed as error:
        raise not_onnx(path, str(error)) from error


def _onnx_tensors(graph: memoryview) -> Iterator[memoryview]:
    """Constants beside the operators, and those that are operators."""
    yield from protobuf.blocks(graph, 5)
    for node in protobuf.blocks(graph, 1):
        for attribute in protobuf.blocks(node, 5):
            yield from protobuf.blocks(attribute, 5)


def _onnx(tensor: memoryview, whole: memoryview) -> StoredTensor | None:
    for field in (_RAW, _FLOATS, _DOUBLES):
        # Of a list that is not packed each element is a field of its own; such a tensor is left as it is.
        found = [value for number, value in protobuf.fields(tensor) if number == field and not isinstance(value, int)]
        if len(found) == 1 and len(found[0]):
            dtype = _ONNX.get(protobuf.number(tensor, 2), "bytes")
            offset = _address(found[0]) - _address(whole)
            return StoredTensor(safe(protobuf.text(tensor, 8)), offset, len(found[0]), _dims(tensor), dtype)
    return None


def _dims(tensor: memoryview) -> tuple[int, ...]:
    return tuple(value for number, value in protobuf.fields(tensor) if number == 1 and isinstance(value, int))


def _address(view: memoryview) -> int:
    import numpy as np

    return int(np.frombuffer(view, np.uint8).__array_interface__["data"][0])


def keras_weights(path: Path) -> list[StoredTensor] | None:
    """Of a ``.keras`` file: a zip that has an HDF5 file in it, not compressed; if it is, there is nothing to code."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(WEIGHTS)
            if member.compress_type != zipfile.ZIP_STORED:
                return None
            data = archive.read(member)
    except (KeyError, zipfile.BadZipFile, OSError) as error:
        raise BadInput(f"{path} is not a .keras file, or is damaged: {safe(str(error))}") from error
    with path.open("rb") as stream:
        stream.seek(member.header_offset)
        header = stream.read(30)
    begin = (
        member.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    )
    return _hdf5(data, begin)


def hdf5_weights(path: Path) -> list[StoredTensor]:
    """Of an HDF5 file: its datasets, as far as they lie in one piece."""
    require_file(path, "an .h5 file", 'model.save("my.h5") writes one')
    return _hdf5(path.read_bytes(), 0)


def _hdf5(data: bytes, begin: int) -> list[StoredTensor]:
    import h5py

    found: list[StoredTensor] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":
            offset = item.id.get_offset()
            if offset is not None and item.nbytes:
                shape = tuple(map(int, item.shape))
                found.append(StoredTensor(safe(name), begin + int(offset), int(item.nbytes), shape, item.dtype.name))

    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(visit)
    return found


def tensor_values(artifact: Path, tensor: StoredTensor) -> NDArray[np.generic]:
    """The elements of a tensor whose type NumPy knows."""
    import numpy as np

    data = ((artifact / tensor.file) if tensor.file else artifact).read_bytes()
    part = data[tensor.offset : tensor.offset + tensor.size]
    return np.frombuffer(part, tensor.dtype).reshape(tensor.shape)
