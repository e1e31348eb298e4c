"""How near a backend's answers have to be to Keras' own, and what that says."""

from __future__ import annotations

from typing import Final

#: The least cosine between the two, taken about the mean answer of Keras, by precision.
NEAR: Final[dict[str, float]] = {
    "float32": 0.999,
    "fp16": 0.999,
    "bf16": 0.99,
    "int16x8": 0.99,
    "int8w": 0.99,
    "dynamic": 0.98,
    "int8": 0.97,
    "int4": 0.8,
}
#: For a precision of somebody's own.
_OTHERS: Final = 0.8
#: Between the same rows in batches of different sizes; kernels add up in another order.
SAME: Final = 1e-4
#: Where activations are quantized as they come, what stands beside a row decides how it is rounded.
SAME_QUANTIZED: Final = 0.1


def near(precision: str) -> float:
    """The least cosine in ``precision``."""
    return NEAR.get(precision, _OTHERS)


def same(precision: str) -> float:
    """The largest difference between the same rows in other batches."""
    return {"float32": SAME, "fp16": 5e-3, "bf16": 5e-2}.get(precision, SAME_QUANTIZED)
