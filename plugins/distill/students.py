"""Who learns from whom: a registered model, a narrower copy of the teacher, or what became of it in the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.errors import UnknownName
from tradeoff.training import set_seed

from ..from_scratch import UNKNOWN
from ..scale.knobs import Knobs, scaled

if TYPE_CHECKING:
    from tradeoff.spelling import Value

#: The model as it was handed in, taught by what it was before all techniques.
SELF: Final = "self"
#: For a student that is trained already: epochs, and the share of the rate.
_AGAIN: Final = 6
_AGAIN_RATE: Final = 0.3


@dataclass(frozen=True)
class Pair:
    """Teacher and student, and how the student is trained.

    :param teacher: a trained Keras model.
    :param student: of fresh weights, or a trained one whose structure is kept.
    :param recipe: the student's.
    :param fresh: whether its weights are worth nothing yet.
    :param told: the student in words.
    """

    teacher: Any
    student: Any
    recipe: tradeoff.Recipe
    fresh: bool
    told: str


def pair(job: tradeoff.Rewriting) -> Pair:
    """Find the two, and refuse before any training what cannot be."""
    name = str(job.values["student"])
    share = _number(name)
    if name == SELF:
        found = _itself(job)
    elif share is not None:
        set_seed(job.seed)
        found = _made(job, lambda: scaled(job.model, Knobs(width=share)), job.recipe, f"{share:g} of the width")
    else:
        found = _registered(job, name)
    _same_ends(found)
    return found


def check(values: Mapping[str, Value], models: Mapping[str, tradeoff.Model]) -> None:
    """Whether there is such a student, which needs no model to look at."""
    name = str(values["student"])
    if name != SELF and _number(name) is None:
        _builder(name, models)


def _number(name: str) -> float | None:
    try:
        share = float(name)
    except ValueError:
        return None
    if not 0.01 <= share <= 4 or share == 1:
        raise tradeoff.BadInput(
            f"distill: student={name} is no width of a copy of the teacher; write a share from 0.01 to 4 other than 1"
        )
    return share


def _itself(job: tradeoff.Rewriting) -> Pair:
    if job.original is None:
        raise tradeoff.BadInput(
            f"distill: student={SELF} is the model that techniques before it have made, and none comes before; put one "
            f"there, as in prune+distill:{SELF}, or name another student"
        )
    recipe = job.recipe or UNKNOWN
    return Pair(job.original(), job.model, _changed(job, recipe, _AGAIN, _AGAIN_RATE), False, "the model itself")


def _builder(name: str, models: Mapping[str, tradeoff.Model]) -> Callable[[], Any]:
    if name not in models:
        hint = f"A number is the width of a copy of the teacher, {SELF} the model after the techniques before."
        raise UnknownName("student", name, [*models, SELF], hint)
    build = models[name].build
    if build is None:
        raise tradeoff.BadInput(f"distill: student={name} is a file and has no builder; name a model that is built")
    return build


def _registered(job: tradeoff.Rewriting, name: str) -> Pair:
    build = _builder(name, job.models)
    model = job.models[name]
    if model.task != job.task.name:
        raise tradeoff.BadInput(
            f"distill: student={name} is for task {model.task}, and the teacher for {job.task.name}; "
            "both have to be for the same"
        )
    return _made(job, build, model.recipe, name)


def _made(job: tradeoff.Rewriting, build: Callable[[], Any], recipe: tradeoff.Recipe | None, told: str) -> Pair:
    set_seed(job.seed)
    known = recipe or UNKNOWN
    return Pair(job.model, build(), _changed(job, known, known.epochs, 1.0), True, told)


def _changed(job: tradeoff.Rewriting, recipe: tradeoff.Recipe, epochs: int, share: float) -> tradeoff.Recipe:
    rate = float(job.values["rate"]) or share
    return replace(recipe, epochs=int(job.values["epochs"]) or epochs, learning_rate=recipe.learning_rate * rate)


def _same_ends(found: Pair) -> None:
    """One input and one vector of outputs, of equal shapes; a student may leave a size open."""
    teacher, student = (_ends(model) for model in (found.teacher, found.student))
    for what, one, other in zip(("input", "outputs"), teacher, student, strict=True):
        fits = len(one) == len(other) and all(a == b or None in (a, b) for a, b in zip(one, other, strict=True))
        if not fits:
            raise tradeoff.BadInput(
                f"distill: the student, {found.told}, has {what} of shape {other}, the teacher {one}; they have to be "
                "the same"
            )


def _ends(model: Any) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
    inputs, outputs = (list(getattr(model, name, None) or ()) for name in ("inputs", "outputs"))
    if len(inputs) != 1 or len(outputs) != 1 or len(outputs[0].shape) != 2:
        raise tradeoff.Refused(
            "not implemented here",
            f"distill takes models of one input and one vector of outputs; {model.name} has {len(inputs)} known "
            f"inputs and outputs of shapes {[tuple(tensor.shape[1:]) for tensor in outputs]}",
        )
    return tuple(inputs[0].shape[1:]), tuple(outputs[0].shape[1:])
