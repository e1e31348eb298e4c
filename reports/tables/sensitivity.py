"""How much the loss on validation rises with one layer alone made coarser or narrower, as techniques tell it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tradeoff.record import Record, Run

from .format import UNAVAILABLE, is_number, printable
from .rows import one_of_each_variant
from .table import Cell, Column, Note, Table

#: Under this name a technique tells the loss of the model as it is.
WHOLE: Final = "whole"
#: What such a map says of its settings, where the technique does not.
_SETTING: Final = "setting"
_LAYERS: Final = 200
#: Losses are told in so many digits; what is less is nothing.
_DIGITS: Final = 5


@dataclass(frozen=True)
class Sensitivity:
    """One technique's map of one model.

    :param step: the chain up to the technique that measured it.
    :param over: what the settings are: ``bits of weights``.
    :param settings: as they are spelled, the mildest first.
    :param rises: by layer, in the model's order, the change of the loss at each setting.
    """

    model: str
    step: str
    over: str
    settings: tuple[str, ...]
    rises: Mapping[str, tuple[float | None, ...]]


def sensitivities_of(runs: Sequence[Run]) -> list[Sensitivity]:
    """Each map once: techniques of other parameters, and all cells of one variant, tell the same."""
    found: dict[tuple[Any, ...], Sensitivity] = {}
    for record in one_of_each_variant(runs):
        for one in _of_record(record):
            found.setdefault((one.model, one.over, one.settings, tuple(one.rises.items())), one)
    return list(found.values())


def _of_record(record: Record) -> Iterator[Sensitivity]:
    steps = record.facts.get("verified")
    before = ""
    for step in steps if isinstance(steps, list | tuple) else ():
        if not isinstance(step, Mapping):
            continue
        before = f"{before}+{step.get('step', '')}".lstrip("+")
        told = step.get("told")
        if isinstance(told, Mapping) and isinstance(told.get("sensitivity"), Mapping):
            made = _map(record.cell.model, before, told)
            if made is not None:
                yield made


def _map(model: str, step: str, told: Mapping[str, Any]) -> Sensitivity | None:
    layers: Mapping[str, Any] = told["sensitivity"]
    whole = layers.get(WHOLE)
    base = whole["loss"] if isinstance(whole, Mapping) and is_number(whole.get("loss")) else 0.0
    kept = {str(name): of for name, of in layers.items() if isinstance(of, Mapping) and "loss" not in of}
    order = told.get("sensitivity_order")
    if isinstance(order, list | tuple):
        # What went through the store is in the order of the alphabet.
        kept = {name: kept[name] for name in dict.fromkeys((*map(str, order), *kept)) if name in kept}
    settings = tuple(sorted({str(setting) for of in kept.values() for setting in of}, key=_mildness))
    rises = {name: tuple(_rise(of.get(setting), base) for setting in settings) for name, of in kept.items()}
    if not any(one is not None for row in rises.values() for one in row):
        return None
    return Sensitivity(model, step, str(told.get("sensitivity_over") or _SETTING), settings, rises)


def _mildness(setting: str) -> tuple[float, str]:
    """The mildest first: small shares that go, and many bits that stay; words as the alphabet has them."""
    try:
        number = float(setting)
    except ValueError:
        return math.inf, setting
    return (number if number <= 1 else -number), setting


def _rise(told: Any, base: float) -> float | None:
    """A change as it is, or a loss less that of the whole model."""
    if isinstance(told, Mapping):
        loss = told.get("loss")
        return round(float(loss) - base, 9) if is_number(loss) else None
    return float(told) if is_number(told) else None


def rise_text(value: float | None) -> str:
    """With its sign, in three digits: ``+0.0123``."""
    if value is None:
        return UNAVAILABLE
    rounded = round(value, _DIGITS)
    if rounded == 0:
        return "0"
    text = f"{rounded:+.{max(0, min(_DIGITS, 2 - int(f'{abs(rounded):.2e}'.partition('e')[2])))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def setting_text(setting: str) -> str:
    """A share as a share, anything else as it is."""
    try:
        share = float(setting)
    except ValueError:
        return printable(setting)
    return f"{share:.0%}".replace("%", " %") if 0 < share < 1 else printable(setting)


def sensitivity_tables(runs: Sequence[Run]) -> list[Table]:
    """A table for each map, a row for each layer."""
    return [_table(one) for one in sensitivities_of(runs)]


def _table(one: Sensitivity) -> Table:
    columns = (
        Column("layer", "layer", folds=True),
        *(Column(f"at {setting}", setting_text(setting), "right", "1") for setting in one.settings),
    )
    rows = [
        (Cell(printable(layer), tone="strong"), *(Cell(rise_text(rise), rise) for rise in rises))
        for layer, rises in list(one.rises.items())[:_LAYERS]
    ]
    notes = [Note(f"columns: {printable(one.over)}; the change of the loss on validation with that layer alone so")]
    if len(one.rises) > _LAYERS:
        notes.append(Note(f"and {len(one.rises) - _LAYERS:,} more layers"))
    title = " · ".join(map(printable, ("Sensitivity", one.model, one.step)))
    return Table(title, columns, tuple(rows), tuple(notes))
