"""A view as a TOML file: which cells, which rows, which columns, and against what. Read and checked as a whole."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from tradeoff.decide.scenarios import read_scenario
from tradeoff.decide.wishes import LIMITS, Wish, check_limits, parse_goal, parse_limit
from tradeoff.errors import BadInput, TradeoffError, nearest

from ..tables.rows import Row
from .terms import Term, parse_term
from .units import check_unit, parse_named_amount

How = Literal["value", "interval", "ratio", "share", "reduction", "difference", "loss"]
#: What a column can tell of a number; all but the first two need a reference.
HOWS: Final[Mapping[How, str]] = {
    "value": "the number itself",
    "interval": "the ends of its interval",
    "ratio": "how many times less than the reference",
    "share": "of the reference, in per cent",
    "reduction": "how much less than the reference, in per cent of that",
    "difference": "the number less the reference's",
    "loss": "how much worse than the reference, in the number's own unit",
}
#: What can be selected by, grouped by and shown, beside the label of a row.
AXES: Final[Mapping[str, Callable[[Row], str]]] = {
    "model": lambda row: row.cell.model,
    "chain": lambda row: row.cell.chain,
    "backend": lambda row: row.cell.backend,
    "device": lambda row: row.cell.device,
    "load": lambda row: row.cell.load,
    "suite": lambda row: row.record.suite,
    "run": lambda row: row.run,
    "task": lambda row: _fact(row, "task"),
    "precision": lambda row: _fact(row, "precision"),
}
#: What else a column can show.
SHOWN: Final = ("label", *AXES, "hardware", "cell", "notes")
_TOP: Final = (
    *("title", "summary", "notes", "per", "once", "sort", "needs"),
    *("cells", "reference", "amounts", "row", "column"),
)
_COLUMN: Final = ("header", "show", "value", "unit", "as", "unless-same")
_ROW: Final = ("label", *AXES, "objective", "scenario", *LIMITS)
_LARGEST: Final = 100
Selection = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class RowOfView:
    """One line, or one for each cell that it selects.

    :param wish: of several cells the one that ``tradeoff recommend`` would choose.
    """

    label: str
    cells: Selection
    wish: Wish | None = None


@dataclass(frozen=True)
class ColumnOfView:
    """One column.

    :param show: an axis or another word of :data:`SHOWN`; empty where a number is told.
    :param varies: it is left out of a table in which it would say the same in every row.
    """

    header: str
    show: str = ""
    term: Term | None = None
    unit: str = ""
    how: How = "value"
    varies: bool = False


@dataclass(frozen=True)
class Definition:
    """A whole view.

    :param per: the axes by which it is divided into tables.
    :param once: of cells that are alike in these axes the first is told alone.
    :param needs: cells without this are counted and left out, unless none has it.
    """

    title: str
    summary: str
    source: str
    notes: tuple[str, ...] = ()
    per: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    sort: Term | None = None
    descending: bool = False
    needs: Term | None = None
    cells: Selection = field(default_factory=dict)
    reference: Selection = field(default_factory=dict)
    amounts: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    rows: tuple[RowOfView, ...] = ()
    columns: tuple[ColumnOfView, ...] = ()


def selects(selection: Selection, row: Row) -> bool:
    """Whether a row has one of the patterns of each axis, and none of those behind a ``!``."""
    return all(_matches(patterns, AXES[axis](row)) for axis, patterns in selection.items())


def _matches(patterns: tuple[str, ...], value: str) -> bool:
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    chosen = not wanted or any(fnmatchcase(value, pattern) for pattern in wanted)
    return chosen and not any(fnmatchcase(value, pattern) for pattern in unwanted)


def _fact(row: Row, name: str) -> str:
    found = row.record.facts.get(name)
    return found if isinstance(found, str) else ""


def parse_view(text: str, source: str) -> Definition:
    """Read a view; ``source`` is how an error calls it."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{source} is not TOML: {error}") from error
    try:
        return _definition(data, source)
    except TradeoffError as error:
        raise BadInput(f"{source}: {error}") from error


def _definition(data: Mapping[str, Any], source: str) -> Definition:
    _known("a view", data, _TOP)
    amounts = {name: parse_named_amount(name, value) for name, value in _table("amounts", data).items()}
    columns = tuple(_numbered("column", data, lambda one: _column(one, amounts)))
    if not columns:
        raise BadInput("there is no column; write at least one [[column]] with show or value")
    reference = _selection("reference", _table("reference", data))
    needy = [column.header for column in columns if column.how not in ("value", "interval") and not reference]
    if needy:
        raise BadInput(f"column {needy[0]!r} is told against a reference; write [reference] with chain = 'baseline'")
    sort = _text("sort", data.get("sort", "0"), data)
    return Definition(
        title=_text("title", data.get("title"), data),
        summary=_text("summary", data.get("summary"), data),
        source=source,
        notes=_texts("notes", data.get("notes", [])),
        per=_axes("per", data.get("per", [])),
        once=_axes("once", data.get("once", [])),
        sort=parse_term(sort.removeprefix("-"), amounts) if "sort" in data else None,
        descending=sort.startswith("-"),
        needs=parse_term(_text("needs", data["needs"], data), amounts) if "needs" in data else None,
        cells=_selection("cells", _table("cells", data)),
        reference=reference,
        amounts=amounts,
        rows=tuple(_numbered("row", data, _row)),
        columns=columns,
    )


def _numbered(name: str, data: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Any]) -> list[Any]:
    """Each of the tables behind ``[[name]]``; a mistake is told with the number of its table."""
    items = data.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadInput(f"{name} is {items!r}; write it as [[{name}]], once for each")
    if len(items) > _LARGEST:
        raise BadInput(f"there are {len(items)} [[{name}]]; more than {_LARGEST} are not read")
    found = []
    for number, item in enumerate(items, 1):
        try:
            found.append(read(item))
        except TradeoffError as error:
            raise BadInput(f"{name} {number}: {error}") from error
    return found


def _column(data: Mapping[str, Any], amounts: Mapping[str, Any]) -> ColumnOfView:
    _known("a column", data, _COLUMN)
    if ("show" in data) == ("value" in data):
        raise BadInput("write either show, for words, or value, for a number")
    varies = data.get("unless-same", False)
    if not isinstance(varies, bool):
        raise BadInput(f"unless-same is {varies!r}; write true or false")
    if "show" in data:
        show = _one_of("show", data["show"], SHOWN)
        return ColumnOfView(_text("header", data.get("header", show), data), show, varies=varies)
    how: Any = _one_of("as", data.get("as", "value"), HOWS)
    value = _text("value", data["value"], data)
    unit = check_unit(_text("unit", data["unit"], data)) if "unit" in data else ""
    if unit and how in ("ratio", "share", "reduction"):
        raise BadInput(f"unit {unit!r} is of no use, since {how} has none; leave it out")
    header, term = _text("header", data.get("header", value), data), parse_term(value, amounts)
    return ColumnOfView(header, term=term, unit=unit, how=how, varies=varies)


def _row(data: Mapping[str, Any]) -> RowOfView:
    _known("a row", data, _ROW)
    label = _text("label", data.get("label"), data)
    cells = _selection("", {name: value for name, value in data.items() if name in AXES})
    return RowOfView(label, cells, _wish(data))


def _wish(data: Mapping[str, Any]) -> Wish | None:
    limits = tuple(parse_limit(name, str(data[name]), name) for name in LIMITS if name in data)
    check_limits(limits)
    if "scenario" in data:
        if limits or "objective" in data:
            raise BadInput("scenario has limits and an objective of its own; leave the others out")
        # A row of a view is one cell.
        return replace(read_scenario(_text("scenario", data["scenario"], data)), cascade=None)
    if "objective" in data:
        return Wish(parse_goal(_text("objective", data["objective"], data), "objective"), limits)
    if limits:
        raise BadInput(f"{limits[0].name} is of use beside an objective; write objective = 'accuracy>latency'")
    return None


def _known(what: str, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near!r}? " if near else ""
            raise BadInput(f"{key!r} is no field of {what}; {hint}Known: {', '.join(known)}")


def _table(name: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise BadInput(f"{name} is {found!r}; it is a table, written [{name}]")
    return found


def _selection(name: str, data: Mapping[str, Any]) -> Selection:
    _known(name or "a row", data, tuple(AXES))
    return {axis: _texts(f"{name}.{axis}" if name else axis, value) for axis, value in data.items()}


def _axes(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_one_of(name, one, AXES) for one in _texts(name, value))


def _texts(name: str, value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise BadInput(f"{name} is {value!r}; write a text in quotes, or a list of them")
    return tuple(items)


def _text(name: str, value: Any, data: Mapping[str, Any]) -> str:
    if value is None:
        raise BadInput(f"{name} is missing; write {name} = '...'")
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{name} is {value!r}; write a text in quotes")
    return value.strip()


def _one_of(name: str, value: Any, known: Any) -> str:
    if isinstance(value, str) and value in known:
        return value
    near = nearest(str(value), known)
    hint = f"did you mean {near!r}? " if near else ""
    raise BadInput(f"{name} is {value!r}; {hint}Known: {', '.join(known)}")
