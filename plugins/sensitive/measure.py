"""What coarser weights in one layer do to the loss on validation, without any backend: weights are rounded in Keras."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .choice import Prices

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT: Final = 32
_WIDTHS: Final = (FLOAT, 8, 4)
#: No runtime computes these with weights of 4 bits: they have few of them.
_NOT_IN_4: Final = frozenset({"DepthwiseConv1D", "DepthwiseConv2D"})
_SCALE_BYTES: Final = 4
#: Which axis of a kernel has a scale for each of its places; what is multiplied by one weight alone has several.
_CHANNELS: Final[Mapping[str, tuple[int, ...]]] = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D"), (-1,)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), (-2, -1)),
}


@dataclass(frozen=True)
class Place:
    """A layer whose bits are chosen.

    :param name: the layer's.
    :param variable: its kernel.
    :param axes: along which each place has a scale of its own.
    :param widths: in which bits it can be stored, the most first.
    """

    name: str
    variable: Any
    axes: tuple[int, ...]
    widths: tuple[int, ...] = _WIDTHS

    def nearest(self, width: int) -> int:
        """So many bits, or the fewest above that it can be stored in."""
        return min(one for one in self.widths if one >= width)

    def bytes(self, width: int) -> int:
        """Of the kernel in so many bits, scales included."""
        shape = tuple(int(size) for size in self.variable.shape)
        scales = 0 if width == FLOAT else _SCALE_BYTES * math.prod(shape[axis] for axis in self.axes)
        return -(-math.prod(shape) * width // 8) + scales


def places(model: Any) -> tuple[list[Place], dict[str, str]]:
    """The layers that both backends can store in other bits, models within included; of others with kernels why not."""
    import keras

    found, left_out = list[Place](), dict[str, str]()
    for layer in dict.fromkeys(model._flatten_layers(include_self=False, recursive=True)):
        own = [weight for weight in layer._trainable_variables if len(weight.shape) >= 2]
        if isinstance(layer, keras.Model) or not own:
            continue
        kind = type(layer).__name__ if type(layer).__module__.startswith("keras.") else ""
        if kind in _CHANNELS and len(own) == 1:
            widths = _WIDTHS[:2] if kind in _NOT_IN_4 else _WIDTHS
            found.append(Place(layer.name, own[0], _CHANNELS[kind], widths))
        else:
            left_out[layer.name] = f"nothing is known of how {type(layer).__name__} is stored in fewer bits"
    return found, left_out


def rounded(numbers: NDArray[Any], width: int, axes: Sequence[int]) -> NDArray[Any]:
    """The nearest numbers of so many bits, symmetric about zero, with a scale for each place along ``axes``."""
    import numpy as np

    if width == FLOAT:
        return numbers
    kept = {axis % numbers.ndim for axis in axes}
    most = 2 ** (width - 1) - 1
    largest = np.abs(numbers).max(axis=tuple(axis for axis in range(numbers.ndim) if axis not in kept), keepdims=True)
    scale = np.where(largest > 0, largest / most, 1.0)
    return np.asarray(np.round(numbers / scale) * scale, numbers.dtype)


class Bench:
    """Tries bits on a model, and leaves it as it was."""

    def __init__(self, job: tradeoff.Rewriting, found: Sequence[Place]) -> None:
        import keras

        self.found = tuple(found)
        self._job = job
        self._whole = [keras.ops.convert_to_numpy(place.variable) for place in found]
        self._known: dict[tuple[int, ...], Mapping[str, float]] = {}

    def quality(self, bits: Sequence[int]) -> Mapping[str, float]:
        """Loss and metric on validation with these bits."""
        from tradeoff.formats import keras_files
        from tradeoff.quality import judge

        key = tuple(bits)
        if key not in self._known:
            task, split = self._job.task, self._job.validation
            try:
                for place, numbers, width in zip(self.found, self._whole, bits, strict=True):
                    place.variable.assign(rounded(numbers, width, place.axes))
                judged = judge(keras_files.outputs_of(self._job.model, split.x), split.y, task)
            finally:
                for place, numbers in zip(self.found, self._whole, strict=True):
                    place.variable.assign(numbers)
            self._known[key] = {"loss": float(judged["loss"]), task.metric: float(judged[task.metric])}
        return self._known[key]

    def worse(self, whole: Mapping[str, float], other: Mapping[str, float]) -> float:
        """By how much the metric has become worse."""
        from tradeoff.quality import METRICS

        metric = self._job.task.metric
        change = other[metric] - whole[metric]
        return -change if METRICS[metric] == "higher" else change

    def prices(self) -> Prices:
        """For each layer what each width takes, and by how much the loss rises with that layer alone in it."""
        whole = self.quality([FLOAT] * len(self.found))["loss"]
        rises = []
        for number, place in enumerate(self.found):
            self._job.progress(f"trying {place.name} in fewer bits", number / len(self.found))
            bits = [FLOAT] * len(self.found)
            found = {}
            for width in place.widths[1:]:
                bits[number] = width
                found[width] = self.quality(bits)["loss"] - whole
            rises.append(found)
        return Prices([{width: place.bytes(width) for width in place.widths} for place in self.found], rises)
