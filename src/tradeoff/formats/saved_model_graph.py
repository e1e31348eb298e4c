"""What a SavedModel would do beside computing, found by reading it: TensorFlow runs whatever a graph says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.formats import protobuf
from tradeoff.formats.plain_file import require_file
from tradeoff.text import safe

GRAPH: Final = "saved_model.pb"
HOW: Final = 'in Keras 3, model.export("my_folder") writes one'
#: Operations that call Python, that read, write or list files, or that speak to other machines.
_HARMFUL: Final = re.compile(
    r"(?i) py_?func | file | reader | dataset | iterator | summary | debug | sql | lmdb | rpc | dump | customcall"
    r" | ^ (print | import | remote | _?(host)?(send | recv) | collective | immutableconst | loadandremap"
    r" | generatevocab | (de | en)codeproto | tensorrt | trt | tpu | xla | configure | custom)",
    re.VERBOSE,
)
#: How every SavedModel writes and reads its own variables. Harmless only where no request and no loading reaches it.
_CHECKPOINT: Final = re.compile(r"(?i)^(save|restore|mergev2checkpoints|shardedfilename)")


@dataclass(frozen=True)
class Node:
    """One operation: its inputs by name, and the functions that it calls."""

    name: str
    operation: str
    inputs: tuple[str, ...]
    calls: tuple[str, ...]


@dataclass
class Graph:
    """Nodes of the outer graph, and of its functions.

    :param meta: the message that it was read from.
    """

    meta: memoryview
    nodes: dict[str, Node] = field(default_factory=dict)
    functions: dict[str, list[Node]] = field(default_factory=dict)

    def everything(self) -> list[Node]:
        """The nodes of all of them."""
        return [*self.nodes.values(), *(node for nodes in self.functions.values() for node in nodes)]


def read_graphs(folder: Path) -> list[Graph]:
    """The graphs in the folder; what is no SavedModel is refused."""
    path = folder / GRAPH
    if not path.exists():
        raise BadInput(f"{folder} has no {GRAPH} in it, so it is no SavedModel; {HOW}")
    require_file(path, "a SavedModel folder", HOW)
    try:
        found = [_graph(meta) for meta in protobuf.blocks(protobuf.opened(path), 2)]
    except protobuf.Malformed as error:
        raise malformed(folder, error) from error
    if not found:
        raise BadInput(f"{path} holds no graph; export the model again: {HOW}")
    return found


def malformed(folder: Path, error: protobuf.Malformed) -> BadInput:
    """Of a graph that is none, or half a one."""
    return BadInput(f"{folder / GRAPH} is not a SavedModel's, or is cut short: {error}; copy it again")


def refuse_harm(folder: Path, graphs: list[Graph]) -> None:
    """Raise for graphs that do more than compute."""
    try:
        found = sorted({told for graph in graphs for told in _harm(graph)})
    except protobuf.Malformed as error:
        raise malformed(folder, error) from error
    if found:
        raise BadInput(
            f"{folder} has operations that do more than compute: {', '.join(found[:5])}. Running it could "
            "execute code, or read and write files, with all your rights. If you trust where it comes from, say "
            "--tradeoff-allow-code"
        )


def _graph(meta: memoryview) -> Graph:
    definition = protobuf.block(meta, 2) or memoryview(b"")
    graph = Graph(meta, {node.name: node for node in map(_node, protobuf.blocks(definition, 1))})
    for library in protobuf.blocks(definition, 2):
        for function in protobuf.blocks(library, 1):
            signature = protobuf.block(function, 1)
            name = protobuf.text(signature, 1) if signature is not None else ""
            graph.functions[name] = [_node(node) for node in protobuf.blocks(function, 3)]
    return graph


def _node(definition: memoryview) -> Node:
    inputs = tuple(protobuf.decoded(name).lstrip("^").partition(":")[0] for name in protobuf.blocks(definition, 3))
    calls = tuple(name for value in protobuf.mapped(definition, 5).values() for name in _called(value))
    return Node(protobuf.text(definition, 1), protobuf.text(definition, 2), inputs, calls)


def _called(attribute: memoryview) -> Iterator[str]:
    for function in protobuf.blocks(attribute, 10):
        yield protobuf.text(function, 1)
    for several in protobuf.blocks(attribute, 1):
        for function in protobuf.blocks(several, 9):
            yield protobuf.text(function, 1)


def _harm(graph: Graph) -> Iterator[str]:
    reached = {id(node) for node in _reached(graph)}
    for node in graph.everything():
        keeping = _CHECKPOINT.search(node.operation)
        if id(node) in reached if keeping else _HARMFUL.search(node.operation):
            yield safe(node.operation)


def _reached(graph: Graph) -> Iterator[Node]:
    """What loading or a request may run: everything but what only saving and restoring lead to."""
    meta = graph.meta
    saver = protobuf.block(meta, 3)
    ends = [protobuf.text(saver, number).partition(":")[0] for number in (1, 2, 3)] if saver is not None else []
    served = [
        protobuf.text(info, 1).partition(":")[0]
        for signature in protobuf.mapped(meta, 5).values()
        for info in protobuf.mapped(signature, 2).values()
    ]
    saving = _cone(graph, ends)
    outer = _cone(graph, [*(name for name in graph.nodes if name not in saving), *served])
    pending = [call for name in outer for call in graph.nodes[name].calls]
    objects = protobuf.block(meta, 7)
    pending += protobuf.mapped(objects, 2) if objects is not None else []
    yield from (graph.nodes[name] for name in outer)
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name not in graph.functions:
            continue
        seen.add(name)
        yield from graph.functions[name]
        pending += [call for node in graph.functions[name] for call in node.calls]


def _cone(graph: Graph, ends: list[str]) -> set[str]:
    """Nodes of the outer graph that lead to the ends, these included."""
    pending, seen = list(ends), set[str]()
    while pending:
        name = pending.pop()
        if name in graph.nodes and name not in seen:
            seen.add(name)
            pending += graph.nodes[name].inputs
    return seen
