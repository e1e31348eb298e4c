"""``deep_compression``: prune, cluster and code as one technique, after the method of that name, with its own defaults.

Weights go by what they do rather than by their size alone: a large weight on an input that is nearly always zero does
nothing. The model as it came teaches what is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.training import Kept, default_rate, find_structure, fine_tune
from tradeoff.training.plain import outputs_for

from ..cluster import clustered
from ..kernels import SMALLEST, Chosen, choose
from .folding import folded
from .saliency import drop_unread, masks, saliency

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Of the epochs of pruning this share raises the sparsity; the others recover.
_RISING: Final = 2 / 3
#: More values than a code book may have are not shared.
_MOST_SHARED: Final = 257
#: A vector of fewer numbers is not clustered: its code book would be as large.
_SMALLEST_VECTOR: Final = 32

PARAMETERS: Final = (
    tradeoff.Parameter(
        "sparsity", float, default=0.93, minimum=0.0, maximum=0.99, positional=True, summary="share of weights that go"
    ),
    tradeoff.Parameter(
        "clusters", int, default=16, minimum=2, maximum=256, summary="different values of a kernel, beside zero"
    ),
    tradeoff.Parameter("epochs", int, default=120, minimum=2, maximum=1000, summary="epochs while weights go"),
    tradeoff.Parameter("settling", int, default=20, minimum=0, maximum=1000, summary="epochs with shared values"),
    tradeoff.Parameter(
        "rate", float, default=1.0, minimum=1e-6, maximum=10.0, summary="share of the recipe's learning rate"
    ),
    tradeoff.Parameter(
        "temperature",
        float,
        default=2.0,
        minimum=0.1,
        maximum=100.0,
        summary="how much the teacher's answers are softened",
    ),
    tradeoff.Parameter(
        "vectors",
        int,
        default=16,
        minimum=0,
        maximum=256,
        summary="different values of a bias, a scale or a shift; 0 leaves them as they are",
    ),
    tradeoff.Parameter("smallest", int, default=SMALLEST, minimum=1, summary="a kernel of fewer weights is left out"),
)


def deep_compression(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Prune while training, share values while training, then let biases share theirs; the coder does the rest."""
    import keras
    import numpy as np

    values = job.values
    chosen, left_out = choose(job.model, int(values["smallest"]))
    taught = _taught(job)
    rate = default_rate(job, float(values["rate"]))
    epochs, settling = int(values["epochs"]), int(values["settling"])
    rising = max(1, round(_RISING * epochs))
    job.progress("pruning", 0.0)
    first = fine_tune(
        job,
        job.model,
        epochs=epochs,
        learning_rate=rate,
        before_epoch=_pruning(job, chosen, rising),
        choose_from=rising,
        **taught,
    )
    drop_unread(job.model)
    facts: dict[str, Any] = {"pruned": _score(job, job.model)}
    model = folded(job.model)
    chosen, _ = choose(model, int(values["smallest"]))
    generator = np.random.default_rng(job.seed)
    for one in chosen:
        kernel = keras.ops.convert_to_numpy(one.variable)
        if np.count_nonzero(kernel) > 2 * int(values["clusters"]):
            one.variable.assign(clustered(kernel, int(values["clusters"]), "kmeans++", generator))
    job.progress("clustering", 0.8)
    second = fine_tune(job, model, epochs=settling, learning_rate=0.3 * rate, after=epochs, **taught)
    facts["clustered"] = _score(job, model)
    _round([one.variable for one in chosen])
    if values["vectors"]:
        _round(_share_vectors(model, int(values["vectors"]), generator))
    facts["rounded"] = _score(job, model)
    return tradeoff.Rewritten(model, first.epochs + second.epochs, left_out, facts=facts)


def _taught(job: tradeoff.Rewriting) -> dict[str, Any]:
    """What fine-tuning is told of the teacher: its probabilities are the targets, where the model gives some."""
    import keras

    if job.task.kind != "classification" or job.task.outputs != "probabilities" or job.model.output_shape[-1] < 2:
        return {}
    teacher = keras.models.clone_model(job.model)
    teacher.set_weights(job.model.get_weights())
    share = 1 / float(job.values["temperature"])

    def targets(x: Array, y: Array) -> Array:
        softened = keras.ops.convert_to_numpy(teacher(x, training=False)) ** share
        found: Array = softened / softened.sum(axis=-1, keepdims=True)
        return found

    return {"loss": keras.losses.CategoricalCrossentropy(), "targets": targets}


def _pruning(job: tradeoff.Rewriting, chosen: Sequence[Chosen], rising: int) -> Callable[[int], Sequence[Kept] | None]:
    """Before each of the first epochs more weights go, most of them early."""
    import keras
    import numpy as np

    final = float(job.values["sparsity"])

    def before(epoch: int) -> Sequence[Kept] | None:
        if epoch > rising:
            return None
        share = final * (1 - (1 - epoch / rising) ** 3)
        for one, mask in zip(chosen, masks(saliency(job.model, chosen, job.calibration.x), share), strict=True):
            kernel = keras.ops.convert_to_numpy(one.variable)
            one.variable.assign(np.where(mask, kernel, np.zeros((), kernel.dtype)))
        return find_structure(job.model)

    return before


def _share_vectors(model: Any, count: int, generator: Any) -> list[Any]:
    """Give each bias, scale and shift that is long enough a few values only; statistics of inputs stay."""
    import keras
    import numpy as np

    shared = []
    for variable in model.trainable_weights:
        vector = keras.ops.convert_to_numpy(variable)
        if vector.ndim == 1 and vector.size >= _SMALLEST_VECTOR and np.count_nonzero(vector) > 2 * count:
            variable.assign(clustered(vector, count, "kmeans++", generator))
            shared.append(variable)
    return shared


def _round(variables: Sequence[Any]) -> None:
    """Give values that are shared the 16 bits of bfloat16: a code book is as long as its values."""
    import keras
    import numpy as np

    for variable in variables:
        values = keras.ops.convert_to_numpy(variable)
        if values.dtype == np.float32 and len(np.unique(values)) <= _MOST_SHARED:
            bits = values.view(np.uint32).astype(np.uint64)
            # To the nearest, and of two that are as near to the even one; nothing here is as large as to overflow.
            bits = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) & np.uint64(0xFFFF0000)
            variable.assign(bits.astype(np.uint32).view(np.float32))


def _score(job: tradeoff.Rewriting, model: Any) -> float:
    """The task's metric on validation."""
    from tradeoff.quality import judge

    outputs: Array = outputs_for(model, job.validation)
    return float(judge(outputs, job.validation.y, job.task)[job.task.metric])


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``deep_compression``."""
    return [
        tradeoff.Technique(
            "deep_compression",
            stage="model",
            apply=deep_compression,
            parameters=PARAMETERS,
            implies="huffman",
            summary="prune, cluster, Huffman: nearly all weights go, the others share values, and the file is coded",
        )
    ]
