"""What a ``.onnx`` file consists of: its constants as they are stored, and what a request fills."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import tradeoff

from .session import run_profiled

#: Bits of a number, by the code that ONNX has for its type.
_BITS: Final[dict[int, int]] = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128,
    16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4,
}  # fmt: skip


def anatomy(job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
    """Count the file."""
    try:
        import onnx
    except ImportError:
        # Needed for converting alone; a file runs without it.
        return tradeoff.Anatomy()
    model = onnx.load(job.artifact, load_external_data=False)
    return tradeoff.Anatomy(
        weights_bytes=sum(map(stored_bytes, constants(model.graph))),
        activations_bytes=_results_bytes(model, job, samples),
    )


def constants(graph: Any) -> Iterator[Any]:
    """All of a graph: those beside its operators, and those that are operators."""
    yield from graph.initializer
    for node in graph.node:
        if node.op_type == "Constant":
            yield from (attribute.t for attribute in node.attribute if attribute.name == "value")


def stored_bytes(constant: Any) -> int:
    """Of one constant, wherever it lies."""
    return math.ceil(math.prod(map(int, constant.dims)) * _BITS.get(constant.data_type, 0) / 8)


def _results_bytes(model: Any, job: tradeoff.Loading, samples: int) -> int | None:
    """What the runtime itself tells, of the graph as it is written."""
    import numpy as np

    elsewhere = any(constant.data_location for constant in model.graph.initializer)
    inside = any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute)
    # Weights in other files do not come along, and how often a loop runs its graph is not in the file.
    if elsewhere or inside or model.functions:
        return None
    for number, node in enumerate(model.graph.node):
        node.name = str(number)
    wanted = {node.name for node in from_request(model.graph)}
    taken = model.graph.input[0].type.tensor_type
    rest = [size.dim_value for size in taken.shape.dim[1:]]
    if taken.elem_type != 1 or 0 in rest:
        return None
    batch = np.zeros((samples, *rest), np.float32)
    ran = run_profiled(model.SerializeToString(), {**job.parameters, "optimization": "none"}, batch, 1)
    return sum(operator.output_bytes for operator in ran if operator.name in wanted)


def from_request(graph: Any) -> list[Any]:
    """The operators that work on a request; others only unpack constants."""
    fixed = {constant.name for constant in graph.initializer} | {""}
    found = []
    for node in graph.node:
        if set(node.input) <= fixed:
            fixed |= set(node.output)
        else:
            found.append(node)
    return found
