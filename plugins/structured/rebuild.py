"""A functional Keras model made again, call by call, with other layers where asked; nested models come out flat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tradeoff

from ..model_graph import calls, is_graph

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]
    #: What stays of a weight: for each axis, counted from the end, the positions along it.
    Kept = Mapping[str, Mapping[int, Positions]]


@dataclass(frozen=True)
class Smaller:
    """How one layer changes.

    :param config: what its configuration says instead.
    :param kept: what stays of its weights.
    """

    config: Mapping[str, Any]
    kept: Kept


@dataclass(frozen=True)
class Part:
    """One of the layers that take the place of another.

    :param name: what is added to the name of the other one.
    :param kind: the class.
    :param config: its configuration; the name in it does not count.
    :param weights: what it is filled with.
    """

    name: str
    kind: type
    config: Mapping[str, Any]
    weights: tuple[Any, ...]


@dataclass(frozen=True)
class Instead:
    """What comes instead of a layer: others, one after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Row:
    """Layers that are called and filled like one."""

    layers: tuple[Any, ...]
    weights: tuple[tuple[Any, ...], ...]

    def __call__(self, inputs: Any, **_options: Any) -> Any:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    def fill(self) -> None:
        for layer, weights in zip(self.layers, self.weights, strict=True):
            layer.set_weights(list(weights))


def rebuilt(model: Any, changes: Mapping[str, Smaller | Instead], shape: tuple[int, ...] | None = None) -> Any:
    """A new model with the layers of ``model``, those named in ``changes`` otherwise; it shares nothing with the old.

    :param shape: of one sample, where the new model shall take that size alone.
    """
    import keras

    workshop = _Workshop(changes, {layer.name for layer in model.layers})
    if isinstance(model, keras.Sequential) and not any(_is_nested(layer) for layer in model.layers):
        first = model.inputs[0]
        made = keras.Sequential([_input_like(first, shape)], name=model.name)
        for layer in model.layers:
            again = workshop.layer(layer, "")
            for each in again.layers if isinstance(again, _Row) else (again,):
                made.add(each)
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

    return isinstance(layer, keras.Model) and is_graph(layer)


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

    changes: Mapping[str, Smaller | Instead]
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
        change = self.changes.get(old.name) if not prefix else None
        if isinstance(change, Instead):
            made = tuple(
                _from(part.kind, {**part.config, "name": self._free(f"{old.name}_{part.name}", f"{old.name}_")}, old)
                for part in change.parts
            )
            return _Row(made, tuple(part.weights for part in change.parts))
        name = self._free(old.name, prefix) if prefix else old.name
        return _from(type(old), {**old.get_config(), **(change.config if change else {}), "name": name}, old)

    def _free(self, name: str, prefix: str) -> str:
        while name in self.names:
            name = f"{prefix}{name}"
        self.names.add(name)
        return name

    def fill(self) -> None:
        """Give the new layers what stays of the old ones' weights."""
        for key, old in self._old.items():
            made, smaller = self.made[key], self.changes.get(old.name)
            if isinstance(made, _Row):
                made.fill()
            else:
                made.set_weights(_cut(old, smaller.kept if isinstance(smaller, Smaller) else {}))


def _from(kind: type, config: Mapping[str, Any], old: Any) -> Any:
    """A layer of its configuration, which stands for ``old``."""
    try:
        return kind.from_config(dict(config))  # type: ignore[attr-defined]
    # A layer of the user's may raise anything.
    except Exception as error:
        raise tradeoff.Refused(
            "not implemented here",
            f"layer {old.name} ({type(old).__name__}) cannot be made again from its configuration: {error}",
        ) from error


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
