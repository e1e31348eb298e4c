"""What came of all orders, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.ordering.effects import CONFIDENCE, Effect, Scores, of_chains, of_company, of_orders, of_pairs
from tradeoff.ordering.plan import Ways
from tradeoff.ordering.trying import record_of
from tradeoff.record import Record, Run
from tradeoff.text import columns, size

#: Measurements of bytes, and what their columns are called: zeros and shared values show when packed.
_SIZES: Final = {"artifact_bytes": "size", "gzip_bytes": "gzipped"}


def tell(model: str, ways: Ways, runs: Mapping[int, Run]) -> list[str]:
    """Every chain, then what order did, and what company did."""
    records = {way.members: [record_of(run, way.chain) for run in runs.values()] for way in ways.ways}
    metric, points = _metric(records[()][0])
    scores = {
        members: [_score(record, metric) * (100 if points else 1) for record in found]
        for members, found in records.items()
    }
    unit = "points" if points else metric
    seeds = ", ".join(map(str, runs))
    budget = f"each with {ways.epochs} epochs of training in all and ending in {ways.tail}"
    return [
        f"{model}: {len(ways.ways)} chains, {budget}; seeds {seeds}",
        "",
        *_chains(scores, records, metric, points),
        "",
        *_section(f"One order over the other, {unit} of {metric}", of_pairs(scores, ways.names)),
        *_section(f"Each order of all over their mean, {unit} of {metric}", of_orders(scores, ways.names)),
        *_section(f"Two together beyond what each does alone, {unit} of {metric}", of_company(scores, ways.names)),
        *_footnotes(len(runs)),
    ]


def _metric(record: Record) -> tuple[str, bool]:
    """The task's metric, and whether it is a share that people speak of in points."""
    name = str(record.facts.get("metric", ""))
    if name not in record.measurements:
        raise BadInput(f"{record.cell.spelling} has no metric, so no order can be better; give data with labels")
    return name, name == "accuracy"


def _score(record: Record, metric: str) -> float:
    found = record.measurements[metric]
    if found.value is None:
        raise BadInput(f"{record.cell.spelling} has no {metric}: {found.note or 'it is unavailable'}")
    return found.value


def _chains(
    scores: Scores, records: Mapping[tuple[str, ...], Sequence[Record]], metric: str, points: bool
) -> Iterator[str]:
    gains = of_chains(scores)
    best = records[()][0].measurements[metric].direction != "lower"
    rows = [("techniques", metric, "over none of them", "interval", *_SIZES.values())]
    for members in sorted(scores, key=lambda one: mean(scores[one]), reverse=best):
        gain = gains.get(members)
        rows.append(
            (
                ", then ".join(members) or "none of them",
                f"{mean(scores[members]):.2f}{' %' if points else ''}",
                f"{gain.mean:+.2f}" if gain else "",
                _interval(gain) if gain else "",
                *(_size(records[members], name) for name in _SIZES),
            )
        )
    yield from columns(rows, indent="")


def _size(records: Sequence[Record], name: str) -> str:
    known = [found.value for record in records if (found := record.measurements.get(name)) and found.value is not None]
    return size(mean(known)) if known else ""


def _section(title: str, effects: Sequence[Effect]) -> Iterator[str]:
    if not effects:
        return
    yield title
    yield from columns([(one.told, f"{one.mean:+.2f}", _interval(one), _verdict(one)) for one in effects])
    yield ""


def _interval(one: Effect) -> str:
    return "" if one.low is None or one.high is None else f"{one.low:+.2f} to {one.high:+.2f}"


def _verdict(one: Effect) -> str:
    if one.low is None:
        return "one seed tells nothing of noise"
    return "shown" if one.shown else "not shown"


def _footnotes(seeds: int) -> Iterator[str]:
    if seeds > 1:
        yield (
            f"Differences are taken within each seed. An interval is {100 * CONFIDENCE:.0f} % for all lines of a table "
            f"together, by Student's t over {seeds} seeds."
        )
    yield "They hold for this data and this test split; other samples of the same kind would add to them."
