"""Two runs by their fronts, as a table: the room that the cells of each cover before one reference point."""

from __future__ import annotations

from typing import Final

from tradeoff.compare.comparing import Comparison
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES
from tradeoff.decide.volumes import FrontChange, Volume, front_changes
from tradeoff.record import Record

from .format import number, printable, quantity_of, significant
from .table import Cell, Column, Note, Table, Tone

_MOST: Final = 30
_TONES: Final[dict[str, Tone]] = {"worse": "bad", "better": "good"}
_COLUMNS: Final = (
    Column("front", "accuracy against", folds=True),
    Column("old", "old", "right", importance=1),
    Column("new", "new", "right", importance=1),
    Column("verdict", "verdict"),
    Column("reference", "reference", importance=2, folds=True),
    Column("cells", "cells", "right", importance=3),
)
_HOW: Final = (
    "hypervolume: the share of the room before the reference that a run's cells cover; more is better",
    "the reference is one for both runs, a tenth beyond the worst of all their cells; costs by their logarithm",
    "[ends]: with all numbers at the ends of their intervals; where these overlap no difference is shown",
)


def changes_of(comparison: Comparison) -> list[FrontChange]:
    """The fronts that both runs have."""
    return front_changes(comparison.old, comparison.new, machines_differ=bool(comparison.refusal))


def volumes_table(comparison: Comparison) -> list[Table]:
    """Nothing where the runs have no front in common."""
    found = changes_of(comparison)
    if not found:
        return []
    rows = tuple(map(_row, found[:_MOST]))
    doubtful = max(one.doubtful for one in found)
    notes = [*_HOW]
    notes += [f"left out for a doubt, such as noise: up to {doubtful:,} cells"] if doubtful else []
    notes += [f"and {len(found) - _MOST:,} more fronts: they are in the CSV"] if len(found) > _MOST else []
    return [Table("Fronts", _COLUMNS, rows, tuple(map(Note, notes)))]


def front_name(one: FrontChange) -> str:
    """The cost and the conditions."""
    known = one.conditions
    suite = "" if known.suite == Record.suite else known.suite
    return " · ".join(part for part in (one.cost, known.task, known.device, known.load, suite) if part)


def reference_of(one: FrontChange) -> str:
    """The point, in units that a person reads."""
    accuracy, cost = one.reference
    metric, unit = one.conditions.metric or ACCURACY, OBJECTIVES[one.cost].unit
    quality = number(accuracy, "percent") if metric == ACCURACY else significant(accuracy)
    return f"{metric} {quality}, {one.cost} {number(cost, quantity_of(unit), unit)}"


def _row(one: FrontChange) -> tuple[Cell, ...]:
    return (
        Cell(printable(front_name(one)), front_name(one)),
        *(Cell(_told(volume), volume.value) for volume in (one.old, one.new)),
        Cell(one.verdict, one.verdict, tone=_TONES.get(one.verdict, "plain")),
        Cell(printable(reference_of(one)), reference_of(one)),
        Cell(f"{one.old.cells:,} and {one.new.cells:,}", one.new.cells),
    )


def _told(volume: Volume) -> str:
    ends = f" [{volume.low:.3f} – {volume.high:.3f}]" if volume.low < volume.high else ""
    return f"{volume.value:.3f}{ends}"
