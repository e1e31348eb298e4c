"""``scale``: a smaller architecture of the same kind, by width, depth and resolution, trained from the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.accounting import account
from tradeoff.training import set_seed

from ..from_scratch import lost_structure, on_validation, recipe_of, train_anew
from .cost import COSTS
from .knobs import Knobs, scaled
from .search import search

if TYPE_CHECKING:
    from tradeoff.spelling import Value

#: The width where no knob is given.
HALF: Final = 0.5

PARAMETERS: Final = (
    tradeoff.Parameter(
        "width",
        float,
        default=0.0,
        minimum=0.0,
        maximum=4.0,
        positional=True,
        summary="share of the channels, in multiples of 8; 0 is a half if nothing else is scaled, and else all",
    ),
    tradeoff.Parameter(
        "depth", float, default=1.0, minimum=0.0, maximum=1.0, summary="share of the blocks of equal shape that stay"
    ),
    tradeoff.Parameter(
        "resolution", float, default=1.0, minimum=0.05, maximum=8.0, summary="share of the input's height and width"
    ),
    tradeoff.Parameter(
        "for",
        str,
        default="none",
        choices=("none", *COSTS),
        summary="look for the cheapest in this respect, instead of by hand",
    ),
    tradeoff.Parameter(
        "loss", float, default=1.0, minimum=0.0, maximum=100.0, summary="points that the search may lose on validation"
    ),
    tradeoff.Parameter("epochs", int, default=0, minimum=0, maximum=10000, summary="of training; 0 is the recipe's"),
    tradeoff.Parameter(
        "rate", float, default=1.0, minimum=1e-6, maximum=10.0, summary="share of the recipe's learning rate"
    ),
)


def scale(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Build the model again with other sizes, and train it; what cannot be is refused before that."""
    epochs, rate = int(job.values["epochs"]), float(job.values["rate"])
    purpose = str(job.values["for"])
    knobs = knobs_of(job.values)
    notes = lost_structure(job.model)
    if purpose != "none":
        made = search(job, purpose, float(job.values["loss"]), epochs, rate)
        return tradeoff.Rewritten(made.model, made.epochs, notes=(*notes, *made.notes), facts=made.facts)
    set_seed(job.seed)
    model = scaled(job.model, knobs)
    before = on_validation(job, job.model)
    history = train_anew(job, model, recipe_of(job, epochs, rate))
    facts: dict[str, Any] = {
        "chosen": knobs.to_json(),
        "validation": [before, on_validation(job, model)],
        "macs": [account(one).macs for one in (job.model, model)],
        "chosen_epoch": history.best,
    }
    return tradeoff.Rewritten(model, history.epochs, notes=notes, facts=facts)


def knobs_of(values: Mapping[str, Value]) -> Knobs:
    """What is scaled by hand; a search goes without."""
    depth, resolution = float(values["depth"]), float(values["resolution"])
    width = float(values["width"])
    given = Knobs(width or 1.0, depth, resolution)
    if values["for"] != "none":
        if given != Knobs() or width:
            raise tradeoff.BadInput(
                f"scale: for={values['for']} looks for width, depth and resolution itself; leave these out"
            )
        return given
    if given == Knobs():
        if width:
            raise tradeoff.BadInput("scale: width=1 with nothing else changes nothing; a half is width=0.5")
        return Knobs(HALF)
    return given


def check(values: Mapping[str, Value], models: Mapping[str, tradeoff.Model]) -> None:
    """What cannot be is told before anything is trained."""
    knobs_of(values)


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``scale``."""
    return [
        tradeoff.Technique(
            "scale",
            stage="model",
            apply=scale,
            check=check,
            parameters=PARAMETERS,
            summary="fewer channels, blocks or pixels, trained from the start; or the cheapest that is good enough",
        )
    ]
