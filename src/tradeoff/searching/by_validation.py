"""Records as a choice may see them: with what their artifacts are worth on the validation split, not on the test split.

Whoever takes the best of twenty by the test split is told a quality that the choice itself has made too good.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tradeoff.errors import BadInput
from tradeoff.record import Measurement, Record, Run

_BELOW: str = "below floor"


def by_validation(record: Record) -> Record:
    """The same with the metric and the loss of the validation split, and with the verdict on the floor by it."""
    found: dict[str, Any] = dict(record.facts.get("validation") or {})
    metric = str(record.facts.get("metric", ""))
    if found.get(metric) is None:
        told = "has no quality on validation" if metric else "has no metric; give data with labels"
        raise BadInput(f"{record.cell.spelling} {told}, and a search chooses by that")
    samples = found.pop("samples", None)
    numbers = dict(record.measurements)
    for name, value in found.items():
        numbers[name] = replace(numbers.get(name, Measurement(None, "1")), value=value, low=None, high=None)
    verdicts = tuple(one for one in record.verdicts if not one.startswith(_BELOW))
    floor = record.facts.get("floor")
    if floor is not None and _worse(numbers[metric], float(floor)):
        verdicts = (*verdicts, f"{_BELOW} {floor:g}")
    return replace(record, measurements=numbers, verdicts=verdicts, facts={**record.facts, "test_samples": samples})


def _worse(number: Measurement, floor: float) -> bool:
    value = number.value or 0.0
    return value > floor if number.direction == "lower" else value < floor


def run_by_validation(run: Run) -> Run:
    """The same for all that was measured in a run."""
    records = tuple(by_validation(one) if one.status == "measured" else one for one in run.records)
    return replace(run, records=records)
