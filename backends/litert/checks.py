"""Whether a ``.tflite`` file is what was asked for: the types of its weights and of what it computes with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import tradeoff

from .graph import Graph, Node, Tensor, read_graph

#: The type in which weights are stored, and whether they are unpacked into floats before arithmetic.
_WEIGHTS: Final = {
    "fp16": ("FLOAT16", True),
    "dynamic": ("INT8", False),
    "int4": ("INT4", False),
    "int8w": ("INT8", True),
}
#: The type of weights of so many bits.
_BITS: Final = {4: "INT4", 8: "INT8", 32: "FLOAT32"}
#: The type of all results where arithmetic is whole-numbered from end to end.
_RESULTS: Final = {"int8": "INT8", "int16x8": "INT16"}


def check(blob: bytes, precision: str, chosen: frozenset[str] = frozenset()) -> str:
    """What has to be said of a file that is as asked for: which layers were left in float32; else a refusal.

    :param chosen: for ``mixed``: the names of the results that shall be in floating point.
    """
    graph = read_graph(blob)
    if precision in _RESULTS:
        _check_results(graph, precision)
        return ""
    if precision == "mixed":
        _check_mixed(graph, chosen)
        return ""
    return _check_weights(graph, precision)


def check_widths(blob: bytes, widths: Mapping[str, int]) -> str:
    """The same where each layer has bits of its own: by the name of its result."""
    graph = read_graph(blob)
    wrong = [
        f"{graph.name(node)} ({weights.type.lower()}, wanted {widths[graph.full_name(node)]} bits)"
        for node, weights in graph.weighted()
        if weights.type != _BITS[widths[graph.full_name(node)]]
    ]
    if wrong:
        raise tradeoff.Refused("not supported by format", f"not stored in the bits that were chosen: {_few(wrong)}")
    return told_left(graph.name(node) for node, weights in graph.weighted() if weights.type == "FLOAT32")


def left_in_float(graph: Graph) -> list[str]:
    """The layers whose weights are float32, where others have other ones."""
    found = list(graph.weighted())
    left = [graph.name(node) for node, weights in found if weights.type == "FLOAT32"]
    return left if len(left) < len(found) else []


def told_left(names: Iterable[str]) -> str:
    """One line that names them, or nothing."""
    listed = _few(names)
    return f"left in float32: {listed}" if listed else ""


def _check_results(graph: Graph, precision: str) -> None:
    """Nothing but what comes in and what goes out may be float."""
    edges = {*graph.inputs, *graph.outputs}
    used = {number for node in graph.nodes for number in (*node.inputs, *node.outputs)} - edges
    left = [graph.tensors[number].name for number in sorted(used) if graph.tensors[number].is_float]
    if left:
        raise tradeoff.Refused("not supported by format", f"the converter left tensors in float: {_few(left)}")
    wide = _RESULTS[precision]
    other = [graph.name(node) for node, _ in graph.weighted() if graph.tensors[graph.data(node)].type != wide]
    if other:
        raise tradeoff.Refused("not supported by format", f"these do not compute in {wide.lower()}: {_few(other)}")


def _check_weights(graph: Graph, precision: str) -> str:
    kind, unpacked = _WEIGHTS[precision]
    found = list(graph.weighted())
    if not found:
        raise tradeoff.Refused("not supported by format", f"there are no weights that {precision} could make smaller")
    wrong = [
        graph.name(node)
        for node, weights in found
        if graph.tensors[graph.data(node)].type != "FLOAT32"
        or (weights.type != "FLOAT32" and (weights.type != kind or graph.unpacked(node) != unpacked))
    ]
    if wrong:
        raise tradeoff.Refused("not supported by format", f"not stored as {precision} asks for: {_few(wrong)}")
    left = [(node, weights) for node, weights in found if weights.type == "FLOAT32"]
    if len(left) == len(found):
        raise tradeoff.Refused(
            "not supported by format",
            f"nothing became {precision}, the file would be float32: the converter leaves out "
            f"{_few(_sized(graph, left))}",
        )
    return told_left(graph.name(node) for node, _ in left)


def _sized(graph: Graph, left: Iterable[tuple[Node, Tensor]]) -> list[str]:
    return [f"{graph.name(node)} ({node.kind}, {weights.stored} bytes)" for node, weights in left]


def _check_mixed(graph: Graph, chosen: frozenset[str]) -> None:
    found = list(graph.weighted())
    wrong = [
        graph.name(node)
        for node, weights in found
        if _is_float(graph, node, weights) != (graph.full_name(node) in chosen)
    ]
    if wrong:
        raise tradeoff.Refused("not supported by format", f"neither wholly int8 nor wholly float32: {_few(wrong)}")


def _is_float(graph: Graph, node: Node, weights: Tensor) -> bool | None:
    """``None`` for what is neither."""
    kinds = {weights.type, graph.tensors[graph.data(node)].type, graph.tensors[node.outputs[0]].type}
    return {frozenset({"FLOAT32"}): True, frozenset({"INT8"}): False}.get(frozenset(kinds))


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more
