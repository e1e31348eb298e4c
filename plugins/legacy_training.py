"""Training in ``tf_keras``, for what tensorflow-model-optimization has wrapped; chosen by validation as elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final, TypeVar

import tradeoff
from tradeoff.training import default_rate

_BATCH: Final = 64
Taken = TypeVar("Taken")


def batch_size(job: tradeoff.Rewriting) -> int:
    """Samples of a step."""
    return min(job.recipe.batch_size if job.recipe else _BATCH, len(job.train))


def train(
    job: tradeoff.Rewriting,
    model: Any,
    tf_keras: Any,
    take: Callable[[], Taken],
    *,
    callbacks: Sequence[Any] = (),
    choose_from: int = 1,
) -> tuple[Taken, int]:
    """Train for the job's ``epochs`` at its ``rate``.

    :param take: what is to be kept of the model as it is now; asked after each epoch that is the best so far.
    :param choose_from: the first epoch that may be chosen.
    :return: what was taken of the epoch that did best on validation, and which that was.
    """
    import numpy as np

    from tradeoff.quality import METRICS, judge

    epochs, generator = int(job.values["epochs"]), np.random.default_rng(job.seed)
    rate = default_rate(job, float(job.values["rate"]))
    tf_keras.utils.set_random_seed(job.seed)
    schedule = tf_keras.optimizers.schedules.CosineDecay(rate, epochs * (len(job.train) // batch_size(job)))
    model.compile(tf_keras.optimizers.Adam(schedule), loss=_loss(job, model, tf_keras), jit_compile=False)
    best, kept = (-math.inf, -math.inf), list[tuple[Taken, int]]()
    begun, course = perf_counter(), list[tuple[float, float, float, float]]()
    for epoch in range(1, epochs + 1):
        x = job.recipe.augment(job.train.x, generator) if job.recipe and job.recipe.augment else job.train.x
        now = float(schedule(model.optimizer.iterations))
        told = model.fit(x, job.train.y, batch_size=batch_size(job), epochs=1, verbose=0, callbacks=list(callbacks))
        _check(job, told.history["loss"][-1], epoch, rate, model)
        outputs = model.predict(job.validation.x, verbose=0)
        found = judge(outputs, job.validation.y, job.task)
        score = found[job.task.metric]
        course.append((told.history["loss"][-1], score, found["loss"], now))
        rank = (score if METRICS[job.task.metric] == "higher" else -score, -found["loss"])
        if epoch >= choose_from and (not kept or rank > best):
            best, kept = rank, [(take(), epoch)]
        job.progress(f"epoch {epoch} of {epochs}, {job.task.metric} {score:.3f}", epoch / epochs)
    losses, scores, checks, rates = zip(*course, strict=True)
    job.trained(
        tradeoff.History(
            *(epochs, perf_counter() - begun, losses[-1], scores, kept[0][1]),
            losses=losses,
            validation_losses=checks,
            rates=rates,
        )
    )
    return kept[0]


def _check(job: tradeoff.Rewriting, loss: float, epoch: int, rate: float, model: Any) -> None:
    import numpy as np

    if not math.isfinite(loss) or not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise tradeoff.BadInput(
            f"technique {job.technique}: training in tf_keras came to NaN (loss {loss:g}) in epoch {epoch} of "
            f"{job.values['epochs']} at learning rate {rate:g}; lower the learning rate, or look for NaN in the data"
        )


def _loss(job: tradeoff.Rewriting, model: Any, tf_keras: Any) -> Any:
    if job.task.loss != "crossentropy":
        return job.task.loss
    logits = job.task.outputs == "logits"
    if model.output_shape[-1] == 1:
        return tf_keras.losses.BinaryCrossentropy(from_logits=logits)
    return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
