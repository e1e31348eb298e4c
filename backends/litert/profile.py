"""Where a request to a ``.tflite`` file goes, operator by operator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .anatomy import allocated
from .checks import left_in_float, told_left
from .graph import Graph, Node, read_graph
from .prefixes import seconds

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

_TIMED: Final = (
    "seconds are what an operator adds to a run of all before it, with the same kernels; XNNPACK may treat a shorter "
    "file otherwise; constants are unpacked before the first request"
)
#: Which sizes of the weights make the products of one result: weights are (filters, height, width, channels),
#: (1, height, width, channels) and (units, inputs).
_PRODUCTS: Final = {"CONV_2D": (1, 4), "DEPTHWISE_CONV_2D": (1, 3), "FULLY_CONNECTED": (1, 2)}


def profile(artifact: Path, threads: int, kernels: str, batch: Array) -> tradeoff.Profile | None:
    """The operators that depend on the request; those that only unpack constants count with who uses them."""
    blob = artifact.read_bytes()
    graph = read_graph(blob)
    times, why_not = seconds(blob, graph, batch, threads, kernels)
    details = {found["index"]: found for found in allocated(artifact, len(batch)).get_tensor_details()}
    weights = weights_by_operator(graph)
    operators = tuple(
        tradeoff.Operator(
            name=graph.name(node),
            kind=node.kind,
            seconds=times[place] if times else None,
            weights_bytes=weights[place],
            output_bytes=sum(_bytes(details[number]) for number in node.outputs),
            flops=flops(node, lambda number: _shape(details[number])),
        )
        for place, node in enumerate(graph.work)
    )
    notes = (why_not or _TIMED, told_left(left_in_float(graph)))
    return tradeoff.Profile(
        operators,
        source=f"the file cut short after each operator, {kernels} kernels",
        seconds="measured" if times else "unavailable",
        note="; ".join(note for note in notes if note),
    )


def weights_by_operator(graph: Graph) -> list[int]:
    """Bytes of the constants of each operator; what several share counts at the first."""
    counted: set[int] = set()
    found = []
    for node in graph.work:
        own = {graph.tensors[number].buffer: graph.tensors[number].stored for number in _constants(graph, node)}
        found.append(sum(size for buffer, size in own.items() if buffer not in counted))
        counted.update(own)
    return found


def _constants(graph: Graph, node: Node) -> set[int]:
    """What it is given by the file, also by way of operators that only unpack."""
    found: set[int] = set()
    ahead = list(graph.fixed.intersection(node.inputs))
    while ahead:
        number = ahead.pop()
        if number not in found:
            found.add(number)
            ahead += () if graph.tensors[number].stored else graph.sources[number].inputs
    return found


def _bytes(details: Mapping[str, Any]) -> int:
    return math.prod(_shape(details)) * int(details["dtype"]().itemsize)


def _shape(details: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(details["shape"].tolist())


def flops(node: Node, shape_of: Callable[[int], tuple[int, ...]]) -> float | None:
    """Two for each product that is added up; ``None`` for operators that nobody counts in this way."""
    if node.kind not in _PRODUCTS or len(node.inputs) < 2:
        return None
    begin, end = _PRODUCTS[node.kind]
    weights = shape_of(node.inputs[1])
    return 2.0 * math.prod(shape_of(node.outputs[0])) * math.prod(weights[begin:end])
