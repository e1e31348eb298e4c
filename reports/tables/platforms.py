"""Cloud, edge and microcontroller side by side: the best of each, its numbers, and what it takes to ship it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tradeoff.decide.advice import Advice
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.objectives import ACCURACY
from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import Wish, parse_goal
from tradeoff.errors import TradeoffError
from tradeoff.record import Record, Run
from tradeoff.vocabulary import View

from .columns import error_of
from .format import MARKS, UNAVAILABLE, marked, number, printable
from .table import Cell, Column, Note, Table

#: What is asked of each, and in which words.
PLATFORMS: Final[Mapping[str, tuple[str, str]]] = {
    "cloud": ("accuracy>latency", "the most accurate, then the fastest"),
    "edge": ("accuracy:2,size:1,latency:1", "accuracy twice, size and latency once"),
    "microcontroller": ("accuracy>latency>size", "the most accurate, then the fastest, then the smallest"),
}
_COLUMNS: Final = (
    Column("platform", "platform"),
    Column("device", "device", under="platform"),
    Column("best", "best", folds=True),
    Column("accuracy", "accuracy", "right", "1", 1),
    Column("size", "size", "right", "B", 2),
    Column("latency", "latency", "right", "s", 1),
    Column("memory", "memory", "right", "B", 3),
    Column("energy", "energy", "right", "J", 7),
    Column("power", "power", "right", "W", 3),
    Column("lines", "lines", "right", "1", 4),
    Column("steps", "steps", "right", "1", 4),
    Column("tools", "tools", "right", "1", 5),
    Column("dependencies", "ships", "right", "1", 5),
)
_EFFORT: Final = (
    "lines of the smallest program, steps from the artifact to something that runs, tools that these need, and what "
    "ships with the program, as the backend declares them"
)
_MOST: Final = 12


@dataclass(frozen=True)
class _Best:
    """The best of one platform on one device, or why there is none."""

    platform: str
    device: str
    advice: Advice


def platforms(runs: Sequence[Run]) -> list[Table]:
    """One table for each task."""
    found = [best for platform in PLATFORMS for best in _bests(platform, runs)]
    tasks = dict.fromkeys(best.advice.conditions.task for best in found)
    tables = []
    for task in tasks:
        ours = [best for best in found if best.advice.conditions.task == task]
        tables += [_table(task, ours), _reasons(task, ours)]
    return _with_silent(tables, runs)


def _with_silent(tables: list[Table], runs: Sequence[Run]) -> list[Table]:
    """The last table also counts what could not take part."""
    silent = Counter(r.cell.backend for run in runs for r in run.records if r.status == "measured" and not _effort(r))
    if silent:
        tables = tables or [Table("Platforms", _COLUMNS, ())]
        names = ", ".join(sorted(silent)[:_MOST])
        note = f"{sum(silent.values()):,} cells are not here, since their records name no platform: {names}"
        tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, Note(printable(note))))
    return tables


VIEW: Final = View(
    "platforms", "cloud, edge and microcontroller side by side, and the effort to ship", tables=platforms
)


def _bests(platform: str, runs: Sequence[Run]) -> Iterator[_Best]:
    """What would be recommended, of the cells whose backend is for this platform, on each device under one request."""
    kept = [replace(run, records=tuple(r for r in run.records if _is_of(platform, r))) for run in runs]
    if not any(run.records for run in kept):
        return
    try:
        advice = recommend(kept, Wish(parse_goal(PLATFORMS[platform][0])))
    except TradeoffError:
        return
    for one in advice.advice:
        if any(ACCURACY in c.numbers for c in _candidates(one)):
            yield _Best(platform, one.conditions.device, one)


def _candidates(advice: Advice) -> list[Candidate]:
    chosen = [advice.choice] if advice.choice is not None else []
    return [*chosen, *(one.candidate for one in advice.rejected)]


def _is_of(platform: str, record: Record) -> bool:
    effort = _effort(record)
    return record.status == "measured" and effort.get("platform") == platform and record.cell.load == "b1"


def _effort(record: Record) -> Mapping[str, Any]:
    found = record.facts.get("effort")
    return found if isinstance(found, dict) else {}


def _table(task: str, bests: Sequence[_Best]) -> Table:
    rows = tuple(_row(best) for best in bests)
    notes = [Note(text) for text in dict.fromkeys(text for best in bests for text in _shipping(best))]
    legend = [Note(f"{mark} {name}", once=True) for name, mark in MARKS.items() if _shows(rows, mark)]
    return Table(f"Platforms · {printable(task)}", _COLUMNS, rows, (*notes, Note(_EFFORT), *legend))


def _shows(rows: Sequence[Sequence[Cell]], mark: str) -> bool:
    return any(cell.text.startswith(mark) for row in rows for cell in row)


def _row(best: _Best) -> tuple[Cell, ...]:
    choice = best.advice.choice
    begin = (Cell(best.platform, best.platform, tone="strong"), Cell(printable(best.device), best.device))
    if choice is None:
        nothing = Cell(UNAVAILABLE, tone="dim", why=_nothing(best.advice))
        return (*begin, *[nothing] * (len(_COLUMNS) - 2))
    effort = _effort(choice.record)
    return (
        *begin,
        Cell(printable(choice.name), choice.name),
        _number(choice, "accuracy", "percent" if best.advice.conditions.metric == "accuracy" else "number"),
        _number(choice, "size", "bytes"),
        _number(choice, "latency", "seconds"),
        _number(choice, "ram", "bytes"),
        _number(choice, "energy", "joules"),
        _power(choice),
        _count(effort.get("lines")),
        *(_count(len(one) if isinstance(one := effort.get(name), list | tuple) else None) for name in _LISTS),
    )


_LISTS: Final = ("steps", "tools", "dependencies")


def _number(choice: Candidate, name: str, quantity: Any) -> Cell:
    found = choice.numbers.get(name)
    if found is None:
        return Cell(UNAVAILABLE, tone="dim", why=f"the record has no {name}")
    return Cell(marked(number(found.value, quantity), found.provenance, short=True), found.value)


def _power(choice: Candidate) -> Cell:
    """What it takes while it answers."""
    energy, latency = choice.numbers.get("energy"), choice.numbers.get("latency")
    if energy is None or latency is None or latency.value <= 0:
        return Cell(UNAVAILABLE, tone="dim", why="there is no energy")
    watts = energy.value / latency.value
    text = f"{1000 * watts:.3g} mW" if watts < 1 else f"{watts:.3g} W"
    return Cell(marked(text, energy.provenance, short=True), watts)


def _count(value: object) -> Cell:
    if isinstance(value, bool) or not isinstance(value, int):
        return Cell(UNAVAILABLE, tone="dim", why="the backend does not declare it")
    return Cell(f"{value:,}", value)


def _nothing(advice: Advice) -> str:
    nearest = advice.nearest
    return f"nothing fits; {nearest.candidate.name}: {nearest.reasons[0].text}" if nearest else "nothing fits"


def _shipping(best: _Best) -> Iterator[str]:
    """How the choice gets to where it runs."""
    effort = _effort(best.advice.choice.record) if best.advice.choice is not None else {}
    steps, tools = effort.get("steps"), effort.get("tools")
    if isinstance(steps, list | tuple) and steps:
        needs = f"; needs {', '.join(map(str, tools))}" if isinstance(tools, list | tuple) and tools else ""
        yield printable(f"{best.platform}, to ship in {effort.get('language')}: {'; '.join(map(str, steps))}{needs}")


def _reasons(task: str, bests: Sequence[_Best]) -> Table:
    columns = (
        Column("platform", "platform"),
        Column("device", "device", under="platform"),
        Column("why", "why", folds=True),
        Column("doubt", "what is not certain", folds=True, under="why"),
    )
    return Table(f"Why these · {printable(task)}", columns, tuple(map(_reason, bests)))


def _reason(best: _Best) -> tuple[Cell, ...]:
    begin = (Cell(best.platform, best.platform, tone="strong"), Cell(printable(best.device), best.device))
    choice, second = best.advice.choice, best.advice.runner_up
    if choice is None:
        return (*begin, Cell(printable(_nothing(best.advice))), Cell(""))
    after = f"; next is {second.candidate.name}" if second else ""
    told = f"{choice.name}: {PLATFORMS[best.platform][1]}, of {len(_candidates(best.advice)):,}{after}"
    errors = sorted({error_of(m) for m in choice.record.measurements.values()} - {""})
    doubts = [*best.advice.cautions, *(f"energy: {error}" for error in errors)]
    return (*begin, Cell(printable(told)), Cell(printable("; ".join(doubts)), tone="dim"))
