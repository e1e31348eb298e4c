"""What not to trust: noise, models of devices, few samples, outputs that left the original, cells without numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.compare.quantities import fact

from ..tables.format import is_number, number
from ..tables.rows import Row
from .sentences import Sentence, listed

#: An interval of the accuracy that is wider than this is worth a word.
_WIDE: Final = 0.02
_VERDICTS: Final = {
    "noisy": "timed while the machine was busy or slow, so do not decide from the latency",
    "below floor": "worse than the floor of the task",
    "parity": "far from the answers of the model before the conversion",
    "overloaded": "too slow for the load",
}


def doubts(rows: Sequence[Row], several: bool) -> Iterator[Sentence]:
    """Told once for all rows of which it is so."""
    yield from _verdicts(rows)
    yield from _estimates(rows)
    yield from _few_samples(rows)
    yield from _lost(rows)


def _verdicts(rows: Sequence[Row]) -> Iterator[Sentence]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for begin in _VERDICTS:
            if any(verdict.startswith(begin) for verdict in row.record.verdicts):
                found[begin].append(row)
    for begin, members in found.items():
        first = f"{members[0].cell.model}/{members[0].cell.chain}/{members[0].cell.backend}"
        others = len(members) - 1
        which = f"{first} was" if not others else f"{first} and {others:,} other{'s' * (others > 1)} were"
        yield Sentence("What not to trust", f"{which} {_VERDICTS[begin]}.", tuple(members), 50.0 + others)


def _estimates(rows: Sequence[Row]) -> Iterator[Sentence]:
    """Of each device that is not here: how wrong its numbers are, as far as anybody knows."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        latency = row.get("latency")
        if latency is not None and latency.provenance != "measured":
            found[row.cell.device].append(row)
    for device, members in found.items():
        first = members[0]
        origin = first.record.measurements["latency"].provenance
        told = first.record.facts.get("estimate")
        error = told.get("error") if isinstance(told, dict) else None
        if is_number(error):
            tail = f"such numbers were wrong by {number(float(error), 'percent')} on the average"
        else:
            tail = "nobody has checked such numbers"
        text = f"Latencies on {device} are {origin}, not measured: {tail}."
        yield Sentence("What not to trust", text, tuple(members), 40.0 + 10 * (not is_number(error)))


def _few_samples(rows: Sequence[Row]) -> Iterator[Sentence]:
    wide: dict[tuple[str, float], list[Row]] = defaultdict(list)
    for row in rows:
        ends, samples = row.metric_interval, fact(row.record.facts, "test_samples")
        if row.metric == "accuracy" and ends is not None and samples and ends[1] - ends[0] > _WIDE:
            task = row.record.facts.get("task")
            wide[task if isinstance(task, str) else row.family, samples].append(row)
    for (task, samples), members in wide.items():
        most = max(ends[1] - ends[0] for row in members if (ends := row.metric_interval) is not None)
        text = (
            f"Accuracy on {task} is over {samples:,.0f} samples, and known within {100 * most:.1f} points: "
            "smaller differences between cells may be chance."
        )
        yield Sentence("What not to trust", text, tuple(members), 45.0)


def _lost(rows: Sequence[Row]) -> Iterator[Sentence]:
    """What should have given numbers and did not."""
    lost = [row for row in rows if row.record.status in ("crashed", "failed", "interrupted", "not run")]
    if lost:
        names = listed(row.cell.spelling for row in lost)
        text = f"{len(lost):,} planned cell{'s' * (len(lost) > 1)} gave no numbers: {names}."
        yield Sentence("What not to trust", text, tuple(lost), 60.0)
