"""How models and techniques were trained, epoch by epoch, as records tell it; and a table of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from tradeoff.chain import BASELINE
from tradeoff.record import Record, Run

from .format import UNAVAILABLE, Quantity, is_number, number, printable
from .rows import one_of_each_variant
from .table import Cell, Column, Note, Table

_COLUMNS: Final = ("metric", "validation_loss", "loss", "rate")
_ROWS: Final = 200


@dataclass(frozen=True)
class Training:
    """One training, as a record tells it.

    :param label: the chain up to the technique that trained, and what it trained where that is several things.
    :param metric: the name of the task's metric.
    :param epochs: how many there were; fewer may be told.
    :param after: epochs that the same thing was trained for before.
    :param best: the epoch whose weights were chosen, counted from this training's first.
    :param epoch: the epochs that are told.
    :param columns: ``metric``, ``validation_loss``, ``loss`` and ``rate`` after each of them, as far as they are known.
    """

    model: str
    label: str
    metric: str
    epochs: int
    after: int
    best: int | None
    epoch: tuple[int, ...]
    columns: Mapping[str, tuple[float | None, ...]]

    @property
    def own(self) -> bool:
        """Whether it is the model's own, by its recipe."""
        return self.label == BASELINE

    def at(self, name: str, epoch: int | None) -> float | None:
        """A number after one epoch."""
        numbers = self.columns.get(name, ())
        return numbers[self.epoch.index(epoch)] if epoch in self.epoch and numbers else None


def trainings_of(runs: Sequence[Run]) -> list[Training]:
    """Each training once, however many cells rest on it; what is told in another shape is none."""
    found: dict[tuple[Any, ...], Training] = {}
    for record in one_of_each_variant(runs):
        for one in _of_record(record):
            found.setdefault((one.model, one.label, one.after, one.epoch, one.columns.get("metric")), one)
    return list(found.values())


def _of_record(record: Record) -> Iterator[Training]:
    yield from _curves(record, BASELINE, record.facts.get("training"))
    steps = record.facts.get("verified")
    before = ""
    for step in steps if isinstance(steps, list | tuple) else ():
        if isinstance(step, Mapping):
            before = f"{before}+{step.get('step', '')}".lstrip("+")
            yield from _curves(record, before, step)


def _curves(record: Record, chain: str, told: Any) -> Iterator[Training]:
    curves = told.get("curves") if isinstance(told, Mapping) else None
    for curve in curves if isinstance(curves, list | tuple) else ():
        made = _training(record, chain, curve) if isinstance(curve, Mapping) else None
        if made is not None:
            yield made


def _training(record: Record, chain: str, curve: Mapping[str, Any]) -> Training | None:
    epoch = curve.get("epoch")
    if not isinstance(epoch, list | tuple) or not epoch or not all(map(_whole, epoch)):
        return None
    columns = {name: _numbers(curve.get(name), len(epoch)) for name in _COLUMNS}
    known = {name: numbers for name, numbers in columns.items() if any(one is not None for one in numbers)}
    if not {"metric", "validation_loss"} & known.keys():
        return None
    best, epochs, after = (curve.get(name) for name in ("best", "epochs", "after"))
    return Training(
        record.cell.model,
        f"{chain} {curve.get('name') or ''}".strip(),
        str(record.facts.get("metric") or "metric"),
        epochs if _whole(epochs) else epoch[-1],
        after if _whole(after) else 0,
        best if _whole(best) else None,
        tuple(epoch),
        known,
    )


def _numbers(told: Any, length: int) -> tuple[float | None, ...]:
    if not isinstance(told, list | tuple) or len(told) != length:
        return (None,) * length
    return tuple(float(one) if is_number(one) else None for one in told)


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9


def training_tables(runs: Sequence[Run]) -> list[Table]:
    """A row for each training: where it began, what was chosen, and where it ended."""
    found = trainings_of(runs)
    if not found:
        return []
    columns = (
        Column("model", "model"),
        Column("trained", "trained by", folds=True),
        Column("epochs", "epochs", "right", "1"),
        Column("first", "first told", "right", "1"),
        Column("chosen", "chosen", "right", "1"),
        Column("epoch", "of epoch", "right", "1"),
        Column("last", "last", "right", "1"),
        Column("loss", "loss of the chosen", "right", "1"),
    )
    notes = [Note("metric and loss on validation; first: before the first epoch, or after it")]
    if len(found) > _ROWS:
        notes.append(Note(f"and {len(found) - _ROWS:,} more trainings"))
    rows = tuple(tuple(_row(one)) for one in found[:_ROWS])
    return [Table("By model and technique", columns, rows, tuple(notes))]


def _row(one: Training) -> Iterator[Cell]:
    chosen = one.epoch[-1] if one.best is None else one.best
    quantity: Quantity = "percent" if one.metric == "accuracy" else "number"
    yield Cell(printable(one.model))
    yield Cell(printable(one.label), tone="strong")
    yield Cell(f"{one.epochs:,}", one.epochs)
    for epoch in (one.epoch[0], chosen):
        yield _number(one.at("metric", epoch), quantity)
    yield Cell(f"{one.after + chosen:,}", one.after + chosen)
    yield _number(one.at("metric", one.epoch[-1]), quantity)
    yield _number(one.at("validation_loss", chosen), "number")


def _number(value: float | None, quantity: Quantity) -> Cell:
    return Cell(UNAVAILABLE, tone="dim") if value is None else Cell(number(value, quantity), value)
