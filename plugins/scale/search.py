"""The cheapest architecture that is still good enough: a few candidates, trained briefly, then one of them in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

import tradeoff
from tradeoff.training import set_seed

from ..from_scratch import on_validation, recipe_of, train_anew
from .cost import TOLD, cost
from .knobs import Knobs, scaled

#: At most so many are trained; more would take longer than what they are compared with.
MOST: Final = 6
#: Trained in full at most, the cheapest first, until one is good enough.
_TRIES: Final = 3
#: A candidate is worth it when a brief training brings it so near to the best of them.
_NEAR: Final = 0.1
#: Of the recipe's epochs, for the first look.
_BRIEF: Final = 1 / 3
#: Fewer tell nothing: moving averages of normalizations have not arrived.
_LEAST: Final = 3
_WIDTHS: Final = (1.0, 0.75, 0.5, 0.35, 0.25)
_DEPTHS: Final = (1.0, 0.5)
_RESOLUTIONS: Final = (1.0, 0.5)


@dataclass(frozen=True)
class Candidate:
    """One architecture that was looked at.

    :param knobs: how it differs from the model.
    :param cost: what it costs.
    :param brief: the metric on validation after a brief training.
    """

    knobs: Knobs
    cost: float
    brief: float = 0.0

    def to_json(self, whole: float) -> dict[str, Any]:
        """With the cost as a share of that of the model."""
        return {**self.knobs.to_json(), "cost": self.cost / whole, "brief": self.brief}


def search(job: tradeoff.Rewriting, purpose: str, loss: float, epochs: int, rate: float) -> tradeoff.Rewritten:
    """The cheapest candidate that loses no more than ``loss`` on validation, trained in full."""
    before, whole = on_validation(job, job.model), cost(job.model, purpose)
    recipe = recipe_of(job, epochs, rate)
    brief = replace(recipe, epochs=min(recipe.epochs, max(_LEAST, round(recipe.epochs * _BRIEF))))
    found = _looked_at(job, candidates(job.model, purpose, whole), brief)
    sign = 1 if _higher(job.task) else -1
    floor = sign * before - _allowed(job.task, before, loss)
    tried: list[tuple[Candidate, float, Any]] = []
    for one in _order(found, sign):
        model = _fresh(job, one.knobs)
        train_anew(_saying(job, f"{_named(one.knobs)} in full"), model, recipe)
        tried.append((one, on_validation(job, model), model))
        if sign * tried[-1][1] >= floor:
            break
    met = sign * tried[-1][1] >= floor
    chosen, after, model = tried[-1] if met else max(tried, key=lambda item: sign * item[1])
    return tradeoff.Rewritten(
        model,
        epochs=brief.epochs * len(found) + recipe.epochs * len(tried),
        notes=() if met else (_missed(job, chosen, before, after, loss, len(tried)),),
        facts={
            "for": purpose,
            "cost_is": TOLD[purpose],
            "chosen": chosen.knobs.to_json(),
            "cost": chosen.cost / whole,
            "validation": [before, after],
            "candidates": [one.to_json(whole) for one in found],
            "brief_epochs": brief.epochs,
            "trained_in_full": len(tried),
        },
    )


def candidates(model: Any, purpose: str, whole: float) -> list[Candidate]:
    """Architectures that cost less, the cheapest first: at most so many, spread over what there is."""
    found: dict[float, Candidate] = {}
    reasons: list[str] = []
    for width, depth, resolution in product(_WIDTHS, _DEPTHS, _RESOLUTIONS):
        knobs = Knobs(width, depth, resolution)
        if knobs == Knobs():
            continue
        try:
            made = cost(scaled(model, knobs), purpose)
        except tradeoff.Refused as error:
            reasons.append(error.detail)
            continue
        # Of two that cost the same the one that is changed less comes first.
        if made < whole:
            found.setdefault(made, Candidate(knobs, made))
    if not found:
        told = "; ".join(dict.fromkeys(reasons)) or "no knob makes it cheaper"
        raise tradeoff.Refused("not implemented here", f"{model.name} has no cheaper architecture: {told}")
    ordered = [found[made] for made in sorted(found)]
    if len(ordered) <= MOST:
        return ordered
    return [ordered[round(number * (len(ordered) - 1) / (MOST - 1))] for number in range(MOST)]


def _looked_at(job: tradeoff.Rewriting, found: Sequence[Candidate], brief: tradeoff.Recipe) -> list[Candidate]:
    looked = []
    for number, one in enumerate(found, 1):
        model = _fresh(job, one.knobs)
        train_anew(_saying(job, f"candidate {number} of {len(found)}, {_named(one.knobs)}"), model, brief)
        looked.append(replace(one, brief=on_validation(job, model)))
    return looked


def _order(found: Sequence[Candidate], sign: int) -> list[Candidate]:
    """Which are trained in full, until one is good enough: the cheapest that seem worth it, then the most accurate.

    A brief training does not tell how good a net will be, only which of them learn at all; small ones learn later.
    """
    best = max(found, key=lambda one: sign * one.brief)
    near = [one for one in found if sign * (best.brief - one.brief) <= _NEAR * abs(best.brief) and one != best]
    return [*near[: _TRIES - 1], best]


def _allowed(task: tradeoff.Task, before: float, points: float) -> float:
    """Points are hundredths of an accuracy; of an error, which has no natural unit, they are per cent of it."""
    return points / 100 if _higher(task) else abs(before) * points / 100


def _higher(task: tradeoff.Task) -> bool:
    from tradeoff.quality import METRICS

    return METRICS[task.metric] == "higher"


def _fresh(job: tradeoff.Rewriting, knobs: Knobs) -> Any:
    set_seed(job.seed)
    return scaled(job.model, knobs)


def _named(knobs: Knobs) -> str:
    return " ".join(f"{name}={value:g}" for name, value in knobs.to_json().items())


def _saying(job: tradeoff.Rewriting, what: str) -> tradeoff.Rewriting:
    return replace(job, progress=lambda text, done: job.progress(f"{what}: {text}", done))


def _missed(job: tradeoff.Rewriting, chosen: Candidate, before: float, after: float, loss: float, tried: int) -> str:
    return (
        f"none of {tried} trained in full is within loss={loss:g} of the model's {job.task.metric} on validation, "
        f"{before:.4f}; the best of them, {_named(chosen.knobs)}, has {after:.4f}"
    )
