"""The ranges of results that a technique has learnt: a file beside the variant's model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Final

from tradeoff.errors import TradeoffError
from tradeoff.vocabulary import Ranges

RANGES_FILE: Final = "ranges.json"
#: What is said of a technique that changes a model with learnt ranges, and learns none itself.
DROPPED: Final = "the ranges that were learnt before are dropped: what is converted to whole numbers is calibrated anew"
#: Precisions without whole-numbered results have no use for ranges.
_IN_VAIN: Final = "{backend} does not take learnt ranges in {precision}: it calibrates as usual, where it has to"
_TAKEN: Final = "{backend} takes the ranges that were learnt"


def write_ranges(ranges: Ranges, folder: Path) -> None:
    """Write what was learnt into a variant's folder; nothing where nothing was."""
    wrong = [name for name, (low, high) in ranges.items() if not (math.isfinite(low) and low <= high < math.inf)]
    if wrong:
        name = wrong[0]
        raise TradeoffError(
            f"the learnt range of {name} is {ranges[name]}: it has to be two numbers, the smaller first"
        )
    if ranges:
        plain = {name: [float(low), float(high)] for name, (low, high) in ranges.items()}
        (folder / RANGES_FILE).write_text(json.dumps(plain, indent=1), encoding="utf-8")


def read_ranges(folder: Path) -> Ranges | None:
    """What was learnt about the variant in ``folder``, if anything was."""
    path = folder / RANGES_FILE
    if not path.exists():
        return None
    return {name: (low, high) for name, (low, high) in json.loads(path.read_text(encoding="utf-8")).items()}


def told_of_ranges(backend: str, precision: str, learnt: Ranges | None, taken: Ranges | None) -> str:
    """What the record says of them; nothing where none were learnt."""
    if learnt is None:
        return ""
    return (_IN_VAIN if taken is None else _TAKEN).format(backend=backend, precision=precision)
