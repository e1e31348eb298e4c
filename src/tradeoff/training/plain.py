"""Training a model by its recipe, from the start."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.vocabulary import History, Progress, Recipe, Split, Task

if TYPE_CHECKING:
    import numpy as np

    from tradeoff.vocabulary import Array

#: Samples in one step while validating.
_VALIDATION_BATCH: Final = 256


def set_seed(seed: int) -> None:
    """Start afresh: what is built and trained from here on depends on ``seed`` alone.

    Keras numbers layers as it makes them, and the numbers end up in converted files: without a fresh count
    the size of an artifact would depend on what the worker has built before.
    """
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)


def train(
    model: Any, recipe: Recipe, train: Split, validation: Split, task: Task, seed: int, progress: Progress
) -> History:
    """Train ``model`` in place; the same seed gives the same weights on the same machine."""
    import keras
    import numpy as np

    begun = perf_counter()
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    size = min(recipe.batch_size, len(train))
    width = keras.ops.shape(model(train.x[:1], training=False))[-1]
    compile_model(model, keras_loss(task, width), recipe.learning_rate, recipe.epochs * (len(train) // size))
    losses, scores, checks, rates = list[float](), list[float](), list[float](), list[float]()
    for epoch in range(1, recipe.epochs + 1):
        rates.append(rate_of(model))
        loss = _epoch(model, batches(train, recipe, size, generator))
        if not math.isfinite(loss) or broken(model):
            raise BadInput(
                f"training {model.name} came to NaN (loss {loss:g}) in epoch {epoch} of {recipe.epochs} at learning "
                f"rate {recipe.learning_rate:g}; lower the learning rate, or look for NaN in the data"
            )
        found = _validate(model, validation, task)
        losses.append(loss)
        scores.append(found[task.metric])
        checks.append(found["loss"])
        progress(f"epoch {epoch} of {recipe.epochs}, {task.metric} {scores[-1]:.3f}", epoch / recipe.epochs)
    last = losses[-1] if losses else math.nan
    return History(
        recipe.epochs,
        perf_counter() - begun,
        last,
        tuple(scores),
        losses=tuple(losses),
        validation_losses=tuple(checks),
        rates=tuple(rates),
    )


def compile_model(model: Any, loss: Any, learning_rate: float, steps: int) -> None:
    """Adam with a cosine decay from ``learning_rate``."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, max(1, steps))
    # XLA on a processor takes longer to compile models of this size than to train them.
    model.compile(keras.optimizers.Adam(schedule), loss=loss, jit_compile=False)


def rate_of(model: Any) -> float:
    """The learning rate of the next step."""
    import keras

    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def keras_loss(task: Task, width: int) -> Any:
    """The Keras loss of ``task`` for a model with ``width`` outputs."""
    import keras

    if task.loss == "crossentropy":
        logits = task.outputs == "logits"
        if width == 1:
            return keras.losses.BinaryCrossentropy(from_logits=logits)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return {"mse": keras.losses.MeanSquaredError, "mae": keras.losses.MeanAbsoluteError}[task.loss]()


def batches(train: Split, recipe: Recipe, size: int, generator: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """One epoch of shuffled, augmented samples; the rest that fills no batch is left to other epochs."""
    x = train.x if recipe.augment is None else recipe.augment(train.x, generator)
    order = generator.permutation(len(train))
    for start in range(0, len(train) - size + 1, size):
        chosen = order[start : start + size]
        yield x[chosen], train.y[chosen]


def _epoch(model: Any, batches: Iterator[tuple[Array, Array]]) -> float:
    """The mean loss; Keras itself averages over the steps since the last reset."""
    model.reset_metrics()
    loss = math.nan
    for x, y in batches:
        loss = float(model.train_on_batch(x, y))
    return loss


def broken(model: Any) -> bool:
    """Whether a weight is no number; a rectifier makes 0 of NaN, so the loss can look sound."""
    import keras
    import numpy as np

    return any(not np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in model.trainable_variables)


def _validate(model: Any, validation: Split, task: Task) -> Mapping[str, float]:
    from tradeoff.quality import judge

    return judge(outputs_for(model, validation), validation.y, task)


def outputs_for(model: Any, split: Split) -> Array:
    """What a compiled model gives for all of ``split``."""
    import numpy as np

    starts = range(0, len(split), _VALIDATION_BATCH)
    return np.concatenate([model.predict_on_batch(split.x[start : start + _VALIDATION_BATCH]) for start in starts])
