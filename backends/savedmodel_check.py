"""What a SavedModel would do beside computing, found by reading it: TensorFlow runs whatever a graph says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import tradeoff
from tradeoff.formats import keras_files

GRAPH: Final = "saved_model.pb"
#: Operations that call Python, that read, write or list files, or that speak to other machines.
_HARMFUL: Final = re.compile(
    r"(?i) py_?func | file | reader | dataset | iterator | summary | debug | sql | lmdb | rpc | dump | customcall"
    r" | ^ (print | import | remote | _?(host)?(send | recv) | collective | immutableconst | loadandremap"
    r" | generatevocab | (de | en)codeproto | tensorrt | trt | tpu | xla | configure)",
    re.VERBOSE,
)
#: What only the writing and the reading of its own variables may use.
_CHECKPOINT: Final = re.compile(r"(?i)^(save|restore|mergev2checkpoints|shardedfilename)")


def check_saved_model(folder: Path) -> None:
    """Raise for what is no SavedModel, and for one that does more than compute, unless its user allowed code."""
    metas = _read(folder).meta_graphs
    if keras_files.code_is_permitted():
        return
    found = sorted({name for meta in metas for name in _harm(meta)})
    if found:
        raise tradeoff.BadInput(
            f"{folder} has operations that do more than compute: {', '.join(found[:5])}. Running it could execute "
            "code, or read and write files, with all your rights. If you trust where it comes from, say "
            "--tradeoff-allow-code"
        )


def _read(folder: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    if not (folder / GRAPH).is_file():
        raise tradeoff.BadInput(f"{folder} has no {GRAPH} in it, so it is not a SavedModel; model.export() writes one")
    model = SavedModel()
    try:
        model.ParseFromString((folder / GRAPH).read_bytes())
    except DecodeError as error:
        raise tradeoff.BadInput(f"{folder / GRAPH} is not a SavedModel's graph, or is cut short: {error}") from error
    if not model.meta_graphs:
        raise tradeoff.BadInput(f"{folder / GRAPH} holds no graph; export the model again")
    return model


def _harm(meta: Any) -> Iterator[str]:
    functions = {function.signature.name: function.node_def for function in meta.graph_def.library.function}
    everything = itertools.chain(meta.graph_def.node, *functions.values())
    yield from (node.op for node in everything if _HARMFUL.search(node.op) and not _CHECKPOINT.search(node.op))
    yield from (node.op for node in _reached(meta, functions) if _CHECKPOINT.search(node.op))


def _reached(meta: Any, functions: Mapping[str, Any]) -> Iterator[Any]:
    """What a request or a table being filled may run: what only saving and restoring call is not among it."""
    outer = _leading_to(
        meta.graph_def, (end.name for served in meta.signature_def.values() for end in served.outputs.values())
    )
    yield from outer
    pending = [*meta.object_graph_def.concrete_functions, *(name for node in outer for name in _called(node))]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            yield from functions.get(name, ())
            pending.extend(name for node in functions.get(name, ()) for name in _called(node))


def _leading_to(graph: Any, ends: Iterable[str]) -> list[Any]:
    nodes = {node.name: node for node in graph.node}
    pending, found = list(ends), dict[str, Any]()
    while pending:
        name = pending.pop().lstrip("^").partition(":")[0]
        if name in nodes and name not in found:
            found[name] = nodes[name]
            pending.extend(nodes[name].input)
    return list(found.values())


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        yield from (function.name for function in (value.func, *value.list.func) if function.name)
