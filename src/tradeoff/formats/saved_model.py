"""Reading a SavedModel folder without TensorFlow: its signature, and operations that do more than compute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.fingerprint import files_in
from tradeoff.formats import protobuf
from tradeoff.formats.plain_file import is_folder, require_file
from tradeoff.formats.signature import Signature, Tensor, single
from tradeoff.text import safe

#: How backends name what they read; the folder's own name has no ending.
ENDING: Final = "saved_model"
GRAPH: Final = "saved_model.pb"
_HOW: Final = 'in Keras 3, model.export("my_folder") writes one'
_SERVED: Final = ("serving_default", "serve")
#: As TensorFlow numbers them.
_DTYPES: Final = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "text", 9: "int64", 10: "bool",
    14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
#: Operations that run Python, and those that read, write or list files, or speak to other machines.
_HARMFUL: Final = re.compile(
    r"""(?ix) py_?func | file | reader (?!_)| dataset | iterator | summary | debug | sql | lmdb | ^rpc | dump
    | ^print | ^import | ^remote | ^_?(send|recv|host(send|recv)) | collective | ^(de|en)codeproto | ^immutableconst$
    | ^loadandremap | ^generatevocab | ^tensorrt | ^trt | ^tpu | ^xlahost | ^configure | ^custom"""
)
#: How every SavedModel writes and reads its own variables. Harmless only where no request and no loading reaches it.
_CHECKPOINT: Final = re.compile(r"(?i)^(save|restore|mergev2checkpoints|shardedfilename)")


@dataclass
class _Graph:
    """Nodes of the outer graph and of its functions: name to operation, inputs and functions called."""

    nodes: dict[str, _Node] = field(default_factory=dict)
    functions: dict[str, list[_Node]] = field(default_factory=dict)

    def everything(self) -> list[_Node]:
        """The nodes of all of them."""
        return [*self.nodes.values(), *(node for nodes in self.functions.values() for node in nodes)]


@dataclass(frozen=True)
class _Node:
    name: str
    operation: str
    inputs: tuple[str, ...]
    calls: tuple[str, ...]


def parts(folder: Path) -> dict[str, Path]:
    """All files of the folder by their relative names; links and special files are refused."""
    try:
        found = files_in(folder)
    except (ValueError, OSError) as error:
        raise BadInput(f"{folder} cannot be taken: {error}; copy what it stands for into the folder") from error
    if GRAPH not in found:
        text = ", written as text," if f"{GRAPH}txt" in found else ""
        raise BadInput(f"{folder} is a folder without {GRAPH}, so it is no SavedModel{text} that is taken; {_HOW}")
    return found


def read_saved_model(folder: Path, allow_code: bool = False) -> Signature:
    """What goes in and what comes out; operations that do more than compute are refused unless allowed."""
    if not is_folder(folder):
        require_file(folder, "a SavedModel folder", _HOW)
        raise BadInput(f"{folder} is a file; name the folder that {GRAPH} lies in")
    parts(folder)
    require_file(folder / GRAPH, "a SavedModel folder", _HOW)
    try:
        metas = list(protobuf.blocks(protobuf.opened(folder / GRAPH), 2))
        graphs = [_graph(protobuf.block(meta, 2) or memoryview(b"")) for meta in metas]
        inputs, outputs = _signature(folder, metas)
        pairs = [] if allow_code else zip(metas, graphs, strict=True)
        found = sorted({told for meta, graph in pairs for told in _harm(meta, graph)})
    except protobuf.Malformed as error:
        raise BadInput(f"{folder / GRAPH} is not a SavedModel's, or is cut short: {error}; copy it again") from error
    if found:
        raise BadInput(
            f"{folder} has operations that do more than compute: {', '.join(found[:5])}. Running it could "
            "execute code, or read and write files, with all your rights. If you trust where it comes from, say "
            "--tradeoff-allow-code"
        )
    try:
        return single(inputs, outputs, "", sum(len(graph.everything()) for graph in graphs))
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from error


# --- the signature ----------------------------------------------------------------------------------


def _signature(folder: Path, metas: list[memoryview]) -> tuple[list[Tensor], list[Tensor]]:
    known = {name: entry for meta in metas for name, entry in protobuf.mapped(meta, 5).items()}
    name: str | None = next((name for name in _SERVED if name in known), None)
    if name is None:
        others = [name for name in known if not name.startswith("__")]
        if len(others) != 1:
            raise BadInput(
                f"{folder} has {len(others)} signatures ({', '.join(map(safe, others[:5])) or 'none'}); one of them "
                f"must be called {_SERVED[0]}: {_HOW}"
            )
        name = others[0]
    found = known[name]
    inputs = [_tensor(said, info) for said, info in protobuf.mapped(found, 1).items()]
    outputs = [_tensor(said, info) for said, info in protobuf.mapped(found, 2).items()]
    return inputs, outputs


def _tensor(name: str, info: memoryview) -> Tensor:
    shape = protobuf.block(info, 3)
    open_rank = shape is None or protobuf.number(shape, 3)
    sizes = [protobuf.number(size, 1) for size in protobuf.blocks(shape, 2)] if shape is not None else []
    plain = None if open_rank else tuple(size if size > 0 else None for size in sizes)
    return Tensor(safe(name), plain, _DTYPES.get(protobuf.number(info, 2), "of an unusual type"))


# --- what it does -----------------------------------------------------------------------------------


def _graph(definition: memoryview) -> _Graph:
    graph = _Graph({node.name: node for node in map(_node, protobuf.blocks(definition, 1))})
    for library in protobuf.blocks(definition, 2):
        for function in protobuf.blocks(library, 1):
            signature = protobuf.block(function, 1)
            name = protobuf.text(signature, 1) if signature is not None else ""
            graph.functions[name] = [_node(node) for node in protobuf.blocks(function, 3)]
    return graph


def _node(definition: memoryview) -> _Node:
    inputs = tuple(protobuf.decoded(name).lstrip("^").partition(":")[0] for name in protobuf.blocks(definition, 3))
    calls = tuple(name for value in protobuf.mapped(definition, 5).values() for name in _called(value))
    return _Node(protobuf.text(definition, 1), protobuf.text(definition, 2), inputs, calls)


def _called(attribute: memoryview) -> Iterator[str]:
    for function in protobuf.blocks(attribute, 10):
        yield protobuf.text(function, 1)
    for several in protobuf.blocks(attribute, 1):
        for function in protobuf.blocks(several, 9):
            yield protobuf.text(function, 1)


def _harm(meta: memoryview, graph: _Graph) -> Iterator[str]:
    reached = {id(node) for node in _reached(meta, graph)}
    for node in graph.everything():
        keeping = _CHECKPOINT.search(node.operation)
        if id(node) in reached if keeping else _HARMFUL.search(node.operation):
            yield safe(node.operation)


def _reached(meta: memoryview, graph: _Graph) -> Iterator[_Node]:
    """What loading or a request may run: everything but what only saving and restoring lead to."""
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


def _cone(graph: _Graph, ends: list[str]) -> set[str]:
    """Nodes of the outer graph that lead to the ends, these included."""
    pending, seen = list(ends), set[str]()
    while pending:
        name = pending.pop()
        if name in graph.nodes and name not in seen:
            seen.add(name)
            pending += graph.nodes[name].inputs
    return seen
