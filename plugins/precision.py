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


# docs/parity.md tells the measurements these were chosen from.
_FP16: Final = tradeoff.Tolerance(0.9999, snr=40.0, top1=0.995, layer_snr=30.0, centred_cosine=0.999, batches=5e-3)
_BF16: Final = tradeoff.Tolerance(0.999, snr=25.0, top1=0.98, layer_snr=20.0, centred_cosine=0.99, batches=5e-2)
_INT8W: Final = tradeoff.Tolerance(0.999, snr=25.0, top1=0.98, layer_snr=20.0, centred_cosine=0.99)
_DYNAMIC: Final = tradeoff.Tolerance(0.995, snr=20.0, top1=0.97, layer_snr=18.0, centred_cosine=0.98)
_INT8: Final = tradeoff.Tolerance(0.995, snr=20.0, top1=0.97, layer_snr=16.0, centred_cosine=0.97)
_INT4: Final = tradeoff.Tolerance(0.95, snr=10.0, top1=0.95, layer_snr=7.0, centred_cosine=0.8)


def _precision(
    name: str, tolerance: tradeoff.Tolerance, summary: str, *parameters: tradeoff.Parameter
) -> tradeoff.Technique:
    return tradeoff.Technique(name, stage="precision", parameters=parameters, summary=summary, tolerance=tolerance)


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """16 bits of two kinds, 8 and 4 bits for weights alone or for activations, too, and 8 bits with exceptions."""
    return [
        _precision("fp16", _FP16, "weights of 16-bit floating point"),
        _precision("bf16", _BF16, "weights of bfloat16: float32's range, fewer digits"),
        _precision("dynamic", _DYNAMIC, "8-bit weights, activations quantized while running"),
        _precision("int8", _INT8, "8-bit weights and activations, calibrated beforehand"),
        _precision("int8w", _INT8W, "8-bit weights, unpacked: all arithmetic in float32"),
        _precision("int16x8", _INT8W, "8-bit weights, calibrated 16-bit activations"),
        _precision("int4", _INT4, "4-bit weights, activations quantized while running"),
        _precision("mixed", _INT8, "int8, and float32 where it hurts most", _FLOAT, _COUNT),
    ]
