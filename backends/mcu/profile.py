"""What a ``.tflite`` file consists of, as TFLM runs it: shapes are fixed, and each sample is a request of its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import tradeoff

from ..litert.graph import Graph, Node, Tensor
from ..litert.profile import flops, weights_by_operator
from .runner import readable

#: Bytes of one number; of types that TFLM has no kernels for there are none.
_SIZES: Final = {
    "FLOAT32": 4,
    "INT8": 1,
    "UINT8": 1,
    "BOOL": 1,
    "INT16": 2,
    "INT32": 4,
    "UINT32": 4,
    "INT64": 8,
}
_SECONDS: Final = "TFLM's kernels on this machine say nothing of a microcontroller: the model of a device tells seconds"


def anatomy(artifact: Path) -> tradeoff.Anatomy:
    """Constants as they are stored, and what operators fill for one sample; samples come one after the other."""
    graph = readable(artifact, artifact.read_bytes())
    made = {number for node in graph.work for number in node.outputs}
    sizes = [_bytes(graph.tensors[number]) for number in made]
    known = [size for size in sizes if size is not None]
    results = sum(known) if graph.graphs == 1 and len(known) == len(sizes) else None
    return tradeoff.Anatomy(weights_bytes=sum(graph.stored.values()), activations_bytes=results)


def profile(artifact: Path) -> tradeoff.Profile:
    """The operators that depend on the request, without seconds."""
    graph = readable(artifact, artifact.read_bytes())
    weights = weights_by_operator(graph)
    operators = tuple(_operator(graph, node, weights[place]) for place, node in enumerate(graph.work))
    return tradeoff.Profile(operators, source="the file, as TFLM runs it", note=_SECONDS)


def _operator(graph: Graph, node: Node, weights: int) -> tradeoff.Operator:
    sizes = [_bytes(graph.tensors[number]) for number in node.outputs]
    known = [size for size in sizes if size is not None]
    return tradeoff.Operator(
        name=graph.name(node),
        kind=node.kind,
        weights_bytes=weights,
        output_bytes=sum(known) if len(known) == len(sizes) else None,
        flops=flops(node, lambda number: graph.tensors[number].shape),
    )


def _bytes(tensor: Tensor) -> int | None:
    size = _SIZES.get(tensor.type)
    return None if size is None else size * math.prod(tensor.shape)
