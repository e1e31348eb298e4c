"""Fine-tuning for techniques: what the model was given before stays, and validation chooses the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.training.plain import batches, broken, compile_model, keras_loss, outputs_for, rate_of
from tradeoff.training.structure import Holder, Kept, find_structure, holding
from tradeoff.vocabulary import History, Recipe, Rewriting

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Of a model whose recipe nobody knows.
_RATE: Final = 1e-3
_BATCH: Final = 64
#: Gives what a loss compares the outputs with, of a batch's inputs and targets.
Targets = Callable[["Array", "Array"], Any]


def default_rate(job: Rewriting, share: float = 0.3) -> float:
    """A learning rate for fine-tuning: a share of that of the model's recipe, or one that harms no trained model."""
    return job.recipe.learning_rate * share if job.recipe else _RATE


def fine_tune(
    job: Rewriting,
    model: Any,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int | None = None,
    loss: Any = None,
    targets: Targets | None = None,
    through: Any = None,
    keep: Sequence[Kept] | None = None,
    before_epoch: Callable[[int], Sequence[Kept] | None] | None = None,
    choose_from: int = 0,
    name: str = "",
    after: int = 0,
) -> History:
    """Train ``model`` in place on the train split, and leave it with the weights that did best on validation.

    Zeros and clusters of its kernels are kept after every step. The test split is nowhere near.

    :param epochs: passes over the training split; none is allowed, and then nothing is trained.
    :param learning_rate: the peak of a cosine decay.
    :param batch_size: samples of a step, by default those of the model's recipe.
    :param loss: a Keras loss, or several for several outputs; by default that of the task.
    :param targets: gives what the loss compares the outputs with, of a batch's inputs (augmented) and its targets.
    :param through: a Keras model with the same weights that is trained instead, such as one with more outputs;
        ``model`` is still what validation judges.
    :param keep: the structure to keep; by default what is found in ``model`` as it is handed in.
    :param before_epoch: asked before each epoch, from 1 on, for a structure to impose and keep from there.
    :param choose_from: the first epoch whose weights may be chosen; 0 stands for those that were handed in.
    :param name: what is trained, where a technique trains several things; its curve is called so.
    :param after: epochs that a technique has trained the same thing for before.
    """
    import keras

    begun = perf_counter()
    keras.utils.set_random_seed(job.seed)
    fitting = _Fitting(job, model, through or model, _recipe(job, epochs, learning_rate, batch_size), targets)
    fitting.compile(loss)
    structure = find_structure(model) if keep is None else keep
    with holding(fitting.trained, structure) as holder:
        best = _Best(model, job)
        before = best.consider(0) if choose_from <= 0 else None
        course = _epochs(fitting, holder, before_epoch, lambda epoch: best.consider(epoch, epoch >= choose_from))
        best.restore()
    history = course.history(perf_counter() - begun, best.epoch, before, name, after)
    job.trained(history)
    return history


def _recipe(job: Rewriting, epochs: int, learning_rate: float, batch_size: int | None) -> Recipe:
    known = job.recipe or Recipe(epochs, _BATCH)
    size = batch_size or known.batch_size
    return replace(known, epochs=epochs, batch_size=min(size, len(job.train)), learning_rate=learning_rate)


@dataclass(frozen=True)
class _Fitting:
    """One fine-tuning.

    :param model: what is judged.
    :param trained: what is trained; the same, or another model with its weights.
    """

    job: Rewriting
    model: Any
    trained: Any
    recipe: Recipe
    targets: Targets | None

    def compile(self, loss: Any) -> None:
        """Compile what is trained, and what is judged where that is another model."""
        import keras

        width = keras.ops.shape(self.model(self.job.train.x[:1], training=False))[-1]
        usual = keras_loss(self.job.task, width)
        steps = self.recipe.epochs * (len(self.job.train) // self.recipe.batch_size)
        if self.trained is not self.model:
            compile_model(self.model, usual, self.recipe.learning_rate, steps)
        compile_model(self.trained, usual if loss is None else loss, self.recipe.learning_rate, steps)

    def epoch(self, given: Iterator[tuple[Array, Array]]) -> float:
        """The mean loss of one pass; it stops at the first step that gives no number."""
        losses = []
        for x, y in given:
            wanted = y if self.targets is None else self.targets(x, y)
            losses.append(float(self.trained.train_on_batch(x, wanted, return_dict=True)["loss"]))
            if not math.isfinite(losses[-1]):
                return losses[-1]
        return sum(losses) / len(losses) if losses else math.nan

    def check(self, loss: float, epoch: int) -> None:
        """Stop what has come to NaN; nothing of it is stored."""
        if math.isfinite(loss) and not broken(self.trained):
            return
        who = f"technique {self.job.technique}" if self.job.technique else "fine-tuning"
        raise BadInput(
            f"{who}: training {self.model.name} came to NaN (loss {loss:g}) in epoch {epoch} of {self.recipe.epochs} "
            f"at learning rate {self.recipe.learning_rate:g}; lower the learning rate, or look for NaN in the data"
        )


def _epochs(
    fitting: _Fitting,
    holder: Holder,
    before_epoch: Callable[[int], Sequence[Kept] | None] | None,
    consider: Callable[[int], tuple[float, float]],
) -> _Course:
    """All epochs; what was seen in each."""
    import numpy as np

    job, recipe = fitting.job, fitting.recipe
    generator = np.random.default_rng(job.seed)
    course = _Course()
    for epoch in range(1, recipe.epochs + 1):
        changed = before_epoch(epoch) if before_epoch else None
        if changed is not None:
            holder.hold(changed)
        rate = rate_of(fitting.trained)
        loss = fitting.epoch(batches(job.train, recipe, recipe.batch_size, generator))
        fitting.check(loss, epoch)
        score, check = consider(epoch)
        course.add(loss, score, check, rate)
        told = f"epoch {epoch} of {recipe.epochs}, {job.task.metric} {score:.3f}"
        job.progress(f"{job.technique}: {told}" if job.technique else told, epoch / max(1, recipe.epochs))
    return course


@dataclass
class _Course:
    """What was seen, epoch by epoch: the training's loss, the metric and the task's loss on validation, the rate."""

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    checks: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def add(self, loss: float, score: float, check: float, rate: float) -> None:
        """One epoch more."""
        self.losses.append(loss)
        self.scores.append(score)
        self.checks.append(check)
        self.rates.append(rate)

    def history(
        self, seconds: float, best: int | None, before: tuple[float, float] | None, name: str, after: int
    ) -> History:
        """All of it."""
        return History(
            len(self.losses),
            seconds,
            self.losses[-1] if self.losses else math.nan,
            tuple(self.scores),
            best,
            losses=tuple(self.losses),
            validation_losses=tuple(self.checks),
            rates=tuple(self.rates),
            before=before,
            name=name,
            after=after,
        )


class _Best:
    """The weights that did best on validation: by the task's metric, and where that is equal by the loss."""

    def __init__(self, model: Any, job: Rewriting) -> None:
        self._model, self._job = model, job
        self._rank: tuple[float, float] | None = None
        self._weights: list[Array] = []
        self.epoch: int | None = None

    def consider(self, epoch: int, eligible: bool = True) -> tuple[float, float]:
        """Metric and loss of the model as it is now, which is remembered where it is the best so far."""
        from tradeoff.quality import METRICS, judge

        validation, task = self._job.validation, self._job.task
        found = judge(outputs_for(self._model, validation), validation.y, task)
        score = found[task.metric]
        rank = (score if METRICS[task.metric] == "higher" else -score, -found["loss"])
        if eligible and (self._rank is None or rank > self._rank):
            self._rank, self._weights, self.epoch = rank, self._model.get_weights(), epoch
        return score, found["loss"]

    def restore(self) -> None:
        """Give the model those weights."""
        if self._weights:
            self._model.set_weights(self._weights)
