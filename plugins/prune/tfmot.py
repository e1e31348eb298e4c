"""``prune:implementation=tfmot``: ``prune_low_magnitude`` of tensorflow-model-optimization, through ``tf_keras``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.training import default_rate, find_structure

from ..kernels import Chosen, choose
from ..legacy_keras import check, legacy, to_legacy
from .masks import is_two_of_four

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Of the epochs of a schedule this share raises the sparsity; the others recover.
RISING: Final = 2 / 3
_BATCH: Final = 64
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
        weights = _trained(wrapped, job, tf_keras, tfmot)
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
    final, steps = float(job.values["sparsity"]), len(job.train) // _batch(job)
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


def _batch(job: tradeoff.Rewriting) -> int:
    return min(job.recipe.batch_size if job.recipe else _BATCH, len(job.train))


def _trained(model: Any, job: tradeoff.Rewriting, tf_keras: Any, tfmot: Any) -> list[NDArray[Any]]:
    """The weights of the epoch that did best on validation, once the sparsity is reached."""
    import numpy as np

    from tradeoff.quality import METRICS, judge

    epochs, generator = int(job.values["epochs"]), np.random.default_rng(job.seed)
    rate = default_rate(job, float(job.values["rate"]))
    tf_keras.utils.set_random_seed(job.seed)
    schedule = tf_keras.optimizers.schedules.CosineDecay(rate, epochs * (len(job.train) // _batch(job)))
    model.compile(tf_keras.optimizers.Adam(schedule), loss=_loss(job, model, tf_keras), jit_compile=False)
    update = tfmot.sparsity.keras.UpdatePruningStep()
    best, weights = (-math.inf, -math.inf), list["NDArray[Any]"]()
    begun, chosen, course = perf_counter(), 0, list[tuple[float, float, float, float]]()
    for epoch in range(1, epochs + 1):
        x = job.recipe.augment(job.train.x, generator) if job.recipe and job.recipe.augment else job.train.x
        now = float(schedule(model.optimizer.iterations))
        told = model.fit(x, job.train.y, batch_size=_batch(job), epochs=1, verbose=0, callbacks=[update])
        _check(told.history["loss"][-1], epoch, epochs, rate, model)
        outputs = model.predict(job.validation.x, verbose=0)
        found = judge(outputs, job.validation.y, job.task)
        score = found[job.task.metric]
        course.append((told.history["loss"][-1], score, found["loss"], now))
        rank = (score if METRICS[job.task.metric] == "higher" else -score, -found["loss"])
        if epoch >= _rising(job) and (not weights or rank > best):
            best, chosen, weights = rank, epoch, tfmot.sparsity.keras.strip_pruning(model).get_weights()
        job.progress(f"epoch {epoch} of {epochs}, {job.task.metric} {score:.3f}", epoch / epochs)
    losses, scores, checks, rates = zip(*course, strict=True)
    job.trained(
        tradeoff.History(
            *(epochs, perf_counter() - begun, losses[-1], scores, chosen),
            losses=losses,
            validation_losses=checks,
            rates=rates,
        )
    )
    return weights


def _check(loss: float, epoch: int, epochs: int, rate: float, model: Any) -> None:
    import numpy as np

    if not math.isfinite(loss) or not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise tradeoff.BadInput(
            f"technique prune: training in tf_keras came to NaN (loss {loss:g}) in epoch {epoch} of {epochs} at "
            f"learning rate {rate:g}; lower the learning rate, or look for NaN in the data"
        )


def _loss(job: tradeoff.Rewriting, model: Any, tf_keras: Any) -> Any:
    if job.task.loss != "crossentropy":
        return job.task.loss
    logits = job.task.outputs == "logits"
    if model.output_shape[-1] == 1:
        return tf_keras.losses.BinaryCrossentropy(from_logits=logits)
    return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


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
