"""The precisions: requests that each backend realises in its own way, or refuses with a reason."""

from __future__ import annotations

from collections.abc import Sequence

import tradeoff


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """16 bits of two kinds, and 8 and 4 bits for weights alone or for activations, too."""
    return [
        tradeoff.Technique("fp16", stage="precision", summary="weights of 16-bit floating point"),
        tradeoff.Technique("bf16", stage="precision", summary="weights of bfloat16: float32's range, fewer digits"),
        tradeoff.Technique("dynamic", stage="precision", summary="8-bit weights, activations quantized while running"),
        tradeoff.Technique("int8", stage="precision", summary="8-bit weights and activations, calibrated beforehand"),
        tradeoff.Technique("int8w", stage="precision", summary="8-bit weights, all arithmetic in floating point"),
        tradeoff.Technique("int16x8", stage="precision", summary="8-bit weights, 16-bit activations, calibrated"),
        tradeoff.Technique("int4", stage="precision", summary="4-bit weights, activations quantized while running"),
    ]
