"""A Keras model as the calls between its inputs and its outputs: what techniques that build models again start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tradeoff


@dataclass(frozen=True)
class Call:
    """One call of a layer or of an operation between layers.

    :param operation: the layer.
    :param arguments: what it was called with, tensors and all else.
    :param given: the tensors among them.
    :param made: the tensors that came out.
    """

    operation: Any
    arguments: Any
    given: tuple[Any, ...]
    made: tuple[Any, ...]


def is_graph(model: Any) -> bool:
    """Whether calling the model means nothing but walking through its tensors."""
    code = getattr(type(model).call, "__module__", "") or ""
    return code.startswith("keras.") and bool(getattr(model, "inputs", None)) and bool(getattr(model, "outputs", None))


def refuse_unreadable(model: Any) -> None:
    """Raise unless the graph of ``model`` is known: Sequential, or made of inputs and outputs."""
    if not is_graph(model):
        raise tradeoff.Refused(
            "not implemented here",
            f"{model.name} is a subclassed model ({type(model).__name__}): its graph of layers is Python code and "
            "cannot be read; build it with keras.Sequential or keras.Model(inputs, outputs)",
        )


def calls(model: Any) -> Iterator[Call]:
    """Every call between the model's inputs and its outputs, each after those that it needs."""
    done = {id(tensor) for tensor in model.inputs}
    waiting = list(reversed(model.outputs))
    while waiting:
        tensor = waiting[-1]
        if id(tensor) in done:
            waiting.pop()
            continue
        # Keras keeps its graph in the history of its tensors; there is no public way to it.
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        missing = [given for given in node.input_tensors if id(given) not in done]
        if missing:
            waiting.extend(reversed(missing))
            continue
        done.update(id(made) for made in node.output_tensors)
        yield Call(history.operation, node.arguments, tuple(node.input_tensors), tuple(node.output_tensors))
