"""What the tests of TFLM share: the backend, and files that are changed on purpose."""

from __future__ import annotations

import struct
from pathlib import Path

import tradeoff
from tradeoff.backends.litert.graph import read_graph, schema_of_tflite
from tradeoff.backends.mcu.backend import ANY, MCUBackend

BACKEND = MCUBackend()


def loading(artifact: Path) -> tradeoff.Loading:
    """An order to load ``artifact``."""
    return tradeoff.Loading(artifact, {}, ANY)


def with_scale(blob: bytes, kind: str, scale: float) -> bytes:
    """The file with another scale for what its first operator of that kind gives."""
    nodes = read_graph(blob).nodes
    (number,) = next(node.outputs for node in nodes if node.kind == kind)
    quantization = schema_of_tflite().Model.GetRootAs(blob, 0).Subgraphs(0).Tensors(number).Quantization()
    # The third field of its table is the list of scales.
    place = quantization._tab.Vector(quantization._tab.Offset(8))
    changed = bytearray(blob)
    struct.pack_into("<f", changed, place, scale)
    return bytes(changed)
