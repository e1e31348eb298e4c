"""How long each operator of a ``.tflite`` file takes, by running the file up to one operator, then up to the next.

LiteRT's interpreter has a profiler that Python does not reach. A file that ends after an operator is run by the same
kernels as the whole; what one operator more adds to the time of a run is its own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Final

from .graph import Graph
from .runner import KERNELS

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: For all operators together, in seconds, where that allows for more than the fewest rounds.
_BUDGET: Final = 0.4
_ROUNDS: Final = (5, 50)
#: A single run would be lost in what a clock costs.
_AT_LEAST: Final = 50e-6
#: How often each file is made anew where they are not held.
_PASSES: Final = 4
#: As many bytes of shortened files are held at a time; above, one file is timed after the other.
_HELD: Final = 2**28
#: What it may take where operators are many and slow, in seconds.
_PATIENCE: Final = 30.0

Run = Callable[[], None]


def seconds(blob: bytes, graph: Graph, batch: Array, threads: int, kernels: str) -> tuple[list[float], str]:
    """Of each operator in ``graph.work``; or nothing, and why."""
    ends = [0, *(graph.nodes.index(node) + 1 for node in graph.work)]

    def shortened(end: int) -> Run:
        return _runs(_shortened(blob, end, _open_ends(graph, end)), batch, threads, kernels)

    try:
        turns = _turns(shortened, ends, len(blob))
    except (RuntimeError, ValueError) as error:
        return [], f"a file cut short does not run: {error}"
    if not turns:
        return [], "it would take too long to time the file operator by operator"
    # Whatever else the machine does only adds, so the least that a file ever took is nearest to what it takes alone.
    least = [min(times) for times in zip(*turns, strict=True)]
    return [max(0.0, after - before) for before, after in pairwise(least)], ""


def _turns(shortened: Callable[[int], Run], ends: Sequence[int], size: int) -> list[list[float]]:
    """How long each shortened file takes, again and again; nothing where that would take too long."""
    whole = _once(shortened(ends[-1]))
    if whole * len(ends) * _ROUNDS[0] > _PATIENCE:
        return []
    repeats = max(1, round(_AT_LEAST / whole))
    cost = whole * repeats * len(ends)
    rounds = int(min(max(_BUDGET / cost, _ROUNDS[0]), _ROUNDS[1]))
    if size * len(ends) > _HELD:
        # One at a time, and all of them several times: a machine does not keep its pace.
        return [[_least(shortened(end), repeats, rounds // _PASSES + 1) for end in ends] for _ in range(_PASSES)]
    runs = [shortened(end) for end in ends]
    # Turn by turn, so that a machine that becomes slower does so for all of them.
    return [[_timed(run, repeats) for run in runs] for _ in range(rounds)]


def _least(run: Run, repeats: int, rounds: int) -> float:
    return min(_timed(run, repeats) for _ in range(rounds))


def _once(run: Run) -> float:
    return min(_timed(run, 1) for _ in range(3))


def _timed(run: Run, repeats: int) -> float:
    begun = perf_counter()
    for _ in range(repeats):
        run()
    return (perf_counter() - begun) / repeats


def _open_ends(graph: Graph, end: int) -> list[int]:
    """What a file that ends there has to give: all that was made and not used up, or nothing of it need be computed."""
    made = {*graph.inputs, *(number for node in graph.nodes[:end] for number in node.outputs)} - graph.fixed
    used = {number for node in graph.nodes[:end] for number in node.inputs} - set(graph.outputs)
    return sorted(made - used)


def _shortened(blob: bytes, end: int, outputs: Sequence[int]) -> bytes:
    """The file with its first ``end`` operators, giving ``outputs``: two numbers are changed, and a list is added."""
    from ai_edge_litert import schema_py_generated as schema

    changed = bytearray(blob)
    table = schema.Model.GetRootAs(blob, 0).Subgraphs(0)._tab
    # The fields of a graph in the schema: outputs are the third, operators the fourth.
    struct.pack_into("<I", changed, table.Vector(table.Offset(10)) - 4, end)
    changed += bytes(-len(changed) % 4)
    field = table.Pos + table.Offset(8)
    struct.pack_into("<I", changed, field, len(changed) - field)
    changed += struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    return bytes(changed)


def _runs(blob: bytes, batch: Array, threads: int, kernels: str) -> Run:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    ready = Interpreter(
        model_content=blob, num_threads=threads, experimental_op_resolver_type=OpResolverType[KERNELS[kernels]]
    )
    (taken,) = ready.get_input_details()
    ready.resize_tensor_input(taken["index"], batch.shape)
    ready.allocate_tensors()
    ready.set_tensor(taken["index"], batch.astype(taken["dtype"]))
    ready.invoke()
    run: Run = ready.invoke
    return run
