"""The precisions: requests that each backend realises in its own way, or refuses with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import tradeoff

_FLOAT: Final = tradeoff.Parameter(
    "float",
    str,
    default="ends",
    summary="what stays in float32: first, last, ends (both), dense, conv, depthwise, or the name of a layer",
)
_COUNT: Final = tradeoff.Parameter(
    "count", int, default=1, minimum=1, maximum=64, summary="how many layers with weights first, last and ends mean"
)


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """16 bits of two kinds, 8 and 4 bits for weights alone or for activations, too, and 8 bits with exceptions."""
    return [
        tradeoff.Technique("fp16", stage="precision", summary="weights of 16-bit floating point"),
        tradeoff.Technique("bf16", stage="precision", summary="weights of bfloat16: float32's range, fewer digits"),
        tradeoff.Technique("dynamic", stage="precision", summary="8-bit weights, activations quantized while running"),
        tradeoff.Technique("int8", stage="precision", summary="8-bit weights and activations, calibrated beforehand"),
        tradeoff.Technique("int8w", stage="precision", summary="8-bit weights, unpacked: all arithmetic in float32"),
        tradeoff.Technique("int16x8", stage="precision", summary="8-bit weights, calibrated 16-bit activations"),
        tradeoff.Technique("int4", stage="precision", summary="4-bit weights, activations quantized while running"),
        tradeoff.Technique(
            "mixed", stage="precision", parameters=(_FLOAT, _COUNT), summary="int8, and float32 where it hurts most"
        ),
    ]
