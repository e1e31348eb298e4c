"""A TensorFlow function as one graph of constants, and what such a graph says whatever its nodes are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

#: Names, which two exports of one model may choose differently, and places, which are those of this machine.
_NAMES: Final = frozenset({"shared_name", "container", "frame_name", "tensor_array_name"})


def frozen(function: Any) -> Any:
    """The function with its variables as constants and the functions it calls put in."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(function)


def content(graph: Any, outputs: list[str]) -> str | None:
    """A digest of operations, constants and how they are joined; ``None`` where the graph is not all there is."""
    nodes = {node.name: node for node in graph.node}
    if graph.library.function:
        return None
    numbers: dict[str, int] = {}
    pending = [_source(name) for name in reversed(outputs)]
    digest = hashlib.sha256()
    # Numbered as they are reached: loops lead back to where they began.
    while pending:
        name = pending.pop()
        if name not in numbers:
            numbers[name] = len(numbers)
            pending.extend(_source(given) for given in reversed(nodes[name].input))
    for name in numbers:
        node = nodes[name]
        joined = [f"{numbers[_source(given)]}{_port(given)}" for given in node.input]
        digest.update(repr((node.op, joined)).encode())
        for part in _attributes(node):
            digest.update(part)
    digest.update(repr([f"{numbers[_source(name)]}{_port(name)}" for name in outputs]).encode())
    return digest.hexdigest()


def computing(graph: Any, outputs: list[str]) -> Any:
    """What leads to the outputs, givers before takers, without what only says that something has to come first."""
    nodes = {node.name: node for node in graph.node}
    bare = type(graph)(versions=graph.versions, library=graph.library)
    pending = [(_source(name), False) for name in reversed(outputs)]
    seen: set[str] = set()
    while pending:
        name, is_done = pending.pop()
        given = [source for source in nodes[name].input if not source.startswith("^")]
        if is_done:
            node = bare.node.add(name=name, op=nodes[name].op, input=given)
            for key in (key for key in nodes[name].attr if not key.startswith("_")):
                node.attr[key].CopyFrom(nodes[name].attr[key])
        elif name not in seen:
            seen.add(name)
            pending.append((name, True))
            pending.extend((_source(source), False) for source in reversed(given))
    return bare


def array_of(node: Any) -> Any:
    """The values of a constant."""
    import tensorflow

    return tensorflow.make_ndarray(node.attr["value"].tensor)


def _attributes(node: Any) -> Iterator[bytes]:
    for key in sorted(node.attr):
        if key.startswith("_") or key in _NAMES:
            continue
        if node.op == "Const" and key == "value":
            values = array_of(node)
            yield f"{values.dtype}{values.shape}".encode()
            # Text has no bytes of its own in an array.
            yield repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes()
        else:
            yield key.encode() + bytes(node.attr[key].SerializeToString(deterministic=True))


def _source(name: str) -> str:
    return name.lstrip("^").partition(":")[0]


def _port(name: str) -> str:
    """Which of the results, or that it only has to come first."""
    return "^" if name.startswith("^") else f":{name.partition(':')[2] or '0'}"
