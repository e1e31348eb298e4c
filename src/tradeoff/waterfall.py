"""What each stage of a chain contributes to the size of the artifact and to its quality, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tradeoff.cell import Cell
from tradeoff.chain import BASELINE, Chain
from tradeoff.errors import TradeoffError
from tradeoff.supply import Supply
from tradeoff.vocabulary import Progress


def waterfall(supply: Supply, cell: Cell, progress: Progress) -> list[dict[str, Any]]:
    """A row for the model as it was trained, and one for each step; a prefix that cannot be had says why.

    Every prefix is converted and judged as a cell of its own would be, and is in the store for that cell from then on.
    """
    steps = cell.chain.in_full.steps
    return [
        {
            "step": steps[count - 1].spelling if count else BASELINE,
            **_row(supply, replace(cell, chain=Chain(steps[:count])), progress),
        }
        for count in range(len(steps) + 1)
    ]


def _row(supply: Supply, cell: Cell, progress: Progress) -> Mapping[str, Any]:
    try:
        variant = supply.variant(cell.model, cell.chain.model_steps, progress)
        artifact = supply.artifact(cell, progress)
        quality = supply.result(cell, artifact, progress).facts["quality"] if supply.can(cell).runs else {}
    except TradeoffError as error:
        return {"note": str(error)}
    steps: Sequence[Any] = cell.chain.steps
    # A stage that works on the model takes its time there, any other when the artifact is made.
    made = variant if not steps or steps[-1].stage == "model" else artifact
    return {
        "bytes": artifact.facts["bytes"],
        "gzip_bytes": artifact.facts["gzip_bytes"],
        "quality": quality.get(supply.registry.task_of(supply.registry.models[cell.model]).metric),
        "seconds": made.facts["seconds"],
        "epochs": variant.facts["epochs"] if made is variant else 0,
    }
