"""The bits that a technique has chosen for the weights of each layer: a file beside the variant's model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tradeoff.errors import TradeoffError

BITS_FILE: Final = "bits.json"
#: What can be asked for; 32 leaves weights in floating point.
WIDTHS: Final = (4, 8, 32)
#: What is said of a technique that changes a model after bits were chosen, and chooses none itself.
DROPPED: Final = "the bits that were chosen before are dropped: they were chosen for other weights"


def write_bits(bits: Mapping[str, int], folder: Path) -> None:
    """Write what was chosen into a variant's folder; nothing where nothing was."""
    for layer, width in bits.items():
        if width not in WIDTHS:
            raise TradeoffError(f"the bits chosen for {layer} are {width!r}; there are {', '.join(map(str, WIDTHS))}")
    if bits:
        (folder / BITS_FILE).write_text(json.dumps(dict(bits), indent=1), encoding="utf-8")


def read_bits(folder: Path) -> dict[str, int] | None:
    """What was chosen for the variant in ``folder``, if anything was."""
    path = folder / BITS_FILE
    if not path.exists():
        return None
    return {layer: int(width) for layer, width in json.loads(path.read_text(encoding="utf-8")).items()}
