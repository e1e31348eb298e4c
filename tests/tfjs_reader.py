"""A reader of TensorFlow.js graph models that shares nothing with the writer: files to a TensorFlow function again."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np


def function_of(folder: Path) -> Any:
    """What the files compute, as a function of one tensor."""
    import tensorflow
    from google.protobuf.json_format import ParseDict

    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert model["format"] == "graph-model"
    graph = ParseDict(model["modelTopology"], tensorflow.compat.v1.GraphDef())
    weights = weights_of(folder)
    for node in graph.node:
        if node.op == "Const":
            wanted = tensorflow.as_dtype(node.attr["dtype"].type).as_numpy_dtype
            node.attr["value"].tensor.CopyFrom(tensorflow.make_tensor_proto(weights.pop(node.name).astype(wanted)))
    assert not weights
    (taken,), (given,) = model["signature"]["inputs"].values(), model["signature"]["outputs"].values()
    imported = tensorflow.compat.v1.wrap_function(
        lambda: tensorflow.compat.v1.import_graph_def(graph, name=""), signature=[]
    )
    find = imported.graph.as_graph_element
    return imported.prune(find(taken["name"]), find(given["name"]))


def weights_of(folder: Path) -> dict[str, Any]:
    """Every weight as the browser would have it: wide again."""
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    found, place = {}, 0
    (group,) = model["weightsManifest"]
    blob = b"".join((folder / path).read_bytes() for path in group["paths"])
    for entry in group["weights"]:
        how = entry.get("quantization", {})
        stored = np.dtype(how.get("dtype", entry["dtype"])).newbyteorder("<")
        count = math.prod(entry["shape"])
        values = np.frombuffer(blob, stored, count, place).reshape(entry["shape"])
        place += values.nbytes
        if "scale" in how:
            values = values.astype(np.float64) * how["scale"] + how["min"]
        found[entry["name"]] = values.astype(entry["dtype"])
    assert place == len(blob)
    return found
