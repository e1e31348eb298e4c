"""What a Keras model consists of, layer by layer: counted from the model itself, whoever made it. Runs in a worker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tradeoff.accounting import has_rule, is_free, is_opaque, macs_of, sample_of, watched_layer

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Of a larger matrix the rank would take longer than a technique does.
_LARGEST_RANKED: Final = 2048


def inspect_layers(model: Any) -> list[dict[str, Any]]:
    """One row for each layer of ``model`` that has no layers inside, in the order in which they are listed.

    Names are made unique by the models around a layer; numbers that cannot be told are ``None``.
    """
    layers = list(_leaves(model, ""))
    calls = _watched(model, [layer for _, layer in layers])
    return [_row(name, layer, calls.get(id(layer), _Calls())) for name, layer in layers]


def _leaves(model: Any, around: str) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    for part in model._flatten_layers(include_self=False, recursive=False):
        inner = [] if is_opaque(part) else list(part._flatten_layers(include_self=False, recursive=False))
        name = f"{around}{part.name}"
        if id(part) in seen or type(part).__name__ == "InputLayer":
            continue
        seen.add(id(part))
        own = len(part.weights) > sum(len(one.weights) for one in inner)
        if not inner or own:
            yield name, part
        if not own:
            yield from _leaves(part, f"{name}/")


@dataclass
class _Calls:
    """What was seen of a layer's calls for one sample.

    :param outputs: the shape of each.
    :param macs: of all of them; ``None`` where no rule knows the layer.
    """

    outputs: list[tuple[int, ...]] = field(default_factory=list)
    bytes: int = 0
    macs: int = 0


def _watched(model: Any, layers: list[Any]) -> dict[int, _Calls]:
    """Run one sample of zeros and note every call; nothing where the model does not say how large a sample is."""
    import keras

    sample = sample_of(model)
    found: dict[int, _Calls] = {}
    if sample is None:
        return found

    def note(layer: Any, inputs: Any, outputs: Any) -> None:
        calls = found.setdefault(id(layer), _Calls())
        for output in keras.tree.flatten(outputs):
            calls.outputs.append(tuple(output.shape))
            calls.bytes += math.prod(output.shape) * _bits(keras.backend.standardize_dtype(output.dtype)) // 8
        if has_rule(layer):
            calls.macs += macs_of(layer, tuple(inputs.shape), tuple(outputs.shape))

    with ExitStack() as watches:
        for layer in layers:
            watches.enter_context(watched_layer(layer, note))
        model(sample, training=False)
    return found


def _row(name: str, layer: Any, calls: _Calls) -> dict[str, Any]:
    import keras
    import numpy as np

    weights = layer.weights
    kernels = [keras.ops.convert_to_numpy(weight) for weight in weights if len(weight.shape) >= 2]
    count = sum(kernel.size for kernel in kernels)
    largest = max(kernels, key=lambda kernel: kernel.size) if kernels else None
    dtypes = sorted({keras.backend.standardize_dtype(weight.dtype) for weight in weights})
    return {
        "name": name,
        "kind": type(layer).__name__,
        "parameters": sum(math.prod(weight.shape) for weight in weights),
        "bytes": sum(
            math.prod(weight.shape) * _bits(keras.backend.standardize_dtype(weight.dtype)) // 8 for weight in weights
        ),
        "macs": 0 if is_free(layer) else calls.macs if has_rule(layer) and calls.outputs else None,
        "shapes": {weight.name: list(weight.shape) for weight in weights},
        "output": list(calls.outputs[-1][1:]) if calls.outputs else None,
        "output_bytes": calls.bytes if calls.outputs else None,
        "dtype": "/".join(dtypes),
        "bits": max((_bits(dtype) for dtype in dtypes), default=None),
        "sparsity": float(sum(np.count_nonzero(kernel == 0) for kernel in kernels) / count) if count else None,
        "unique": max((_distinct(kernel) for kernel in kernels), default=None),
        "rank": _rank(largest, _kept_axes(layer)) if largest is not None else None,
    }


def _bits(dtype: str) -> int:
    """``float32`` has 32; what has no number in its name is a flag."""
    digits = "".join(c for c in dtype.partition("_")[0] if c.isdigit())
    return 16 if dtype == "bfloat16" else int(digits or 8)


def _distinct(kernel: Array) -> int:
    import numpy as np

    return len(np.unique(kernel))


def _kept_axes(layer: Any) -> int:
    """How many of a kernel's last axes are its outputs; each channel of a depthwise one has outputs of its own."""
    return 2 if type(layer).__name__.startswith("Depthwise") else 1


def _rank(kernel: Array, outputs: int) -> int | None:
    """The rank of the kernel as a matrix from all its inputs to its outputs, told with the precision of its weights."""
    import numpy as np

    matrix = kernel.reshape(-1, math.prod(kernel.shape[-outputs:])).astype(np.float64)
    if min(matrix.shape) > _LARGEST_RANKED or not np.isfinite(matrix).all():
        return None
    small = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    # Of the squares: half the digits of float64 are still more than float32 has.
    values = np.linalg.eigvalsh(small.T @ small)
    least = (max(matrix.shape) * np.finfo(np.float32).eps) ** 2 * max(values[-1], 0.0) if len(values) else 0.0
    return int(np.count_nonzero(values > least))
