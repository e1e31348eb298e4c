"""A Keras model in 16 bits: all of it, or its arithmetic alone. Runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.formats import keras_files

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Precision to Keras's policy.
POLICIES: Final = {"fp16": "float16", "bf16": "bfloat16"}


def cast(model: Any, policy: str, calibration: Array) -> Any:
    """The same model with every layer under ``policy``, one of Keras's: ``bfloat16``, ``mixed_float16``."""
    import numpy as np

    try:
        twin = type(model).from_config(_under(policy, model.get_config()))
        _copy_weights(model, twin, "float32" if policy.startswith("mixed_") else policy)
        outputs = keras_files.outputs_of(twin, calibration).astype(np.float32)
    except tradeoff.Refused:
        raise
    # An engine without such a kernel, a layer that fixes its own type: each raises in its own way.
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise tradeoff.Refused("not supported by format", f"the model does not run in {policy}: {first}") from error
    lost = int(np.sum(~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=-1)))
    if lost:
        raise tradeoff.Refused(
            "not supported by format",
            f"in {policy} the model overflows on {lost} of {len(outputs)} calibration samples",
        )
    return twin


def _under(policy: str, node: Any) -> Any:
    """A configuration with every layer's policy replaced; what a model takes in stays as it is."""
    if isinstance(node, list | tuple):
        return [_under(policy, item) for item in node]
    if not isinstance(node, Mapping):
        return node
    if node.get("class_name") == "InputLayer":
        return dict(node)
    if node.get("class_name") == "DTypePolicy":
        return {**node, "config": {"name": policy}}
    return {key: policy if (key, item) == ("dtype", "float32") else _under(policy, item) for key, item in node.items()}


def _copy_weights(model: Any, twin: Any, dtype: str) -> None:
    import numpy as np

    for ours, theirs in zip(model.weights, twin.weights, strict=True):
        if "float" in str(theirs.dtype) and str(theirs.dtype) != dtype:
            raise tradeoff.Refused("not supported by format", f"{theirs.path} stays {theirs.dtype} whatever the policy")
        values = np.asarray(ours)
        if str(theirs.dtype) == "float16" and np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
            raise tradeoff.Refused("not supported by format", f"{ours.path} has values too large for float16")
        theirs.assign(values)
