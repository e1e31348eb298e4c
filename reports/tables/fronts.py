"""Fronts as tables: what nothing else is better than, against each cost and in everything at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from tradeoff.decide.candidates import DOUBTS, Candidate, Group, groups_of
from tradeoff.decide.fronts import Front, Standing, front_of, hypervolumes, knee_of
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES
from tradeoff.record import Record, Run

from .columns import ColumnOfRows
from .format import UNAVAILABLE, printable, significant
from .rows import Row, label_runs
from .table import Cell, Column, Note, Table, Tone, without_empty_columns

#: Fewer cells than this need no table to tell which is better.
_FEWEST: Final = 3
_TABLES: Final = 6
_NAMES: Final = 8
_DOMINATED: Final = 3
_TONES: Final[dict[Standing, Tone]] = {"front": "good", "tied": "plain", "dominated": "dim"}
_COLUMNS: Final = (
    Column("against", "accuracy against"),
    Column("front", "front, the most accurate first", folds=True),
    Column("knee", "knee", folds=True, importance=2),
    Column("tied", "tied", folds=True, importance=3),
    Column("dominated", "dominated", "right", importance=4),
)


class Place(NamedTuple):
    """Where a cell stands among all that it may be compared with; ``by`` is what dominates it, if anything does."""

    standing: Standing
    estimated: bool
    by: Candidate | None

    @property
    def word(self) -> str:
        """As a table has it."""
        return _words(self.standing, self.estimated)


def _words(standing: Standing, estimated: bool) -> str:
    if standing == "tied":
        return "front?" if estimated else "tied"
    return "front" if standing == "front" else "no"


class Fronts:
    """The fronts of any number of runs, each made when it is asked for."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._places: dict[int, dict[int, Place]] = {}

    @cached_property
    def groups(self) -> list[Group]:
        """Candidates that may be compared, of all runs together."""
        return groups_of(self._runs)

    @cached_property
    def _group_of(self) -> dict[int, int]:
        return {id(one.record): number for number, group in enumerate(self.groups) for one in group.candidates}

    @cached_property
    def _by_run(self) -> list[tuple[str, list[Group]]]:
        several = len(self._runs) > 1
        return [(label, groups_of([run])) for label, run in label_runs(self._runs)] if several else []

    def place(self, record: Record) -> Place | None:
        """Of a cell in everything at once; nothing where it has no accuracy or no time, or a newer run has it."""
        number = self._group_of.get(id(record))
        if number is None:
            return None
        if number not in self._places:
            self._places[number] = _places(self.groups[number])
        return self._places[number].get(id(record))

    def volumes(self, group: Group) -> dict[str, float]:
        """The hypervolume of each run's own cells under the group's conditions; nothing for a single run."""
        found = [
            (label, candidates)
            for label, groups in self._by_run
            for one in groups
            if one.conditions == group.conditions and (candidates := placed(one.candidates))
        ]
        names = common([one for _, candidates in found for one in candidates])
        if len(found) < 2 or len(names) < 2:
            return {}
        shares = hypervolumes([[[c.numbers[n].cost for n in names] for c in candidates] for _, candidates in found])
        return {name: share for (name, _), share in zip(found, shares, strict=True)}


def placed(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that could be shipped as far as is known: they answer, and it is known how well and how fast."""
    return [one for one in candidates if ACCURACY in one.numbers and {"latency", "throughput"} & one.numbers.keys()]


def common(candidates: Sequence[Candidate]) -> list[str]:
    """The objectives that all of them have."""
    return [name for name in OBJECTIVES if candidates and all(name in one.numbers for one in candidates)]


def front_among(candidates: Sequence[Candidate], names: Sequence[str]) -> Front:
    """How candidates stand to each other in objectives that all of them have."""
    numbers = [[one.numbers[name] for name in names] for one in candidates]
    return front_of(
        [[number.cost for number in row] for row in numbers],
        [[number.least for number in row] for row in numbers],
        [[number.most for number in row] for row in numbers],
    )


def _places(group: Group) -> dict[int, Place]:
    candidates = placed(group.candidates)
    names = common(candidates)
    if len(names) < 2:
        return {}
    front = front_among(candidates, names)
    return {
        id(one.record): Place(standing, estimated, candidates[by] if standing == "dominated" else None)
        for one, standing, estimated, by in zip(candidates, front.standings, front.estimated, front.by, strict=True)
    }


def front_column(fronts: Fronts) -> ColumnOfRows:
    """The column of the table of measured cells."""

    def cell(row: Row) -> Cell:
        place = fronts.place(row.record)
        if place is None:
            return Cell(UNAVAILABLE, tone="dim")
        return Cell(place.word, place.word, tone=_TONES[place.standing])

    return ColumnOfRows(Column("front", "front", importance=7), cell)


# --- the tables -------------------------------------------------------------------------------------


def front_tables(fronts: Fronts) -> list[Table]:
    """One for each group of at least three cells; of very many groups the first few."""
    groups = [group for group in fronts.groups if len(group.candidates) >= _FEWEST]
    tables = [table for group in groups[:_TABLES] for table in _table(fronts, group)]
    left = len(groups) - _TABLES
    if left > 0 and tables:
        return [
            *tables[:-1],
            _with_note(tables[-1], f"and fronts of {left:,} more groups: `front` in the CSV has them"),
        ]
    return tables


def _with_note(table: Table, text: str) -> Table:
    return Table(table.title, table.columns, table.rows, (*table.notes, Note(text)))


def _table(fronts: Fronts, group: Group) -> Iterator[Table]:
    candidates = placed(group.candidates)
    costs = [name for name in OBJECTIVES if name != ACCURACY and sum(name in one.numbers for one in candidates) > 1]
    if len(candidates) < _FEWEST or not costs:
        return
    several = len({one.record.cell.model for one in candidates}) > 1
    rows = [_pair([one for one in candidates if name in one.numbers], name, several) for name in costs]
    everything = common(candidates)
    front = front_among(candidates, everything)
    if len(everything) > 2:
        rows.append(_row("all at once", candidates, front, None, several))
    known = group.conditions
    title = " · ".join(printable(part) for part in ("Fronts", known.task, known.device, known.load))
    notes = tuple(map(Note, _notes(fronts, group, candidates, everything, front, several)))
    yield without_empty_columns(Table(title, _COLUMNS, tuple(rows), notes))


def _pair(candidates: Sequence[Candidate], cost: str, several: bool) -> tuple[Cell, ...]:
    names = [ACCURACY, cost]
    knee = knee_of([[one.numbers[name].cost for name in names] for one in candidates])
    return _row(cost, candidates, front_among(candidates, names), knee, several)


def _row(
    against: str, candidates: Sequence[Candidate], front: Front, knee: int | None, several: bool
) -> tuple[Cell, ...]:
    dominated = front.standings.count("dominated")
    return (
        Cell(against, against),
        _names(candidates, front, ("front", "front?"), several),
        Cell(UNAVAILABLE) if knee is None else Cell(_name(candidates[knee], several), knee),
        _names(candidates, front, ("tied",), several),
        Cell(f"{dominated:,}", dominated),
    )


def _names(candidates: Sequence[Candidate], front: Front, words: Sequence[str], several: bool) -> Cell:
    said = map(_words, front.standings, front.estimated)
    found = [(one, word) for one, word in zip(candidates, said, strict=True) if word in words]
    found.sort(key=lambda pair: pair[0].numbers[ACCURACY].cost)
    if not found:
        return Cell(UNAVAILABLE, tone="dim")
    more = f" and {len(found) - _NAMES:,} more" if len(found) > _NAMES else ""
    names = (f"{_name(one, several)}{'?' * word.endswith('?')}" for one, word in found[:_NAMES])
    return Cell(", ".join(names) + more, len(found))


def _name(candidate: Candidate, several: bool) -> str:
    cell = candidate.record.cell
    return printable(candidate.name if several else f"{cell.chain}/{cell.backend}")


def _notes(
    fronts: Fronts, group: Group, candidates: Sequence[Candidate], names: Sequence[str], front: Front, several: bool
) -> Iterator[str]:
    yield "? what it leads by is within the intervals; tied: what it is behind by is; accuracy has that of its samples"
    yield from _dominated(candidates, front, several)
    partly = [n for n in OBJECTIVES if n not in names and any(n in one.numbers for one in candidates)]
    if partly and len(names) > 2:
        yield f"all at once is {', '.join(names)}; without {', '.join(partly)}, which not all of these cells have"
    origins = sorted({n.provenance for one in candidates for n in one.numbers.values()} - {"measured"})
    if origins:
        yield f"some numbers are {', '.join(origins)}, not measured"
    for doubt, meaning in DOUBTS.items():
        doubtful = [_name(one, several) for one in candidates if doubt in one.doubts]
        if doubtful:
            more = f" and {len(doubtful) - _DOMINATED:,} more" if len(doubtful) > _DOMINATED else ""
            yield f"{doubt}: {meaning}: {', '.join(doubtful[:_DOMINATED])}{more}"
    unplaced = len(group.candidates) - len(candidates)
    if unplaced:
        yield f"{unplaced:,} more without an accuracy or a time {'has' if unplaced == 1 else 'have'} no place"
    if group.repeated:
        yield f"{len(group.repeated):,} measured in several runs: the newest run counts"
    volumes = [f"{printable(run)} {significant(share)}" for run, share in fronts.volumes(group).items()]
    if volumes:
        yield f"hypervolume of each run's cells, of which more is better: {', '.join(volumes)}"


def _dominated(candidates: Sequence[Candidate], front: Front, several: bool) -> Iterator[str]:
    """What is better in everything than what, the commonest first."""
    beaten: dict[int, list[str]] = {}
    for one, standing, by in zip(candidates, front.standings, front.by, strict=True):
        if standing == "dominated":
            beaten.setdefault(by, []).append(_name(one, several))
    for by in sorted(beaten, key=lambda place: -len(beaten[place]))[:_DOMINATED]:
        names = beaten[by]
        more = f" and {len(names) - _DOMINATED:,} more" if len(names) > _DOMINATED else ""
        yield f"{_name(candidates[by], several)} is better all at once than {', '.join(names[:_DOMINATED])}{more}"
