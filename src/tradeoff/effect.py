"""Verdict "no effect on this backend": techniques changed the weights, and the artifact is as large and as slow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tradeoff.cell import Cell
from tradeoff.chain import Chain
from tradeoff.record import Measurement
from tradeoff.registry import Registry

NO_EFFECT: Final = "no effect on this backend"
#: Sizes that differ by less are the same: names and padding differ from artifact to artifact.
_SAME_SIZE: Final = 0.005
#: Two loads of one file may differ by so much in speed.
_SAME_SPEED: Final = 0.02


def without_saving(cell: Cell, registry: Registry) -> Cell | None:
    """The cell with all that came before the first technique whose saving something else has to realise.

    ``None`` where no technique of the chain says that it depends on such a thing. Everything before it was built on the
    way, so nothing is trained for the comparison.
    """
    steps = cell.chain.model_steps
    for place, step in enumerate(steps):
        if registry.techniques[step.technique].realised_by:
            rest = cell.chain.in_full.steps[len(steps) :]
            return replace(cell, chain=Chain((*steps[:place], *rest)))
    return None


def same_size(ours: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether two artifacts have the same bytes, give or take what names take."""
    return abs(int(ours["bytes"]) - int(others["bytes"])) <= _SAME_SIZE * int(others["bytes"])


def same_speed(speed_up: Measurement | None) -> bool:
    """Whether no difference in speed was shown; without a measurement, none was."""
    if speed_up is None or speed_up.value is None:
        return True
    low = speed_up.value if speed_up.low is None else speed_up.low
    high = speed_up.value if speed_up.high is None else speed_up.high
    return low <= 1 + _SAME_SPEED and high >= 1 / (1 + _SAME_SPEED)


def words(told: Mapping[str, Any]) -> str:
    """The verdict, and what would make the saving real."""
    return f"{NO_EFFECT}: {'; '.join(dict.fromkeys(told['realised_by'].values()))}"


def explanation(
    cell: Cell, other: Cell, registry: Registry, ours: Mapping[str, Any], others: Mapping[str, Any], timed: bool
) -> dict[str, Any]:
    """What the record says beside the verdict, and what would make the saving real.

    :param timed: whether the two were timed against each other.
    """
    told = {step.technique: registry.techniques[step.technique].realised_by for step in cell.chain.model_steps}
    return {
        "compared_with": other.spelling,
        "bytes": [others["bytes"], ours["bytes"]],
        "gzip_bytes": [others["gzip_bytes"], ours["gzip_bytes"]],
        "timed": timed,
        "realised_by": {name: text for name, text in told.items() if text},
    }
