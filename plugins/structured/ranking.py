"""Which channels matter: by the size of their filters, by what they give, or by what the loss would do without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .graph import Coupling
from .rebuild import rebuilt

if TYPE_CHECKING:
    from .graph import Floats
    from .labels import Labels

#: Samples in one step, and how many steps of the training split the gradients are taken from.
_BATCH: Final = 32
_STEPS: Final = 32


def ranked(how: str, model: Any, coupling: Coupling, job: tradeoff.Rewriting) -> Floats:
    """A score for each channel, the same for channels that are tied; the lowest go first."""
    return _RANKS[how](model, coupling, job)


def _by_size(model: Any, coupling: Coupling, job: tradeoff.Rewriting) -> Floats:
    """The sum of a filter's absolute weights, against the layer's mean; the mean over layers where several are tied."""
    import keras
    import numpy as np

    parts = []
    for site, name, axis, labels in coupling.makers():
        kernel = np.abs(keras.ops.convert_to_numpy(_weight(site.layer, name)))
        parts.append((labels, np.moveaxis(kernel, axis, -1).reshape(-1, len(labels)).sum(axis=0)))
    return _meant(coupling, parts)


def _by_activation(model: Any, coupling: Coupling, job: tradeoff.Rewriting) -> Floats:
    """The mean absolute value with which a channel reaches the layers that take it, against the mean of all of them."""
    import keras
    import numpy as np

    # A layer that is called is tied to the tensor that it takes, so nothing has to be run by hand.
    taken = keras.Model(
        model.inputs[0] if len(model.inputs) == 1 else model.inputs, [tensor for _, tensor in coupling.entries]
    )
    sums: list[Any] = [0.0] * len(coupling.entries)
    x = job.calibration.x
    for start in range(0, len(x), _BATCH):
        found = keras.tree.flatten(taken(x[start : start + _BATCH], training=False))
        for place, values in enumerate(found):
            flat = np.abs(keras.ops.convert_to_numpy(values))
            sums[place] = sums[place] + flat.reshape(-1, flat.shape[-1]).sum(axis=0)
    labels = {site.layer.name: labels for site, _, _, labels in coupling.takers()}
    return _meant(coupling, [(labels[name], total) for (name, _), total in zip(coupling.entries, sums, strict=True)])


def _by_gradient(model: Any, coupling: Coupling, job: tradeoff.Rewriting) -> Floats:
    """The mean square of what the loss would lose without a channel, to first order (a Taylor expansion).

    A channel that is scaled is the same as its rows being scaled in every layer that takes it. So the derivative by
    that scale is the sum of weight times gradient over these rows, and no gradient of an activation is needed.
    """
    import keras
    import numpy as np

    from tradeoff.training import keras_loss

    copy = rebuilt(model, {})
    for layer in copy.layers:
        # Weights that were frozen have gradients, too; batch statistics are those of inference.
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    watched = {site.layer.name: copy.get_layer(site.layer.name) for site, _, _, _ in coupling.takers()}
    optimizer = _recorder()
    width = copy.outputs[0].shape[-1]
    copy.compile(optimizer, loss=keras_loss(job.task, width), jit_compile=False)
    order = np.random.default_rng(job.seed).permutation(len(job.train))
    size = min(_BATCH, len(order))
    total = np.zeros(len(coupling.tops))
    for start in range(0, min(len(order) - size + 1, size * _STEPS), size):
        chosen = np.sort(order[start : start + size])
        copy.train_on_batch(job.train.x[chosen], job.train.y[chosen])
        slopes = np.zeros(len(coupling.tops))
        for site, name, axis, labels in coupling.takers():
            rows = keras.ops.convert_to_numpy(optimizer.product(_weight(watched[site.layer.name], name)))
            np.add.at(slopes, labels, np.moveaxis(rows, axis, -1).reshape(-1, len(labels)).sum(axis=0))
        total += slopes**2
    return total


def _recorder() -> Any:
    """An optimizer that changes nothing and keeps the product of each weight and its gradient, on any engine."""
    import keras

    class Recorder(keras.optimizers.Optimizer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(learning_rate=0.0)
            self._products: list[Any] = []

        def build(self, variables: list[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            self._products = [self.add_variable_from_reference(each, "product") for each in variables]

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign(self._products[self._get_variable_index(variable)], gradient * variable)

        def product(self, variable: Any) -> Any:
            return self._products[self._get_variable_index(variable)]

    return Recorder()


def _weight(layer: Any, name: str) -> Any:
    return next(weight for weight in layer.weights if weight.name == name)


def _meant(coupling: Coupling, parts: list[tuple[Labels, Any]]) -> Floats:
    """The mean of what several layers say of a channel, each against its own mean."""
    import numpy as np

    total, times = np.zeros(len(coupling.tops)), np.zeros(len(coupling.tops))
    for labels, values in parts:
        np.add.at(total, labels, values / max(float(values.mean()), 1e-30))
        np.add.at(times, labels, 1)
    found: Floats = total / np.maximum(times, 1)
    return found


_RANKS: Final[Mapping[str, Callable[[Any, Coupling, tradeoff.Rewriting], Floats]]] = {
    "l1": _by_size,
    "activation": _by_activation,
    "taylor": _by_gradient,
}
