"""The bits of each layer that a conversion was handed: what backends share that realise them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import tradeoff

LAYERWISE: Final = "layerwise"
FLOAT_BITS: Final = 32


def bits_of(job: tradeoff.Conversion) -> Mapping[str, int]:
    """By layer; without them there is nothing to realise."""
    if job.bits is None:
        raise tradeoff.Refused(
            "not supported by format",
            f"{LAYERWISE} realises bits that were chosen layer by layer, and nothing has chosen any; write sensitive, "
            "which does, as the last technique before it",
        )
    return job.bits
