"""``qat:implementation=tfmot``: ``quantize_model`` of tensorflow-model-optimization, through ``tf_keras``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.training import find_structure

from ..legacy_keras import check, legacy, to_legacy
from ..legacy_training import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Found = Mapping[str, NDArray[Any]]

#: What its wrappers call the ends of a layer's results.
_ENDS: Final = ("output", "post_activation")
#: The same of what lies before a softmax: it is trained with, and calibrated when the model is converted.
_BEFORE: Final = "pre_activation"
_FREE: Final = "tfmot trained all weights freely: the zeros and clusters of before are gone"


def qat_with_tfmot(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Train in ``tf_keras`` what it has wrapped, and bring weights and ranges back."""
    check(job.model)
    kept = find_structure(job.model)
    with legacy() as (tf_keras, tfmot):
        net = to_legacy(job.model, tf_keras)
        names = [weight.name for weight in net.weights]
        wrapped = _wrapped(net, tfmot)
        missing = set(names) - {weight.name for weight in wrapped.weights}
        if missing or len(set(names)) < len(names):
            told = ", ".join(sorted(missing)) or "two weights of one name"
            raise tradeoff.Refused("not supported by format", f"tfmot takes the model apart: {told} cannot be followed")
        _begin(wrapped, to_legacy(job.model, tf_keras), job.calibration.x, tf_keras)
        found, chosen = train(job, wrapped, tf_keras, lambda: {each.name: each.numpy() for each in wrapped.weights})
        ranges = _ranges(wrapped, found)
    job.model.set_weights([found[name] for name in names])
    return tradeoff.Rewritten(
        job.model,
        int(job.values["epochs"]),
        notes=(_FREE,) if kept else (),
        facts={"chosen_epoch": chosen, "rounded": list(ranges)},
        ranges=ranges,
    )


def _wrapped(net: Any, tfmot: Any) -> Any:
    try:
        return tfmot.quantization.keras.quantize_model(net)
    except (RuntimeError, ValueError) as error:
        raise tradeoff.Refused("not supported by format", f"tfmot does not quantize {net.name}: {error}") from error


def _begin(wrapped: Any, plain: Any, calibration: Any, tf_keras: Any) -> None:
    """Have the ranges begin with what calibration reaches: tfmot begins at -6 and 6, and follows in small steps."""
    variables = {weight.name: weight for weight in wrapped.weights}
    tensors: dict[str, Any] = {}
    for layer in wrapped.layers:
        inner = getattr(layer, "layer", None)
        if inner is None:
            tensors[f"{layer.name}/{layer.name}"] = plain.inputs[0]
            continue
        twin = plain.get_layer(inner.name)
        tensors |= {f"{layer.name}/{word}": twin.output for word in _ENDS if f"{layer.name}/{word}_min:0" in variables}
        if f"{layer.name}/{_BEFORE}_min:0" in variables:
            twin.activation = tf_keras.activations.linear
            tensors[f"{layer.name}/{_BEFORE}"] = twin(twin.input)
    reached = tf_keras.Model(plain.inputs, tensors).predict(calibration, verbose=0)
    for name, values in reached.items():
        variables[f"{name}_min:0"].assign(min(0.0, float(values.min())))
        variables[f"{name}_max:0"].assign(max(0.0, float(values.max())))


def _ranges(wrapped: Any, found: Found) -> dict[str, tuple[float, float]]:
    """Of the input and of each layer's result that has a range; zero is in it, as whole numbers want it."""
    told = {}
    for layer in wrapped.layers:
        inner = getattr(layer, "layer", None)
        ends = _ends(layer.name, [layer.name] if inner is None else _ENDS, found)
        if ends is not None:
            told[tradeoff.INPUT if inner is None else inner.name] = ends
    return told


def _ends(layer: str, words: Sequence[str], found: Found) -> tuple[float, float] | None:
    for word in words:
        low, high = (found.get(f"{layer}/{word}_{end}:0") for end in ("min", "max"))
        if low is not None and high is not None:
            return min(0.0, float(low)), max(0.0, float(high))
    return None
