"""A recommendation as tables: the choice beside its runner-up, what the limits cost, and why nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.decide.advice import Advice, Gain, Recommendation, Rejection, Relaxation
from tradeoff.decide.amounts import written
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.cascades import Cascade
from tradeoff.decide.judging import used
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES, Number
from tradeoff.decide.wishes import Limit
from tradeoff.record import Axes

from .cascades import called, cascade_told, cascades_table
from .conditions import where
from .format import UNAVAILABLE, change, interval, marked, number, printable, quantity_of, significant
from .table import Cell, Column, Note, Table, without_empty_columns

_MOST: Final = 100
_GAINS: Final = 4
_REJECTED: Final = (
    Column("cell", "cell", folds=True),
    Column("why", "why not", folds=True),
)
_LIMITS: Final = (
    Column("limit", "limit"),
    Column("set", "set to", "right"),
    Column("slack", "room left", "right", importance=2),
    Column("buys", "what more would buy", folds=True),
    Column("why", "reason", folds=True, importance=7),
)


def recommended(found: Recommendation) -> list[Table]:
    """All tables, for one group of cells after the other."""
    return [table for advice in found.advice for table in _tables(advice)]


def answers_first(found: Recommendation) -> list[Table]:
    """The same for a page, which is read from its top."""
    return [table for advice in found.advice for table in reversed(list(_tables(advice)))]


def _tables(advice: Advice) -> Iterator[Table]:
    # In a terminal the end is what is read first.
    yield from rejected_table(advice)
    yield from cascades_table(advice)
    yield from limits_table(advice)
    yield answer_table(advice)


# --- the answer -------------------------------------------------------------------------------------


def answer_table(advice: Advice) -> Table:
    """The choice with its numbers, and what comes next."""
    rows: list[tuple[str, Candidate]] = []
    if advice.choice is not None:
        rows.append(("choice", advice.choice))
    if advice.runner_up is not None:
        rows.append(("runner-up", advice.runner_up.candidate))
    if advice.nearest is not None:
        rows.append(("nearest miss", advice.nearest.candidate))
    told = f"ship {printable(advice.choice.name)}" if advice.choice is not None else "nothing fits"
    title = f"Recommendation · {where(advice)}: {told}"
    columns = (
        Column("role", ""),
        Column("cell", "cell", folds=True),
        *(_column(name, advice) for name in OBJECTIVES),
        Column("run", "run", importance=9, folds=True),
    )
    cells = tuple(_row(role, candidate) for role, candidate in rows)
    return without_empty_columns(Table(title, columns, cells, tuple(map(Note, _notes(advice)))))


def _column(name: str, advice: Advice) -> Column:
    header = advice.conditions.metric or name if name == ACCURACY else name
    importance = 1 if name in used(advice.wish) else 8
    return Column(name, printable(header), "right", OBJECTIVES[name].unit, importance)


def _row(role: str, candidate: Candidate) -> tuple[Cell, ...]:
    numbers = [_number(candidate.numbers.get(name)) for name in OBJECTIVES]
    run = Cell(printable(candidate.run), candidate.run)
    return (Cell(role, role), Cell(called(candidate), candidate.name, tone="strong"), *numbers, run)


def _number(found: Number | None) -> Cell:
    if found is None:
        return Cell(UNAVAILABLE, tone="dim")
    quantity = "percent" if found.name == "accuracy" else quantity_of(found.unit)
    bare = number(found.value, quantity, found.unit)
    text = marked(bare, found.provenance, short=True)
    ends = f" [{interval(found.low, found.high, quantity, found.unit)}]" if found.low < found.high else ""
    return Cell(marked(bare, found.provenance) + ends, found.value, text)


def _notes(advice: Advice) -> Iterator[str]:
    wish = advice.wish
    if wish.title:
        yield printable(f"{wish.title}{f': {wish.summary}' if wish.summary else ''}")
    if advice.because:
        yield advice.because
    if isinstance(advice.choice, Cascade):
        yield from cascade_told(advice.choice)
    if advice.standing == "tied":
        yield "another cell may be as good in everything: the intervals do not tell"
    yield from (printable(f"careful: {text}") for text in advice.cautions)
    if advice.runner_up is not None:
        yield from _runner_up(advice)
    if advice.nearest is not None:
        yield printable(f"nearest miss: {'; '.join(reason.text for reason in advice.nearest.reasons)}")
    if advice.choice is None:
        yield from (_buys(one, "would let in") for one in advice.relaxations)
    yield from map(printable, (*advice.hints, *advice.weights))
    if advice.repeated:
        count = len(advice.repeated)
        yield f"{count} cell{' was' if count == 1 else 's were'} measured in several runs: the newest run counts"


def _runner_up(advice: Advice) -> Iterator[str]:
    if advice.runner_up is None:
        return
    gains = _gains(advice.runner_up.gains, advice)
    yield f"the runner-up has, against the choice: {gains or 'nothing more and nothing less'}"
    if advice.runner_up.instead:
        yield f"the runner-up would be chosen: {printable('; or '.join(advice.runner_up.instead))}"


def _gains(gains: Sequence[Gain], advice: Advice) -> str:
    """The most telling first: what the decision rests on."""
    order = {name: place for place, name in enumerate((*used(advice.wish), *OBJECTIVES))}
    shown = sorted(gains, key=lambda gain: list(order).index(gain.objective))[:_GAINS]
    return ", ".join(_gain(gain, advice) for gain in shown)


def _gain(gain: Gain, advice: Advice) -> str:
    unit = OBJECTIVES[gain.objective].unit
    doubt = "" if gain.shown else " (within the intervals)"
    if gain.objective == ACCURACY:
        metric = advice.conditions.metric
        return f"{printable(metric or ACCURACY)} {change(gain.by, points=metric == ACCURACY)}{doubt}"
    sign = "+" if gain.by > 0 else "−"
    return f"{gain.objective} {sign}{written(abs(gain.by), unit)}{doubt}"


# --- limits -----------------------------------------------------------------------------------------


def limits_table(advice: Advice) -> list[Table]:
    """Which limits bind, and what a little more would buy."""
    rows = tuple(_limit(limit, advice) for limit in advice.wish.limits)
    aside = "; thresholds of cascades may move with it" if advice.cascades and advice.cascades.candidates else ""
    notes = [] if advice.relaxations else [Note(f"no limit alone changes the answer{aside}")]
    table = Table(f"Limits · {where(advice)}", _LIMITS, rows, tuple(notes))
    return [without_empty_columns(table)] if rows else []


def _limit(limit: Limit, advice: Advice) -> tuple[Cell, ...]:
    slack = advice.slack.get(limit.name)
    room = Cell(UNAVAILABLE) if slack is None else Cell(written(slack, limit.unit), slack)
    bought = [_relaxed(one, advice) for one in advice.relaxations if one.limit is limit]
    buys = Cell("; ".join(bought) or "nothing", tone="strong" if bought else "dim")
    return (Cell(limit.name, limit.name), Cell(limit.text, limit.value), room, buys, Cell(limit.why, limit.why or None))


def _relaxed(found: Relaxation, advice: Advice) -> str:
    gains = _gains(found.gains, advice)
    return f"{_buys(found, 'buys')}{f': {gains}' if gains else ''}"


def _buys(found: Relaxation, verb: str) -> str:
    side = "more" if found.limit.most else "less"
    amount = significant(found.by) if found.limit.unit == "1" else written(found.by, found.limit.unit)
    return printable(f"{amount} {side} (--{found.limit.name} {found.to}) {verb} {found.candidate.name}")


# --- the rest ---------------------------------------------------------------------------------------


def rejected_table(advice: Advice) -> list[Table]:
    """Every other cell, what fits first, and what was never measured last."""
    fitting = sorted(advice.rejected, key=lambda one: (not one.fits, _furthest(one)))
    rows = [
        (Cell(called(one.candidate)), Cell(printable("; ".join(reason.text for reason in one.reasons))))
        for one in fitting
    ]
    rows += [(Cell(printable(_name(one.cell))), Cell(_unmeasured(one.status, one.reason))) for one in advice.unmeasured]
    if not rows:
        return []
    more = len(rows) - _MOST
    notes = (Note(f"and {more:,} more: they are in the CSV and in the JSON"),) if more > 0 else ()
    return [Table(f"Not chosen: {len(rows):,} · {where(advice)}", _REJECTED, tuple(rows[:_MOST]), notes)]


def _name(cell: Axes) -> str:
    return f"{cell.model}/{cell.chain}/{cell.backend}"


def _unmeasured(status: str, reason: str) -> str:
    return printable(f"{status}{f': {reason}' if reason else ''}")


def _furthest(one: Rejection) -> float:
    return max((abs(reason.by / reason.bound) if reason.by and reason.bound else 0.0) for reason in one.reasons)
