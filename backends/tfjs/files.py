"""The files of a TensorFlow.js graph model: ``model.json`` says what is computed, binary shards hold the weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from ..tensorflow_graph import array_of

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

    from .graph import Graph

MODEL: Final = "model.json"
#: Browsers keep files of up to 4 MiB in their caches, so that is how TensorFlow.js cuts weights.
_SHARD: Final = 4 * 1024**2
#: TensorFlow.js knows no wider numbers.
_NARROWED: Final[Mapping[str, str]] = {"int64": "int32", "float64": "float32"}
_STORED: Final = frozenset({"float32", "int32", "bool"})


def write(graph: Graph, precision: str, folder: Path) -> Path:
    """Write the folder: the same graph and precision give the same bytes."""
    import tensorflow
    from google.protobuf.json_format import MessageToDict

    entries, blob = _weights(graph.definition, precision)
    shards = [blob[start : start + _SHARD] for start in range(0, len(blob), _SHARD)] or [b""]
    paths = [f"group1-shard{number}of{len(shards)}.bin" for number in range(1, len(shards) + 1)]
    (taken, source), (made, target) = graph.inputs, graph.outputs
    model = {
        "format": "graph-model",
        "generatedBy": tensorflow.__version__,
        "convertedBy": "tradeoff",
        "signature": {"inputs": {taken: _tensor(source)}, "outputs": {made: _tensor(target)}},
        "modelTopology": MessageToDict(_without_values(graph.definition)),
        "weightsManifest": [{"paths": paths, "weights": entries}],
    }
    folder.mkdir()
    (folder / MODEL).write_text(json.dumps(model, sort_keys=True, separators=(",", ":")), encoding="utf-8")
    for path, shard in zip(paths, shards, strict=True):
        (folder / path).write_bytes(shard)
    return folder


def _weights(definition: Any, precision: str) -> tuple[list[dict[str, Any]], bytes]:
    entries, parts = [], []
    for node in definition.node:
        if node.op == "Const":
            entry, values = _stored(node.name, array_of(node), precision)
            entries.append(entry)
            parts.append(values.tobytes())
    return entries, b"".join(parts)


def _stored(name: str, values: Array, precision: str) -> tuple[dict[str, Any], Array]:
    """How a constant is described, and what is written of it, little end first."""
    import numpy as np

    wanted = _NARROWED.get(str(values.dtype), str(values.dtype))
    if wanted not in _STORED:
        raise tradeoff.Refused("not supported by format", f"TensorFlow.js has no {values.dtype}, as {name} is")
    narrow = values.astype(wanted)
    if wanted == "int32" and not np.array_equal(narrow, values):
        raise tradeoff.Refused("not supported by format", f"TensorFlow.js has no int64, which {name} needs")
    entry: dict[str, Any] = {"name": name, "shape": list(values.shape), "dtype": wanted}
    # A single number is mostly no weight, and narrowing it saves three bytes.
    if precision in NARROW and wanted == "float32" and values.ndim:
        how, narrow = NARROW[precision](name, narrow)
        entry["quantization"] = {**how, "original_dtype": wanted}
    return entry, narrow.astype(narrow.dtype.newbyteorder("<"))


def _in_float16(name: str, values: Array) -> tuple[dict[str, Any], Array]:
    import numpy as np

    if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
        raise tradeoff.Refused("not supported by format", f"{name} has values too large for float16")
    return {"dtype": "float16"}, values.astype(np.float16)


def _in_uint8(name: str, values: Array) -> tuple[dict[str, Any], Array]:
    """Each tensor has its own 256 steps, of which one is zero: what is left out must stay out."""
    import numpy as np

    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if not np.isfinite(high - low):
        raise tradeoff.Refused("not supported by format", f"{name} has values that are not finite")
    scale = (high - low) / 255 or 1.0
    zero = round(-low / scale)
    steps = np.clip(np.round(values.astype(np.float64) / scale) + zero, 0, 255)
    return {"dtype": "uint8", "min": -zero * scale, "scale": scale}, steps.astype(np.uint8)


#: How each precision that is not float32 is written.
NARROW: Final[Mapping[str, Callable[[str, Any], tuple[dict[str, Any], Any]]]] = {
    "fp16": _in_float16,
    "int8w": _in_uint8,
}


def _without_values(definition: Any) -> Any:
    """The graph with its constants taken out; their types stay, as tensors without content."""
    bare = type(definition)()
    bare.CopyFrom(definition)
    for node in bare.node:
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            kind, shape = tensor.dtype, type(tensor.tensor_shape)()
            shape.CopyFrom(tensor.tensor_shape)
            tensor.Clear()
            tensor.dtype = kind
            tensor.tensor_shape.CopyFrom(shape)
    return bare


def _tensor(tensor: Any) -> dict[str, Any]:
    sizes = [{"size": str(-1 if size is None else size)} for size in tensor.shape.as_list()]
    return {"name": tensor.name, "dtype": _type_name(tensor.dtype.as_datatype_enum), "tensorShape": {"dim": sizes}}


def _type_name(number: int) -> str:
    from tensorflow.core.framework import types_pb2

    name: str = types_pb2.DataType.Name(number)
    return name
