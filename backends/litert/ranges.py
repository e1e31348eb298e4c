"""Learnt ranges of layers' results as those of the tensors in a ``.tflite`` file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tradeoff

from .convert import made_by, mark_of
from .graph import Graph

if TYPE_CHECKING:
    from tradeoff.vocabulary import Ranges


def tensor_ranges(graph: Graph, marked: Graph, ranges: Ranges, model: Any) -> dict[str, tuple[float, float]]:
    """The ranges by tensor; a layer that was joined with others has none of its own, and what is missing is calibrated.

    :param graph: of the file that is quantized.
    :param marked: the same with names that tell layers, which would be a good part of a small file.
    :param model: the Keras model that both were made of.
    """
    by_mark = {mark_of(name): edges for name, edges in ranges.items()}
    found = {graph.tensors[number].name: ranges[tradeoff.INPUT] for number in graph.inputs if tradeoff.INPUT in ranges}
    for node, told in zip(graph.work, marked.work, strict=True):
        # Of joined layers the last one gives the result; the order of ranges is that in which they are computed.
        makers = made_by(marked.full_name(told))
        own = [mark for mark in by_mark if mark in makers]
        if own:
            found[graph.full_name(node)] = by_mark[own[-1]]
    # What the file gives is named by the converter, whichever layer makes it.
    last = model.outputs[0]._keras_history.operation.name
    if last in ranges:
        found |= {graph.tensors[number].name: ranges[last] for number in graph.outputs}
    return found


def same_work(graph: Graph, marked: Graph) -> bool:
    """Whether two files do the same, operator by operator: names are not meant to change what the converter joins."""
    return [node.kind for node in graph.work] == [node.kind for node in marked.work]


def is_per_tensor(ranges: Ranges) -> bool:
    """Whether kernels were trained with one scale each: then they have ranges, too."""
    return any("/" in name for name in ranges)
