"""What each weight does: its size times that of what it is multiplied with, and which weights go by that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..kernels import Chosen
from ..model_graph import is_graph
from ..qat.places import activation, readers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Floats = NDArray[np.float64]

#: Kernels of different sizes share one threshold. With 1 each would keep the same share of its weights, with 0 the same
#: number of them.
_DAMPING: Final = 0.5
#: No kernel keeps less than this share.
_SPARED: Final = 0.01
#: Each of their results is a sum over all channels of what they are given.
_MULTIPLYING: Final = frozenset({"Dense", "Conv1D", "Conv2D"})
_MIXING: Final = ("softmax", "log_softmax")
#: Between these channels stay apart, and what is zero throughout does not come to more than a constant.
_PASSING: Final = frozenset(
    {
        *("Activation", "ReLU", "LeakyReLU", "ELU", "Identity", "Dropout", "BatchNormalization"),
        *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
    }
)


def saliency(model: Any, chosen: Sequence[Chosen], batch: Array) -> list[Floats]:
    """Of each kernel the squares of what its weights do; by their size alone where nothing is known of the inputs."""
    import keras
    import numpy as np

    found = []
    unread = _unread(model)
    powers = _input_powers(model, chosen, batch)
    for one in chosen:
        kernel = keras.ops.convert_to_numpy(one.variable).astype(np.float64)
        power = powers.get(id(one.variable))
        if power is not None and kernel.ndim > 1 and len(power) == kernel.shape[-2]:
            # What no sample of these uses may still be used by others.
            kernel = kernel * np.sqrt(power + 1e-6 * power.max())[:, np.newaxis]
        for channels in unread.get(id(one.variable), ()):
            kernel = np.where(channels, 0.0, kernel)
        found.append(np.square(kernel))
    return found


def drop_unread(model: Any) -> None:
    """Let go of all weights whose results nothing reads any more, biases included; the model computes the same."""
    import keras
    import numpy as np

    # What a layer reads depends on the one behind it, and so on to the end.
    for _ in model.layers:
        unread = _unread(model)
        for layer in model.layers:
            for channels in unread.get(id(getattr(layer, "kernel", None)), ()):
                for variable in layer.trainable_weights:
                    values = keras.ops.convert_to_numpy(variable)
                    variable.assign(np.where(channels, np.zeros((), values.dtype), values))


def _unread(model: Any) -> dict[int, list[NDArray[np.bool_]]]:
    """By a kernel's number which of its layer's channels are multiplied by zeros alone in the layer behind it."""
    import keras

    if not is_graph(model):
        return {}
    found: dict[int, list[NDArray[np.bool_]]] = {}
    behind = {id(layer): reader for layer, reader in readers(model)}
    for layer in model.layers:
        reader = behind.get(id(layer)) if type(layer).__name__ in _MULTIPLYING else None
        mixed = activation(layer) in _MIXING
        while reader is not None and type(reader).__name__ in _PASSING:
            mixed = mixed or activation(reader) in _MIXING
            reader = behind.get(id(reader))
        if mixed or reader is None or type(reader).__name__ not in _MULTIPLYING or getattr(layer, "groups", 1) != 1:
            continue
        kernel = keras.ops.convert_to_numpy(reader.kernel)
        if kernel.shape[-2] == layer.kernel.shape[-1]:
            found.setdefault(id(layer.kernel), []).append(~kernel.any(axis=(*range(kernel.ndim - 2), -1)))
    return found


def masks(found: Sequence[Floats], sparsity: float) -> list[NDArray[np.bool_]]:
    """What stays when that share of all weights goes: by each weight's share of what its kernel does."""
    import numpy as np

    relative = [one / max(one.sum(), 1e-30) * one.size**_DAMPING for one in found]
    for one in relative:
        # The largest of each kernel come first in any case; among them the order stays.
        least = np.sort(one, axis=None)[-max(1, round(_SPARED * one.size))]
        one[one >= least] += 1e6
    together = np.concatenate([one.reshape(-1) for one in relative])
    count = len(together) - round(sparsity * len(together))
    kept = np.zeros(len(together), bool)
    kept[np.argsort(-together, kind="stable")[:count]] = True
    parts = np.split(kept, np.cumsum([one.size for one in relative])[:-1])
    return [part.reshape(one.shape) for part, one in zip(parts, relative, strict=True)]


def _input_powers(model: Any, chosen: Sequence[Chosen], batch: Array) -> dict[int, Floats]:
    """The mean square of each channel of what comes into a kernel's layer."""
    wanted = {id(one.variable) for one in chosen}
    heard: dict[int, list[Floats]] = {}
    with ExitStack() as listening:
        for layer in model._flatten_layers(include_self=False):
            numbers = [id(weight) for weight in layer._trainable_variables if id(weight) in wanted]
            if numbers:
                listening.enter_context(_listening(layer, numbers, heard))
        model(batch, training=False)
    return {number: sum(powers) / len(powers) for number, powers in heard.items()}  # type: ignore[misc]


@contextmanager
def _listening(layer: Any, numbers: Sequence[int], heard: dict[int, list[Floats]]) -> Iterator[None]:
    import keras
    import numpy as np

    call = layer.call

    def listened(inputs: Any, *arguments: Any, **options: Any) -> Any:
        if getattr(inputs, "shape", None) is not None and len(inputs.shape) > 1:
            given = keras.ops.convert_to_numpy(inputs).astype(np.float64)
            power = np.square(given).reshape(-1, given.shape[-1]).mean(axis=0)
            for number in numbers:
                heard.setdefault(number, []).append(power)
        return call(inputs, *arguments, **options)

    layer.call = listened
    try:
        yield
    finally:
        del layer.call
