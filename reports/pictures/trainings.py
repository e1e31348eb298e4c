"""Training curves: how a model and what techniques have made of it became better, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.record import Run

from ..tables.format import UNAVAILABLE, Quantity, number, significant
from ..tables.trainings import Training, trainings_of
from .points import Point, short
from .specs import Picture, Spec, tooltip

KIND: Final = "training curves"
_MODELS: Final = 4
#: More lines than this are a tangle.
_LINES: Final = 8
_LONG: Final = 16
#: A scale of losses over more than this shows more by logarithms.
_LOG: Final = 8.0
_CAPTION: Final = (
    "{what} on validation after each epoch; epoch 0 is before the first. In a ring the epoch whose weights were chosen."
)
_OWN: Final = " Dashed: the baseline's own loss while it was trained."
_THINNED: Final = " Of long trainings not every epoch is told."
_NONE: Final = (
    f"{KIND}: no record tells a training epoch by epoch; a model that came as a file has none, nor has what an older "
    "release has left in the store, unless it is made anew (--tradeoff-rebuild)"
)


def training_curves(runs: Sequence[Run]) -> Iterator[Picture | str]:
    """For each model its metric and its loss on validation, a line for each training."""
    models: dict[str, list[Training]] = {}
    for one in trainings_of(runs):
        models.setdefault(one.model, []).append(one)
    if not models:
        yield _NONE
    for model, found in list(models.items())[:_MODELS]:
        shown, left = _shown(found)
        more = f" {left:,} more lines are left out." if left else ""
        more += _THINNED if any(len(one.epoch) < one.epochs for one in shown) else ""
        for name, what in (("metric", shown[0].metric), ("validation_loss", "loss")):
            values = tuple(_values(shown, name))
            if values:
                title = f"{short(what).capitalize()} over epochs of {short(model)}"
                told = _CAPTION.format(what=short(what).capitalize()) + (_OWN if _has_own(values) else "") + more
                yield Picture(KIND, None, "validation split", title, told, _spec(values, name, short(what)), values)
    if len(models) > _MODELS:
        yield f"{KIND} of all models: of {len(models) - _MODELS:,} more models there are none; select fewer"


def _shown(found: Sequence[Training]) -> tuple[list[Training], int]:
    """All parts of the first lines, the model's own first; and how many lines are left out."""
    lines = dict.fromkeys(one.label for one in sorted(found, key=lambda one: not one.own))
    kept = list(lines)[:_LINES]
    return [one for label in kept for one in found if one.label == label], len(lines) - len(kept)


def _values(shown: Sequence[Training], name: str) -> Iterator[Point]:
    for part, one in enumerate(shown):
        for place, epoch in enumerate(one.epoch):
            for of, column in (("validation", name), ("training", "loss")):
                value = one.columns.get(column, (None,) * len(one.epoch))[place]
                if value is None or (of == "training" and not (one.own and name == "validation_loss")):
                    continue
                chosen = {"chosen": True} if of == "validation" and epoch == one.best else {}
                yield {
                    "cell": short(f"{one.model}/{one.label}", 200),
                    "line": short(one.label),
                    "part": part,
                    "of": of,
                    "at": one.after + epoch,
                    "value": value,
                    **chosen,
                    **_told(one, epoch),
                }


def _told(one: Training, epoch: int) -> Point:
    """What is told of an epoch under the pointer."""
    quantity: Quantity = "percent" if one.metric == "accuracy" else "number"
    rate = one.at("rate", epoch)
    return {
        "metric": number(one.at("metric", epoch), quantity),
        "check": number(one.at("validation_loss", epoch), "number"),
        "loss": number(one.at("loss", epoch), "number"),
        "rate": UNAVAILABLE if rate is None else significant(rate),
    }


def _has_own(values: Sequence[Point]) -> bool:
    return any(point["of"] == "training" for point in values)


def _ticks(low: float, high: float) -> Iterator[float]:
    """1, 2 and 5 of each power of ten between both ends, or the powers alone where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for power in powers:
        for digit in (1, 2, 5) if len(powers) < 5 else (1,):
            tick = float(f"{digit}e{power}")
            if low / 2 <= tick <= 2 * high:
                yield tick


def _spec(values: Sequence[Point], name: str, what: str) -> Spec:
    numbers = [point["value"] for point in values]
    low, high = min(numbers), max(numbers)
    scale: Spec = {"zero": False, "padding": 10}
    axis: Spec = {"title": what, "tickCount": 5}
    if name == "validation_loss" and low > 0 and high > _LOG * low:
        scale = {"type": "log", "nice": False, "padding": 10}
        axis |= {"values": list(_ticks(low, high)), "format": "~g"}
    elif what == "accuracy":
        axis["labelExpr"] = "format(100 * datum.value, '~r') + ' %'"
    lines = list(dict.fromkeys(point["line"] for point in values))
    # Long names stand below each other: on a phone two of them have no room side by side.
    legend = {"columns": 1, "labelLimit": 300} if max(map(len, lines)) > _LONG else {}
    colour = {"field": "line", "type": "nominal", "title": None, "scale": {"domain": lines}, "legend": legend}
    detail = [{"field": "part", "type": "nominal"}, {"field": "of", "type": "nominal"}]
    dashes = {"condition": {"test": "datum.of === 'training'", "value": [4, 3]}, "value": [1, 0]}
    told = tooltip(
        *(("line", "trained by"), ("at", "epoch"), ("metric", "metric on validation"), ("check", "loss on validation")),
        *(("loss", "loss while training"), ("rate", "learning rate")),
    )
    return {
        "height": 240,
        "encoding": {
            "x": {
                "field": "at",
                "type": "quantitative",
                "scale": {"zero": False, "nice": False, "padding": 8},
                "axis": {"title": "epoch", "grid": False, "tickMinStep": 1, "format": "d"},
            },
            "y": {"field": "value", "type": "quantitative", "scale": scale, "axis": axis},
        },
        "layer": [
            {
                "mark": {"type": "line", "strokeWidth": 1.8},
                "encoding": {"color": colour, "detail": detail, "strokeDash": dashes},
            },
            {
                "transform": [{"filter": {"field": "of", "equal": "validation"}}],
                "mark": {"type": "point", "size": 34},
                "encoding": {"color": colour, "tooltip": told},
            },
            {
                "transform": [{"filter": {"field": "chosen", "equal": True}}],
                "mark": {"type": "point", "style": "ring", "size": 130, "filled": False, "aria": False},
            },
        ],
    }
