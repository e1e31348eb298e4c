"""Which kernels of a model pruning and clustering work on, and why the others are left out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import tradeoff

#: The smallest kernel that is worked on by default: of fewer weights there is nothing to gain.
SMALLEST: Final = 512
_DEPTHWISE: Final = "a depthwise kernel: each channel has a filter of few weights, and no other makes up for them"
_OWN: Final = "a layer of a class of its own: nothing is known of what its weights do"
#: Kernels of Keras's own layers by the names that these give them.
_KERNELS: Final = frozenset({"kernel", "recurrent_kernel", "pointwise_kernel", "embeddings"})


@dataclass(frozen=True)
class Chosen:
    """A kernel to work on.

    :param layer: the name of its layer, with those of the models around it.
    :param kind: the layer's class.
    :param variable: the Keras variable.
    """

    layer: str
    kind: str
    variable: Any

    @property
    def name(self) -> str:
        """As a person reads it: a layer may have several."""
        return self.layer if self.variable.name == "kernel" else f"{self.layer}/{self.variable.name}"


def choose(model: Any, smallest: int) -> tuple[list[Chosen], dict[str, str]]:
    """The kernels to work on, and of each layer that is left out the reason."""
    chosen: list[Chosen] = []
    left_out: dict[str, str] = {}
    for name, layer in _layers(model, ""):
        for variable in [weight for weight in layer._trainable_variables if len(weight.shape) >= 2]:
            one = Chosen(name, type(layer).__name__, variable)
            reason = _reason(layer, variable, smallest)
            if reason:
                left_out[one.name] = reason
            else:
                chosen.append(one)
    if not chosen:
        told = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "it has no trainable kernel"
        raise tradeoff.Refused("not supported by format", f"{model.name} has no kernel to work on: {told}")
    return chosen, left_out


def _reason(layer: Any, variable: Any, smallest: int) -> str:
    if not type(layer).__module__.startswith("keras."):
        return _OWN
    if variable.name == "depthwise_kernel" or type(layer).__name__.startswith("Depthwise"):
        return _DEPTHWISE
    if variable.name not in _KERNELS:
        return f"{variable.name} is no kernel"
    count = math.prod(variable.shape)
    return f"tiny: {count} weights, fewer than {smallest}" if count < smallest else ""


def _layers(model: Any, around: str) -> Iterator[tuple[str, Any]]:
    """Every layer once, with the models and layers that it lies in."""
    seen: set[int] = set()

    def walk(parent: Any, around: str) -> Iterator[tuple[str, Any]]:
        for layer in parent._flatten_layers(include_self=False, recursive=False):
            if id(layer) not in seen:
                seen.add(id(layer))
                yield f"{around}{layer.name}", layer
                yield from walk(layer, f"{around}{layer.name}/")

    return walk(model, around)
