"""What is in a ``.tflite`` file: its constants as they are stored, and which tensors a request fills."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tradeoff


def anatomy(artifact: Path, samples: int) -> tradeoff.Anatomy:
    """Count the file; sizes of results are those of an interpreter that was told the size of the batch."""
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError:
        # Older versions come without it.
        return tradeoff.Anatomy()
    model = schema.Model.GetRootAs(artifact.read_bytes(), 0)
    graphs = [model.Subgraphs(number) for number in range(model.SubgraphsLength())]
    stored = {number: _length(model.Buffers(number)) for graph in graphs for number in _buffers(graph)}
    # How often a loop runs its graph is not in the file.
    results = _results_bytes(artifact, graphs[0], stored, samples) if len(graphs) == 1 else None
    return tradeoff.Anatomy(weights_bytes=sum(stored.values()), activations_bytes=results)


def _buffers(graph: Any) -> Iterator[int]:
    for number in range(graph.TensorsLength()):
        yield graph.Tensors(number).Buffer()


def _length(buffer: Any) -> int:
    """In the file's own structure, or behind it where that would be too large."""
    return int(buffer.DataLength() or buffer.Size())


def _results_bytes(artifact: Path, graph: Any, stored: dict[int, int], samples: int) -> int:
    details = {found["index"]: found for found in _allocated(artifact, samples).get_tensor_details()}
    return sum(
        math.prod(details[number]["shape"].tolist()) * details[number]["dtype"]().itemsize
        for number in _results(graph, stored)
    )


def _results(graph: Any, stored: dict[int, int]) -> set[int]:
    """The tensors that operators fill from a request: constants that are only unpacked are none of them."""
    fixed = {number for number in range(graph.TensorsLength()) if stored[graph.Tensors(number).Buffer()]}
    found: set[int] = set()
    # Operators stand in the order in which they are run.
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        given = {operator.Inputs(place) for place in range(operator.InputsLength())} - {-1}
        made = {operator.Outputs(place) for place in range(operator.OutputsLength())} - {-1}
        if given <= fixed:
            fixed |= made
        else:
            found |= made
    return found


def _allocated(artifact: Path, samples: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # With its default delegate the graph would be one operator of tensors that nobody sees.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(artifact), experimental_op_resolver_type=plain)
    (details,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(details["index"], (samples, *details["shape"][1:].tolist()))
    interpreter.allocate_tensors()
    return interpreter
