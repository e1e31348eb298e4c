"""A Keras model read call by call, and built again, untrained, with layers of other sizes or without some of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import tradeoff

from ..model_graph import Call, calls, refuse_unreadable

#: Take several tensors position by position; channels that differ there would be broadcast without a word.
_MERGES: Final = frozenset({"Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Divide", "TrueDivide"})
#: What these hold was taken from data and not trained, so it is carried over.
_ADAPTED: Final = frozenset({"Normalization"})


@dataclass(frozen=True)
class Plan:
    """How a model is built again.

    :param sizes: for each layer by name what its configuration says instead.
    :param dropped: the calls that are left out, by their numbers.
    :param bridged: for the last call of a block that is left out: the tensor that stands for what it made.
    :param front: makes the layer between the model's input and all else.
    """

    sizes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dropped: frozenset[int] = frozenset()
    bridged: Mapping[int, Any] = field(default_factory=dict)
    front: Any = None


def kind(operation: Any) -> str:
    """The class of one of Keras's own layers and operations; a subclass may do what it likes."""
    return type(operation).__name__ if type(operation).__module__.startswith("keras.") else ""


def refused(detail: str) -> tradeoff.Refused:
    """What is raised for a model that cannot be scaled, before anything is trained."""
    return tradeoff.Refused("not implemented here", detail)


def read(model: Any) -> list[Call]:
    """Every call between inputs and outputs, each after those that it needs; refused where there is no such graph."""
    refuse_unreadable(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise refused(f"{model.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; one each is read")
    found = list(calls(model))
    for call in found:
        if hasattr(call.operation, "layers") and hasattr(call.operation, "inputs"):
            raise refused(f"layer {call.operation.name} is a model inside {model.name}; build it of its layers, flat")
    return found


def built_again(model: Any, read: Sequence[Call], plan: Plan) -> Any:
    """A new, untrained model after ``plan``; what of it cannot be is refused with the layer's name."""
    import keras

    old = model.inputs[0]
    given = keras.Input(batch_shape=old.shape, dtype=old.dtype, name=old._keras_history.operation.name)
    tensors = {id(old): given if plan.front is None else plan.front(given)}
    layers: dict[int, Any] = {}
    for number, call in enumerate(read):
        if number in plan.bridged:
            tensors[id(call.made[0])] = tensors[id(plan.bridged[number])]
        if number in plan.dropped:
            continue
        try:
            layer = _again(call.operation, plan.sizes.get(call.operation.name, {}), layers)
            _check(call, [tensors[id(one)] for one in call.given])
            arguments, options = call.arguments.fill_in(tensors)
            made = keras.tree.flatten(layer(*arguments, **options))
            _carry(call.operation, layer)
        except tradeoff.Refused:
            raise
        # A layer may raise anything, and says in its own words what is wrong.
        except Exception as error:
            raise refused(
                f"layer {call.operation.name} ({type(call.operation).__name__}) cannot be built again with other "
                f"sizes: {_reason(error)}"
            ) from error
        tensors.update((id(before), after) for before, after in zip(call.made, made, strict=True))
    return keras.Model(given, tensors[id(model.outputs[0])], name=model.name)


def _again(operation: Any, sizes: Mapping[str, Any], layers: dict[int, Any]) -> Any:
    """The new layer for an old one, the same for every call; an operation that is no layer has no state."""
    import keras

    if not isinstance(operation, keras.layers.Layer):
        return operation
    if id(operation) not in layers:
        config = {**operation.get_config(), **sizes}
        if kind(operation) not in _ADAPTED:
            # What was frozen had weights worth it; new ones have to learn.
            config["trainable"] = True
        layers[id(operation)] = type(operation).from_config(config)
    return layers[id(operation)]


def _carry(old: Any, new: Any) -> None:
    if kind(old) in _ADAPTED and old.weights:
        # Not set_weights(): this one has the layer take them up as well.
        new.load_own_variables({str(number): value for number, value in enumerate(old.get_weights())})


def _reason(error: Exception) -> str:
    """The line of Keras's message that says what is wrong, without the frame and the bold type around it."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Exception encountered")), type(error).__name__)


def _check(call: Call, given: Sequence[Any]) -> None:
    """Sizes that were equal before have to be equal again, where tensors are taken position by position."""
    if kind(call.operation) not in _MERGES or len(given) < 2:
        return
    before, after = call.given[0].shape, given[0].shape
    for old, new in zip(call.given[1:], given[1:], strict=True):
        if (old.shape[-1] == before[-1]) != (new.shape[-1] == after[-1]):
            raise refused(
                f"layer {call.operation.name} takes tensors of equal channels, {tuple(before)} and {tuple(old.shape)}; "
                f"scaled they would have {after[-1]} and {new.shape[-1]}, since one of them comes from the input"
            )
