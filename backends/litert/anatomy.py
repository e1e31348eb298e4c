"""What is in a ``.tflite`` file: its constants as they are stored, and which tensors a request fills."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import tradeoff

from .graph import Graph, read_graph


def anatomy(artifact: Path, samples: int) -> tradeoff.Anatomy:
    """Count the file; sizes of results are those of an interpreter that was told the size of the batch."""
    try:
        graph = read_graph(artifact.read_bytes())
    except ImportError:
        # Older versions of LiteRT come without the schema.
        return tradeoff.Anatomy()
    # How often a loop runs its graph is not in the file.
    results = _results_bytes(artifact, graph, samples) if graph.graphs == 1 else None
    return tradeoff.Anatomy(weights_bytes=sum(graph.stored.values()), activations_bytes=results)


def allocated(artifact: Path, samples: int) -> Any:
    """An interpreter that tells of every tensor, for requests of so many samples."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # With its default delegate the graph would be one operator of tensors that nobody sees.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(artifact), experimental_op_resolver_type=plain)
    (details,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(details["index"], (samples, *details["shape"][1:].tolist()))
    interpreter.allocate_tensors()
    return interpreter


def _results_bytes(artifact: Path, graph: Graph, samples: int) -> int:
    """Of the tensors that operators fill from a request: constants that are only unpacked are none of them."""
    details = {found["index"]: found for found in allocated(artifact, samples).get_tensor_details()}
    made = {number for node in graph.work for number in node.outputs}
    return sum(math.prod(details[number]["shape"].tolist()) * details[number]["dtype"]().itemsize for number in made)
