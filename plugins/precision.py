"""The precisions: requests that each backend realises in its own way, or refuses with a reason."""

from __future__ import annotations

from collections.abc import Sequence

import tradeoff


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``fp16``, ``dynamic`` and ``int8``."""
    return [
        tradeoff.Technique("fp16", stage="precision", summary="weights of 16-bit floating point"),
        tradeoff.Technique("dynamic", stage="precision", summary="8-bit weights, activations quantized while running"),
        tradeoff.Technique("int8", stage="precision", summary="8-bit weights and activations, calibrated beforehand"),
    ]
