"""``prune:implementation=tfmot``: ``prune_low_magnitude`` of tensorflow-model-optimization, through ``tf_keras``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import tradeoff
from tradeoff.training import find_structure

from ..kernels import Chosen, choose
from ..legacy_keras import check, legacy, to_legacy
from ..legacy_training import batch_size, train
from .masks import is_two_of_four

#: Of the epochs of a schedule this share raises the sparsity; the others recover.
RISING: Final = 2 / 3
_INSIDE: Final = "it lies in another model or layer, which prune_low_magnitude does not look into"


def prune_with_tfmot(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Prune in ``tf_keras`` and bring the weights back; what it did is counted, not believed."""
    check(job.model)
    chosen, left_out = choose(job.model, int(job.values["smallest"]))
    left_out |= {one.name: _INSIDE for one in chosen if "/" in one.name}
    chosen = [one for one in chosen if "/" not in one.name]
    clusters = [kept for kept in find_structure(job.model) if kept.groups is not None]
    with legacy() as (tf_keras, tfmot):
        wrapped = _wrapped(to_legacy(job.model, tf_keras), {one.layer for one in chosen}, job, tf_keras, tfmot)
        update = tfmot.sparsity.keras.UpdatePruningStep()
        weights, _ = train(
            *(job, wrapped, tf_keras, lambda: tfmot.sparsity.keras.strip_pruning(wrapped).get_weights()),
            callbacks=[update],
            choose_from=_rising(job),
        )
    job.model.set_weights(weights)
    return tradeoff.Rewritten(
        job.model, int(job.values["epochs"]), left_out, tuple(_notes(chosen, job, bool(clusters))), _facts(chosen, job)
    )


def _rising(job: tradeoff.Rewriting) -> int:
    """Epochs until the sparsity is reached."""
    scheduled = job.values["schedule"] == "polynomial"
    return max(1, round(RISING * int(job.values["epochs"]))) if scheduled else 0


def _wrapped(model: Any, names: set[str], job: tradeoff.Rewriting, tf_keras: Any, tfmot: Any) -> Any:
    kind = tfmot.sparsity.keras
    final, steps = float(job.values["sparsity"]), len(job.train) // batch_size(job)
    if job.values["schedule"] == "polynomial":
        plan = kind.PolynomialDecay(0.0, final, begin_step=0, end_step=_rising(job) * steps, frequency=steps)
    else:
        plan = kind.ConstantSparsity(final, begin_step=0, frequency=1)
    options: dict[str, Any] = {"pruning_schedule": plan}
    if job.values["pattern"] != "none":
        options["sparsity_m_by_n"] = (2, 4)

    def wrap(layer: Any) -> Any:
        if layer.name not in names:
            return layer
        try:
            return kind.prune_low_magnitude(layer, **options)
        except ValueError as error:
            raise tradeoff.Refused("not supported by format", f"tfmot does not prune {layer.name}: {error}") from error

    return tf_keras.models.clone_model(model, clone_function=wrap) if names else model


def _notes(chosen: Sequence[Chosen], job: tradeoff.Rewriting, clusters: bool) -> list[str]:
    """What it did not do although it was asked to, and what it has undone."""
    told = ["tfmot trained all weights freely: the clusters of before are gone"] if clusters else []
    missed = [one.name for one in chosen if _sparsity(one) < float(job.values["sparsity"]) - 0.02]
    if missed:
        told.append(f"tfmot left {', '.join(missed)} denser than asked for, and said nothing")
    return told


def _facts(chosen: Sequence[Chosen], job: tradeoff.Rewriting) -> Mapping[str, Any]:
    import keras

    if job.values["pattern"] == "none":
        return {}
    return {"two_of_four": {one.name: is_two_of_four(keras.ops.convert_to_numpy(one.variable)) for one in chosen}}


def _sparsity(one: Chosen) -> float:
    import keras
    import numpy as np

    return float(np.mean(keras.ops.convert_to_numpy(one.variable) == 0))
