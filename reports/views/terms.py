"""What a column of a view computes: a measurement, a fact, or arithmetic with them, read once and asked of every row.

A number keeps its provenance on the way, and where something is missing, the reason.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tradeoff.decide.objectives import OBJECTIVES, numbers_of
from tradeoff.errors import BadInput
from tradeoff.record import Record, Run
from tradeoff.vocabulary import Provenance

from ..tables.rows import Row

METRIC: Final = "metric"
#: The metric, as it was on the validation split.
VALIDATION: Final = "facts.training.validation"
_LONGEST: Final = 500
_DEEPEST: Final = 20
#: The worse comes later: what is computed is as good as the worst that went into it.
_ORDER: Final[tuple[Provenance, ...]] = ("measured", "published", "simulated", "modelled")
_OPERATORS: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
#: Names of measurements to the objective that knows their interval.
_OBJECTIVES: Final = {name: one.name for one in OBJECTIVES.values() for name in one.measurements}


@dataclass(frozen=True)
class Found:
    """What a term is of a row.

    :param value: ``None`` where there is nothing.
    :param unit: of the records; empty for what arithmetic gave.
    :param why: why there is nothing, or what a reader has to know.
    :param least: the lower end of what it may be when it is compared with another cell's.
    """

    value: float | None
    unit: str = ""
    provenance: Provenance = "measured"
    low: float | None = None
    high: float | None = None
    why: str = ""
    direction: str = "none"
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Term:
    """A term as it was written.

    :param names: everything that it is made of.
    """

    text: str
    tree: ast.expr
    names: tuple[str, ...]

    @property
    def plain(self) -> str:
        """The one name that it is; empty for arithmetic."""
        return self.names[0] if self.text.strip() == (self.names or ("",))[0] else ""

    def of(self, row: Row, run: Run, amounts: Mapping[str, tuple[float, str]]) -> Found:
        """What it is of this row."""
        if row.record.status != "measured":
            why = row.record.reason or "no reason was recorded"
            return Found(None, why=f"{row.record.status}: {why}")
        return _finite(_evaluated(self.tree, _Around(row, run, amounts)), self.text)


def parse_term(text: str, amounts: Mapping[str, Any]) -> Term:
    """Read a term: names, numbers, ``+ - * /`` and brackets, and nothing else."""
    if len(text) > _LONGEST:
        raise BadInput(f"value has {len(text):,} characters; more than {_LONGEST} are not read")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadInput(f"value {text!r} cannot be read: {_said(error)}; {_ALLOWED}") from error
    names = dict.fromkeys(_names(tree, text, 0))
    if not [name for name in names if name not in amounts]:
        raise BadInput(f"value {text!r} names no measurement; write one such as 'latency' or 'metric / artifact_bytes'")
    return Term(text.strip(), tree, tuple(names))


_ALLOWED: Final = (
    "write names of measurements, facts as in 'facts.threads', numbers, + - * / and brackets: 'metric / artifact_bytes'"
)


def _said(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _names(tree: ast.expr, text: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise BadInput(f"value {text!r} is nested too deeply; {_ALLOWED}")
    if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
        yield from _names(tree.left, text, depth + 1)
        yield from _names(tree.right, text, depth + 1)
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        yield from _names(tree.operand, text, depth + 1)
    elif not _is_number(tree):
        yield _dotted(tree, text)


def _is_number(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool)


def _dotted(tree: ast.expr, text: str) -> str:
    parts: list[str] = []
    while isinstance(tree, ast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    if not isinstance(tree, ast.Name) or (parts and tree.id not in ("facts", "machine")):
        raise BadInput(f"value {text!r} cannot be read; {_ALLOWED}")
    return ".".join([tree.id, *reversed(parts)])


# --- of a row ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Around:
    row: Row
    run: Run
    amounts: Mapping[str, tuple[float, str]]


def _evaluated(tree: ast.expr, around: _Around) -> Found:
    if isinstance(tree, ast.Constant):
        return Found(float(tree.value), "1")  # type: ignore[arg-type]
    if isinstance(tree, ast.UnaryOp):
        found = _evaluated(tree.operand, around)
        return found if found.value is None else Found(-found.value, found.unit, found.provenance)
    if isinstance(tree, ast.BinOp):
        return _combined(tree, _evaluated(tree.left, around), _evaluated(tree.right, around))
    return _named(_dotted(tree, ""), around)


def _combined(tree: ast.BinOp, left: Found, right: Found) -> Found:
    if left.value is None or right.value is None:
        return left if left.value is None else right
    origin = max(left.provenance, right.provenance, key=_rank)
    try:
        return Found(_OPERATORS[type(tree.op)](left.value, right.value), provenance=origin)
    except (ZeroDivisionError, OverflowError):
        return Found(None, why=f"{ast.unparse(tree)} is no number: {left.value:g} and {right.value:g}")


def _rank(origin: Provenance) -> int:
    return _ORDER.index(origin) if origin in _ORDER else len(_ORDER)


def _finite(found: Found, text: str) -> Found:
    if found.value is not None and not math.isfinite(found.value):
        return Found(None, why=f"{text} is no finite number")
    return found


def _named(name: str, around: _Around) -> Found:
    if name in around.amounts:
        value, unit = around.amounts[name]
        return Found(value, unit)
    first, _, rest = name.partition(".")
    if rest:
        facts = around.row.record.facts if first == "facts" else around.run.machine
        found = _fact(name, facts, rest.split("."))
        return _as_metric(found, around.row) if name == VALIDATION else found
    if name == "batch":
        return _batch(around.row.record)
    if name == "ram":
        return _ram(around.row.record)
    return _measured(around.row.metric or METRIC if name == METRIC else name, around.row.record, name)


def _as_metric(found: Found, row: Row) -> Found:
    """On another split it is the same metric."""
    metric = row.record.measurements.get(row.metric)
    return found if metric is None else replace(found, unit=metric.unit, direction=metric.direction)


def _fact(name: str, facts: Any, path: list[str]) -> Found:
    for part in path:
        facts = facts.get(part) if isinstance(facts, Mapping) else None
    if isinstance(facts, bool) or not isinstance(facts, int | float) or not math.isfinite(facts):
        return Found(None, why=f"the record does not have {name}")
    return Found(float(facts), "1")


def _batch(record: Record) -> Found:
    """Samples in one request."""
    load = record.cell.load
    if load[:1] == "b" and load[1:].isdecimal():
        return Found(float(load[1:]), "1")
    return _fact("facts.batch", record.facts, ["batch"])


def _ram(record: Record) -> Found:
    """What a request needs: of a device that is not here as its model tells it, of a host what its process took."""
    if "ram_bytes" in record.measurements:
        return _measured("ram_bytes", record, "ram")
    number = numbers_of(record).get("ram")
    return _measured(number.name if number else "peak_bytes", record, "ram")


def _measured(name: str, record: Record, asked: str) -> Found:
    found = record.measurements.get(name)
    if found is None:
        timed = record.measurements.get("latency")
        why = f": {timed.note}" if timed is not None and timed.value is None and timed.note else ""
        return Found(None, why=f"the record has no {name}{why}")
    if found.value is None or found.provenance == "unavailable" or not math.isfinite(found.value):
        return Found(None, why=f"no {name}: {found.note}" if found.note else f"no {name} is available")
    plain = Found(float(found.value), found.unit, found.provenance, found.low, found.high, found.note, found.direction)
    return _with_interval(plain, name, record, asked)


def _with_interval(plain: Found, name: str, record: Record, asked: str) -> Found:
    """With the interval that two cells are compared by; of an accuracy it is that of its samples."""
    objective = "accuracy" if asked == METRIC or name == record.facts.get("metric") else _OBJECTIVES.get(name)
    number = numbers_of(record).get(objective) if objective else None
    if number is None or number.name != name:
        return plain
    ends = (-number.most, -number.least) if number.direction == "higher" else (number.least, number.most)
    interval = (number.low, number.high) if number.low < number.high else (plain.low, plain.high)
    return replace(plain, low=interval[0], high=interval[1], least=ends[0], most=ends[1], direction=number.direction)
