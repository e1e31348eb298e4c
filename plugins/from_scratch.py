"""Training what a technique has built anew: by the recipe of the model, or by one for files that came without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import tradeoff
from tradeoff.training import History, find_structure, fine_tune

#: For a model that came as a file, of whose training nothing is known.
UNKNOWN: Final = tradeoff.Recipe(epochs=20)


def recipe_of(job: tradeoff.Rewriting, epochs: int, rate: float) -> tradeoff.Recipe:
    """The recipe of the model that was handed in, with other epochs if they are given, and a share of its rate."""
    known = job.recipe or UNKNOWN
    return replace(known, epochs=epochs or known.epochs, learning_rate=known.learning_rate * rate)


def train_anew(job: tradeoff.Rewriting, model: Any, recipe: tradeoff.Recipe) -> History:
    """Train a model of fresh weights by ``recipe``; the epoch that did best on validation is kept."""
    return fine_tune(
        replace(job, recipe=recipe),
        model,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        keep=(),
        choose_from=1,
    )


def on_validation(job: tradeoff.Rewriting, model: Any) -> float:
    """The task's metric on the validation split."""
    from tradeoff.formats.keras_files import outputs_of
    from tradeoff.quality import judge

    return judge(outputs_of(model, job.validation.x), job.validation.y, job.task)[job.task.metric]


def lost_structure(model: Any) -> tuple[str, ...]:
    """A note where the model before has zeros or clusters, which new weights do not have."""
    if not find_structure(model):
        return ()
    return ("built anew and trained from the start: zeros and clusters of the model before are gone",)
