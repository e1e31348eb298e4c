"""What a record keeps of a training's course: few numbers, in few digits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from tradeoff.vocabulary import History

#: Epochs that are told of all trainings of one technique together; each has up to five numbers.
MOST_EPOCHS: Final = 64
#: Trainings of one technique that are told.
MOST_CURVES: Final = 8
#: A curve of fewer points says nothing.
_FEWEST: Final = 8


def curves_of(histories: Iterable[History]) -> dict[str, Any]:
    """The ``curves`` of all trainings that went into one variant, and how many are left out, as plain JSON."""
    told = _named([one for one in histories if one.epochs])
    shown = told[:MOST_CURVES]
    most = max(_FEWEST, MOST_EPOCHS // max(1, len(shown)))
    return {"curves": [_curve(one, most) for one in shown], "curves_untold": len(told) - len(shown)}


def _named(histories: Sequence[History]) -> list[History]:
    """Each beginning of a training with a name of its own; what goes on keeps the name of what it goes on with."""
    seen: Counter[str] = Counter()
    found = []
    for one in histories:
        seen[one.name] += not one.after
        number = seen[one.name]
        found.append(replace(one, name=f"{one.name} {number}".strip()) if number > 1 else one)
    return found


def _curve(history: History, most: int) -> dict[str, Any]:
    """The epochs after which anything is known, thinned evenly; the first, the last and the chosen one are kept."""
    first = 0 if history.before else 1
    epochs = _thinned(range(first, history.epochs + 1), most, history.best)
    score, loss = history.before or (math.nan, math.nan)
    metric, losses = (score, *history.validation), (loss, *history.validation_losses)
    columns = {
        "metric": metric,
        "validation_loss": losses,
        "loss": (math.nan, *history.losses),
        "rate": (math.nan, *history.rates),
    }
    return {
        "name": history.name,
        "epochs": history.epochs,
        "after": history.after,
        "best": history.best,
        "epoch": epochs,
        **{name: [_short(numbers, epoch) for epoch in epochs] for name, numbers in columns.items() if len(numbers) > 1},
    }


def _thinned(epochs: Sequence[int], most: int, best: int | None) -> list[int]:
    if len(epochs) <= most:
        return list(epochs)
    # One place is for the chosen epoch, wherever it lies.
    places = {round(place * (len(epochs) - 1) / (most - 2)) for place in range(most - 1)}
    kept = {epochs[place] for place in places}
    return sorted(kept | ({best} if best is not None and best in epochs else set()))


def _short(numbers: Sequence[float], place: int) -> float | None:
    """Five digits; JSON has no number that is none."""
    if place >= len(numbers) or not math.isfinite(numbers[place]):
        return None
    return float(f"{numbers[place]:.5g}")
