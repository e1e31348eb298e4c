"""What each weight does: its size times that of what it is multiplied with, and which weights go by that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from .kernels import Chosen

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


def saliency(model: Any, chosen: Sequence[Chosen], batch: Array) -> list[Floats]:
    """Of each kernel the squares of what its weights do; by their size alone where nothing is known of the inputs."""
    import keras
    import numpy as np

    found = []
    powers = _input_powers(model, chosen, batch)
    for one in chosen:
        kernel = keras.ops.convert_to_numpy(one.variable).astype(np.float64)
        power = powers.get(id(one.variable))
        if power is not None and kernel.ndim > 1 and len(power) == kernel.shape[-2]:
            # What no sample of these uses may still be used by others.
            kernel = kernel * np.sqrt(power + 1e-6 * power.max())[:, np.newaxis]
        found.append(np.square(kernel))
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
