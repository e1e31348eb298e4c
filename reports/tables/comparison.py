"""A comparison of two runs as tables: what became worse first, and last what could not be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from tradeoff.compare.comparing import ALPHA, Comparison, Effect, Lone, Verdict
from tradeoff.compare.gate import Judgement, Outcome

from .format import UNAVAILABLE, Quantity, change, number, printable, quantity_of, significant
from .table import Cell, Column, Note, Table, Tone
from .volumes import volumes_table

_TONES: Final[dict[Verdict, Tone]] = {"worse": "bad", "better": "good"}
_TITLES: Final[dict[Verdict, str]] = {
    "worse": "Worse",
    "better": "Better",
    "no difference shown": "No difference shown",
}
_EFFECTS: Final = (
    Column("cell", "cell", folds=True),
    Column("measurement", "what"),
    Column("old", "old", "right", importance=2),
    Column("new", "new", "right", importance=1),
    Column("change", "change", "right"),
    Column("interval", "95 % interval", "right", importance=3),
    Column("p", "p", "right", importance=7),
    Column("reason", "note", importance=8, folds=True),
)
_RUNS: Final = (
    Column("role", ""),
    Column("run", "run", folds=True),
    Column("started", "date (UTC)", importance=2),
    Column("source", "file", importance=3, folds=True),
)
_REASONS: Final = (
    Column("reason", "reason", folds=True),
    Column("count", "numbers", "right"),
    Column("which", "which", importance=2, folds=True),
)
_LONE: Final = (Column("cell", "cell", folds=True), Column("elsewhere", "in the other run", folds=True))
_LIMITS: Final = (Column("passed", "limit kept"), Column("text", "what was found", folds=True))


def compared(outcome: Outcome) -> list[Table]:
    """All of it, for a terminal: the limits, what is worse, what is better, what is neither."""
    return [
        *verdict_table(outcome, "better", 40),
        *verdict_table(outcome, "no difference shown", 15),
        *incomparable_table(outcome),
        *lone_tables(outcome, 20),
        *volumes_table(outcome.comparison),
        *verdict_table(outcome, "worse", 40),
        *limits_table(outcome.judgements),
        runs_table(outcome),
    ]


def for_a_comment(outcome: Outcome) -> tuple[list[Table], list[Table]]:
    """What a person must see, and what can be folded."""
    first = [*limits_table(outcome.judgements), *verdict_table(outcome, "worse", 15)]
    rest = [
        *volumes_table(outcome.comparison),
        *verdict_table(outcome, "better", 25),
        *verdict_table(outcome, "no difference shown", 25),
        *incomparable_table(outcome),
        *lone_tables(outcome, 25),
        runs_table(outcome),
    ]
    return first, rest


def runs_table(outcome: Outcome) -> Table:
    """Which run was compared with which, and what must be known of the two."""
    comparison = outcome.comparison
    rows = tuple(
        (
            Cell(role),
            Cell(printable(run.name)),
            Cell(printable(run.started[:16].replace("T", " "))),
            Cell(printable(run.source)),
        )
        for role, run in (("old", comparison.old), ("new", comparison.new))
    )
    notes = tuple(Note(text) for text in (headline(outcome), *remarks(comparison)))
    return Table("Compared", _RUNS, rows, notes)


def headline(outcome: Outcome) -> str:
    """The comparison in one line."""
    counts = outcome.comparison.counts
    told = [f"{count:,} {verdict}" for verdict, count in counts.items()]
    return ", ".join(told) or "the runs have nothing in common that can be compared"


def verdict_table(outcome: Outcome, verdict: Verdict, rows: int) -> list[Table]:
    """The effects of one verdict, the largest first."""
    found = [effect for effect in outcome.comparison.effects if effect.verdict == verdict]
    found.sort(key=lambda effect: -abs(effect.harm or 0.0))
    if not found:
        return []
    several = len({effect.suite for effect in outcome.comparison.effects}) > 1
    cells = tuple(effect_cells(effect, several) for effect in islice(found, rows))
    notes = [Note(f"and {len(found) - rows:,} more, all smaller: they are in the CSV")] if len(found) > rows else []
    return [Table(_TITLES[verdict], _shown(_EFFECTS, cells), _without(_EFFECTS, cells), tuple(notes))]


def _shown(columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]]) -> tuple[Column, ...]:
    return tuple(column for place, column in enumerate(columns) if any(row[place].text for row in rows))


def _without(columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    kept = [place for place in range(len(columns)) if any(row[place].text for row in rows)]
    return tuple(tuple(row[place] for place in kept) for row in rows)


def effect_cells(effect: Effect, several_suites: bool) -> tuple[Cell, ...]:
    """Cell, what, old, new, change, interval, chance and note."""
    quantity: Quantity = "percent" if effect.measurement == "accuracy" else quantity_of(effect.unit)
    name = f"{effect.suite}: {effect.cell}" if several_suites else effect.cell
    adjusted = "" if effect.adjusted is None else f"{effect.adjusted:.3f}" if effect.adjusted >= 0.001 else "< 0.001"
    return (
        Cell(printable(name), effect.cell),
        Cell(printable(effect.measurement), effect.measurement),
        Cell(number(effect.old, quantity, effect.unit), effect.old),
        Cell(number(effect.new, quantity, effect.unit), effect.new),
        Cell(change_of(effect, effect.change), effect.change, tone=_TONES.get(effect.verdict, "plain")),
        Cell(_interval(effect), effect.low, tone="dim"),
        Cell(adjusted, effect.adjusted, tone="dim"),
        Cell(printable(effect.reason), effect.reason, tone="dim"),
    )


def change_of(effect: Effect, value: float | None) -> str:
    """A signed share or difference: ``+3.1 %``, ``-0.28 pp``."""
    if value is None:
        return UNAVAILABLE
    return change(value, points=True) if effect.points else _percent(value)


def _percent(value: float) -> str:
    return "0 %" if value == 0 else f"{'+' if value > 0 else ''}{significant(100 * value)} %"


def _interval(effect: Effect) -> str:
    if effect.low is None or effect.high is None:
        return ""
    if effect.points:
        return f"{100 * effect.low:+.2f} – {100 * effect.high:+.2f} pp"
    return f"{_percent(effect.low).removesuffix(' %')} – {_percent(effect.high)}"


def limits_table(judgements: Sequence[Judgement]) -> list[Table]:
    """Each limit, and whether it was kept."""
    if not judgements:
        return []
    rows = tuple(
        (Cell("yes", 1, tone="good") if one.passed else Cell("NO", 0, tone="bad"), Cell(printable(one.text), one.text))
        for one in judgements
    )
    return [Table("Limits", _LIMITS, rows)]


def incomparable_table(outcome: Outcome) -> list[Table]:
    """Why numbers could not be compared: a line for each reason."""
    found = [effect for effect in outcome.comparison.effects if effect.verdict == "cannot be compared"]
    if not found:
        return []
    counts = Counter(effect.reason for effect in found)
    first = {effect.reason: effect for effect in reversed(found)}
    rows = tuple(
        (Cell(printable(reason), reason), Cell(f"{count:,}", count), Cell(_example(first[reason], count)))
        for reason, count in counts.most_common(20)
    )
    return [Table("Cannot be compared", _REASONS, rows)]


def _example(effect: Effect, count: int) -> str:
    return printable(f"{'such as ' if count > 1 else ''}{effect.measurement} of {effect.cell}")


def lone_tables(outcome: Outcome, rows: int) -> list[Table]:
    """Cells that only one of the two has measured."""
    comparison = outcome.comparison
    return [
        *_lone("Measured in the old run only", comparison.only_old, rows),
        *_lone("Measured in the new run only", comparison.only_new, rows),
    ]


def _lone(title: str, found: Sequence[Lone], rows: int) -> list[Table]:
    if not found:
        return []
    cells = tuple(
        (Cell(printable(one.cell)), Cell(printable(f"{one.elsewhere}{f': {one.reason}' if one.reason else ''}")))
        for one in found[:rows]
    )
    notes = (Note(f"and {len(found) - rows:,} more: they are in the CSV"),) if len(found) > rows else ()
    return [Table(title, _LONE, cells, notes)]


def remarks(comparison: Comparison) -> list[str]:
    """What a reader must know of the whole: what differs, how it was judged."""
    return [printable(text) for text in (*_about_machines(comparison), *_about_tests(comparison))]


def _about_machines(comparison: Comparison) -> Iterable[str]:
    decisive = [str(difference) for difference in comparison.differences if difference.decisive]
    if comparison.forced:
        yield f"FORCED: times, memory and energy of different machines are compared: {', '.join(decisive)}"
    elif comparison.refusal:
        yield f"only accuracy and size are compared: {comparison.refusal}; --force compares the rest all the same"
    told = [str(difference) for difference in comparison.differences if not difference.decisive]
    if told:
        more = f" and {len(told) - 10} more" if len(told) > 10 else ""
        yield f"differs as well: {', '.join(told[:10])}{more}"


def _about_tests(comparison: Comparison) -> Iterable[str]:
    if comparison.tests:
        yield (
            f"{comparison.tests:,} tests; p is corrected for them (Holm): a claim where nothing changed "
            f"is made in at most {100 * ALPHA:g} % of comparisons"
        )
