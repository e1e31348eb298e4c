"""What a Keras model's weights take, and the results between its layers. Runs in a worker."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import tradeoff


def anatomy(model: Any, samples: int) -> tradeoff.Anatomy:
    """Count ``model`` for requests of so many samples; what a layer keeps within itself is not counted."""
    weights = sum(_bytes(weight) for weight in model.weights)
    inputs = _zeros(model, samples)
    if inputs is None:
        return tradeoff.Anatomy(weights_bytes=weights)
    found: list[int] = []
    with ExitStack() as watches:
        for layer in {id(layer): layer for layer in _layers(model)}.values():
            watches.enter_context(_watched(layer, found.append))
        model(inputs, training=False)
    return tradeoff.Anatomy(weights_bytes=weights, activations_bytes=sum(found))


def _layers(model: Any) -> Iterator[Any]:
    """Every operation of the graph, nested models opened."""
    import keras

    for operation in getattr(model, "operations", None) or model.layers:
        if isinstance(operation, keras.Model):
            yield from _layers(operation)
        elif not isinstance(operation, keras.layers.InputLayer):
            yield operation


def _zeros(model: Any, samples: int) -> Any:
    """A request of zeros, or ``None`` where the model does not say how large a sample is."""
    import keras

    shapes = [tuple(tensor.shape[1:]) for tensor in getattr(model, "inputs", None) or ()]
    if not shapes or any(None in shape for shape in shapes):
        return None
    pairs = zip(shapes, model.inputs, strict=True)
    zeros = [keras.ops.zeros((samples, *shape), tensor.dtype) for shape, tensor in pairs]
    return zeros[0] if len(zeros) == 1 else zeros


@contextmanager
def _watched(layer: Any, count: Callable[[int], None]) -> Iterator[None]:
    """Tell ``count`` how large the results of every call are."""
    import keras

    call = layer.call

    def watched(*arguments: Any, **options: Any) -> Any:
        results = call(*arguments, **options)
        given = {id(tensor) for tensor in keras.tree.flatten((arguments, options))}
        # What hands on what it was given, as dropout does, takes nothing.
        count(sum(_bytes(result) for result in keras.tree.flatten(results) if id(result) not in given))
        return results

    layer.call = watched
    try:
        yield
    finally:
        del layer.call


def _bytes(tensor: Any) -> int:
    import keras

    # Engines and versions differ in which types NumPy knows; their names all tell the bits.
    bits = re.search(r"\d+", keras.backend.standardize_dtype(tensor.dtype))
    return math.prod(map(int, tensor.shape)) * (int(bits[0]) if bits else 8) // 8
