"""A functional Keras model made again, call by call, with layers that may be smaller; nested models come out flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tradeoff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]
    #: What stays of a weight: for each axis, counted from the end, the positions along it.
    Kept = Mapping[str, Mapping[int, Positions]]


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


@dataclass(frozen=True)
class Smaller:
    """How one layer changes.

    :param config: what its configuration says instead.
    :param kept: what stays of its weights.
    """

    config: Mapping[str, Any]
    kept: Kept


def refuse_unreadable(model: Any) -> None:
    """Raise unless the graph of ``model`` is known: Sequential, or made of inputs and outputs."""
    if not _is_graph(model):
        raise tradeoff.Refused(
            "not implemented here",
            f"{model.name} is a subclassed model ({type(model).__name__}): its graph of layers is Python code and "
            "cannot be read; build it with keras.Sequential or keras.Model(inputs, outputs)",
        )


def _is_graph(model: Any) -> bool:
    """Whether calling the model means nothing but walking through its tensors."""
    code = getattr(type(model).call, "__module__", "") or ""
    return code.startswith("keras.") and bool(getattr(model, "inputs", None)) and bool(getattr(model, "outputs", None))


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


def rebuilt(model: Any, changes: Mapping[str, Smaller], shape: tuple[int, ...] | None = None) -> Any:
    """A new model with the layers of ``model``, those named in ``changes`` smaller; it shares nothing with the old.

    :param shape: of one sample, where the new model shall take that size alone.
    """
    import keras

    workshop = _Workshop(changes, {layer.name for layer in model.layers})
    if isinstance(model, keras.Sequential) and not any(_is_nested(layer) for layer in model.layers):
        first = model.inputs[0]
        made = keras.Sequential([_input_like(first, shape)], name=model.name)
        for layer in model.layers:
            made.add(workshop.layer(layer, ""))
    else:
        given, taken = _ends(model)
        inputs = keras.tree.map_structure(lambda tensor: _input_like(tensor, shape), given)
        found = _called_again(model, keras.tree.flatten(inputs), workshop, "")
        outputs = keras.tree.pack_sequence_as(taken, found)
        made = keras.Model(inputs, outputs, name=model.name)
    workshop.fill()
    return made


def _is_nested(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.Model) and _is_graph(layer)


def _ends(model: Any) -> tuple[Any, Any]:
    """Inputs and outputs in the structure in which they are handed over."""
    import keras

    # A Sequential that was built and never called does not tell these of itself.
    return (model.inputs[0], model.outputs[0]) if isinstance(model, keras.Sequential) else (model.input, model.output)


def _input_like(tensor: Any, shape: tuple[int, ...] | None) -> Any:
    import keras

    name = tensor._keras_history.operation.name
    return keras.Input(batch_shape=(tensor.shape[0], *(shape or tensor.shape[1:])), dtype=tensor.dtype, name=name)


def _called_again(model: Any, given: list[Any], workshop: _Workshop, prefix: str) -> list[Any]:
    """The outputs of the same calls on other tensors."""
    import keras

    tensors = {id(old): new for old, new in zip(model.inputs, given, strict=True)}
    for call in calls(model):
        if _is_nested(call.operation):
            inside = [tensors[id(tensor)] for tensor in call.given]
            made = _called_again(call.operation, inside, workshop, f"{prefix}{call.operation.name}_")
        else:
            arguments, options = call.arguments.fill_in(tensors)
            made = keras.tree.flatten(workshop.layer(call.operation, prefix)(*arguments, **options))
        tensors.update((id(old), new) for old, new in zip(call.made, made, strict=True))
    return [tensors[id(tensor)] for tensor in model.outputs]


@dataclass
class _Workshop:
    """Makes each layer again once, however often it is called."""

    changes: Mapping[str, Smaller]
    #: Names that are taken: first those of the outermost model, which keep theirs.
    names: set[str]
    made: dict[int, Any] = field(default_factory=dict)
    _old: dict[int, Any] = field(default_factory=dict)

    def layer(self, old: Any, prefix: str) -> Any:
        """The new one for ``old``. An operation that is no layer has no state, and is used again."""
        import keras

        if not isinstance(old, keras.layers.Layer):
            return old
        if id(old) not in self.made:
            self.made[id(old)], self._old[id(old)] = self._again(old, prefix), old
        return self.made[id(old)]

    def _again(self, old: Any, prefix: str) -> Any:
        name = old.name
        while prefix and name in self.names:
            name = f"{prefix}{name}"
        self.names.add(name)
        smaller = self.changes.get(old.name) if not prefix else None
        try:
            config = {**old.get_config(), **(smaller.config if smaller else {}), "name": name}
            return type(old).from_config(config)
        # A layer of the user's may raise anything.
        except Exception as error:
            raise tradeoff.Refused(
                "not implemented here",
                f"layer {old.name} ({type(old).__name__}) cannot be made again from its configuration: {error}",
            ) from error

    def fill(self) -> None:
        """Give the new layers what stays of the old ones' weights."""
        for key, old in self._old.items():
            smaller = self.changes.get(old.name)
            self.made[key].set_weights(_cut(old, smaller.kept if smaller else {}))


def _cut(layer: Any, kept: Kept) -> list[Any]:
    import keras
    import numpy as np

    found = []
    for weight in layer.weights:
        values = keras.ops.convert_to_numpy(weight)
        for axis, positions in kept.get(weight.name, {}).items():
            values = np.take(values, positions, axis=axis)
        found.append(values)
    return found
