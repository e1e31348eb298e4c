"""Which layers of a model a factorisation can take the place of, how much each computes, and why the others stay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.accounting import account, sample_of, watched_layer

from ..structured.rebuild import rebuilt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Numbers of a kernel: its taps in one row, the channels that it takes, those that it gives.
    Kernel = NDArray[np.float64]

_DENSE: Final = "Dense"
_CONVOLUTIONS: Final = ("Conv1D", "Conv2D", "Conv3D")


@dataclass(frozen=True)
class Site:
    """A layer whose kernel can be factorised.

    :param layer: the Keras layer.
    :param taken: positions that it reads in one sample, all its calls together; 1 where nobody knows.
    :param given: positions that it writes.
    """

    layer: Any
    taken: int = 1
    given: int = 1

    @property
    def name(self) -> str:
        """The layer's."""
        return str(self.layer.name)

    @property
    def spatial(self) -> tuple[int, ...]:
        """The kernel's size; of a dense layer there is none."""
        return () if type(self.layer).__name__ == _DENSE else tuple(int(size) for size in self.layer.kernel_size)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Taps, channels that come in, channels that go out."""
        *_, taken, given = self.layer.kernel.shape
        return math.prod(self.spatial), int(taken), int(given)

    @property
    def weights(self) -> int:
        """Of the kernel."""
        return math.prod(self.shape)

    @property
    def macs(self) -> int:
        """Of the kernel, for one sample."""
        return self.given * self.weights

    def kernel(self) -> Kernel:
        """Its numbers, in twice the precision."""
        import keras
        import numpy as np

        return np.asarray(keras.ops.convert_to_numpy(self.layer.kernel), np.float64).reshape(self.shape)


@dataclass(frozen=True)
class Surveyed:
    """What was found in a model.

    :param sites: layers that the technique can work on.
    :param left_out: of all others that have kernels the reason.
    :param macs: of the whole model for one sample; ``None`` where it does not say how large one is.
    :param parameters: of the whole model.
    :param uncounted: layers whose arithmetic is not in ``macs``.
    """

    sites: tuple[Site, ...]
    left_out: Mapping[str, str]
    macs: int | None
    parameters: int
    uncounted: tuple[str, ...]


def survey(model: Any, technique: str, smallest: int, shape: tuple[int, ...], *, apart: bool = False) -> Surveyed:
    """Look at every layer of ``model``, which has no models within; nothing of it is changed.

    :param smallest: a kernel of fewer weights is left alone.
    :param shape: of one sample of the data, for a model that takes samples of any size.
    :param apart: whether taps of each dimension are to be a factor of their own.
    """
    sites, left_out = list[Site](), dict[str, str]()
    for layer in dict.fromkeys(model.layers):
        if not any(len(weight.shape) >= 2 for weight in layer.weights):
            continue
        reason = _reason(layer, technique, smallest) or (_steps(layer) if apart else "")
        if reason:
            left_out[layer.name] = reason
        else:
            sites.append(Site(layer))
    sized = model if not is_open(model) else rebuilt(model, {}, shape)
    counted = account(sized)
    return Surveyed(_with_positions(sized, sites), left_out, counted.macs, counted.parameters, counted.uncounted)


def is_open(model: Any) -> bool:
    """Whether it has one input, and takes samples of any size."""
    return len(model.inputs) == 1 and None in model.inputs[0].shape[1:]


def _with_positions(model: Any, sites: Sequence[Site]) -> tuple[Site, ...]:
    sample = sample_of(model)
    if sample is None:
        return tuple(sites)
    seen: dict[str, list[int]] = {site.name: [0, 0] for site in sites}

    def note(layer: Any, inputs: Any, outputs: Any) -> None:
        for place, (tensor, channels) in enumerate(zip((inputs, outputs), layer.kernel.shape[-2:], strict=True)):
            seen[layer.name][place] += math.prod(tensor.shape) // int(channels)

    with ExitStack() as watches:
        for site in sites:
            watches.enter_context(watched_layer(model.get_layer(site.name), note))
        model(sample, training=False)
    return tuple(Site(site.layer, *seen[site.name]) for site in sites)


def _reason(layer: Any, technique: str, smallest: int) -> str:
    """Why it stays; empty where it does not."""
    kind = type(layer).__name__
    if not type(layer).__module__.startswith("keras."):
        return f"a layer of a class of its own ({kind}): nothing is known of what its weights do"
    if kind.startswith(("Depthwise", "Separable")):
        return "a depthwise kernel has a few weights for each channel, and is a factor already"
    if kind not in (_DENSE, *_CONVOLUTIONS):
        return f"{kind} is neither a dense layer nor a plain convolution"
    return _unusual(layer) or _unfit(layer, kind, technique) or _nothing(layer, smallest)


def _unusual(layer: Any) -> str:
    if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
        return "its kernel is quantized, or has an adapter: it is not a plain one"
    if layer.kernel_constraint is not None:
        return "its kernel has a constraint, which says nothing of factors"
    if getattr(layer, "groups", 1) != 1:
        return f"its convolution is in {layer.groups} groups: factors would mix them"
    return ""


def _unfit(layer: Any, kind: str, technique: str) -> str:
    taps = "x".join(str(int(size)) for size in getattr(layer, "kernel_size", ()))
    flat = kind == _DENSE or set(taps.split("x")) == {"1"}
    if technique == "svd":
        return "" if flat else f"its kernel is {taps}: tucker and cp factorise such"
    if flat:
        return "it has no kernel over positions: svd factorises such"
    return _unfit_for_depthwise(layer, kind) if technique == "cp" else ""


def _unfit_for_depthwise(layer: Any, kind: str) -> str:
    if kind == "Conv3D":
        return "Keras has no depthwise convolution of three dimensions"
    if layer.padding == "causal":
        return "Keras has no depthwise convolution with causal padding"
    if len(set(layer.strides)) > 1:
        return f"its steps are {'x'.join(map(str, layer.strides))}: a depthwise convolution takes equal ones"
    return ""


def _steps(layer: Any) -> str:
    if set(layer.strides) == {1} or len(layer.strides) == 1:
        return ""
    told = "x".join(map(str, layer.strides))
    return f"its steps are {told}, and a depthwise convolution along one dimension would take them in both"


def _nothing(layer: Any, smallest: int) -> str:
    import keras
    import numpy as np

    count = math.prod(layer.kernel.shape)
    if count < smallest:
        return f"tiny: {count} weights, fewer than {smallest}"
    numbers = keras.ops.convert_to_numpy(layer.kernel)
    if not np.isfinite(numbers).all():
        return "its kernel holds something that is no number"
    return "" if numbers.any() else "all its weights are zero"
