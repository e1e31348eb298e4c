"""What every layer of a Keras model gives, however deep it lies and however the model is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array


@dataclass(frozen=True)
class LayerOutput:
    """What one call of a layer gives.

    :param name: the layer's.
    :param kind: its class.
    :param number: larger than 1 for a second call or a second output.
    :param before: its own activation, where this is what that is given: a runtime may have the two apart.
    """

    name: str
    kind: str
    values: Array
    number: int = 1
    before: str = ""

    @property
    def label(self) -> str:
        """As a person reads it: ``dense before softmax``."""
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.name}{again}{f' before {self.before}' if self.before else ''}"


def layer_outputs(model: Any, batch: Array) -> list[LayerOutput]:
    """The outputs of all layers for ``batch``, in the order in which they are called."""
    import numpy as np

    listener = _Listener()
    with ExitStack() as listening:
        for layer in dict.fromkeys(model._flatten_layers(include_self=False)):
            listening.enter_context(listener.to(layer))
        model(np.ascontiguousarray(batch, dtype=model.inputs[0].dtype), training=False)
    return listener.heard


@dataclass
class _Listener:
    """Notes what layers give while a model runs without being compiled."""

    heard: list[LayerOutput] = field(default_factory=list)
    _calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: How many of the calls that are going on are of layers whose inner ones run in a loop of the engine's.
    _closed: int = 0

    @contextmanager
    def to(self, layer: Any) -> Iterator[None]:
        """Listen to ``layer``: a symbolic output would not reach the layers of a model inside a model."""
        import keras

        call, activation = layer.call, _activation(layer)
        closed = isinstance(layer, keras.layers.RNN | keras.layers.Wrapper | keras.layers.Bidirectional)
        silent = isinstance(layer, keras.Model)

        def listened(*given: Any, **options: Any) -> Any:
            self._closed += closed
            try:
                outputs = call(*given, **options)
            finally:
                self._closed -= closed
            if not silent:
                self._hear(layer, outputs)
            return outputs

        def activated(given: Any, *rest: Any, **options: Any) -> Any:
            self._hear(layer, given, getattr(activation, "__name__", "activation"))
            return activation(given, *rest, **options)

        layer.call = listened
        if activation is not None:
            layer.activation = activated
        try:
            yield
        finally:
            del layer.call
            if activation is not None:
                layer.activation = activation

    def _hear(self, layer: Any, outputs: Any, before: str = "") -> None:
        import keras

        for output in [] if self._closed else keras.tree.flatten(outputs):
            self._calls[layer.name, before] += 1
            values = keras.ops.convert_to_numpy(keras.ops.cast(output, "float32"))
            number = self._calls[layer.name, before]
            self.heard.append(LayerOutput(layer.name, type(layer).__name__, values, number, before))


def _activation(layer: Any) -> Any:
    """What a layer does to its own result; nothing where it does nothing, or nothing else."""
    import keras

    found = getattr(layer, "activation", None)
    alone = isinstance(layer, keras.layers.Activation | keras.layers.RNN | keras.Model)
    return None if alone or not callable(found) or found is keras.activations.linear else found
