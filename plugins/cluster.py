"""``cluster``: each kernel has a few different values only; the shapes and types stay, so a file needs a coder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.training import default_rate, fine_tune

from .kernels import SMALLEST, choose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Floats = NDArray[np.float64]

#: Rounds of moving centroids to the middle of their weights; they stop earlier when nothing moves.
_ROUNDS: Final = 100
_REALISED: Final = "shared values need gzip or a format with a code book"

PARAMETERS: Final = (
    tradeoff.Parameter(
        "clusters",
        int,
        default=16,
        minimum=2,
        maximum=256,
        positional=True,
        summary="different values of a kernel, beside a zero that pruning has left",
    ),
    tradeoff.Parameter(
        "start",
        str,
        default="kmeans++",
        choices=("kmeans++", "linear"),
        summary="where centroids begin: kmeans++ at random, far apart; linear from the smallest weight to the largest",
    ),
    tradeoff.Parameter("epochs", int, default=6, minimum=0, maximum=1000, summary="epochs of fine-tuning"),
    tradeoff.Parameter(
        "rate", float, default=0.1, minimum=1e-6, maximum=10.0, summary="share of the recipe's learning rate"
    ),
    tradeoff.Parameter("smallest", int, default=SMALLEST, minimum=1, summary="a kernel of fewer weights is left out"),
)


def cluster(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Give each kernel its centroids, then fine-tune: weights stay together, and their common values are trained."""
    import keras
    import numpy as np

    count = int(job.values["clusters"])
    chosen, left_out = choose(job.model, int(job.values["smallest"]))
    kernels = [(one, keras.ops.convert_to_numpy(one.variable)) for one in chosen]
    left_out |= {one.name: _few(kernel, count) for one, kernel in kernels if _few(kernel, count)}
    generator = np.random.default_rng(job.seed)
    for one, kernel in kernels:
        if one.name not in left_out:
            one.variable.assign(clustered(kernel, count, str(job.values["start"]), generator))
    rate = default_rate(job, float(job.values["rate"]))
    history = fine_tune(job, job.model, epochs=int(job.values["epochs"]), learning_rate=rate)
    return tradeoff.Rewritten(job.model, history.epochs, left_out, facts={"chosen_epoch": history.best})


def _few(kernel: Array, count: int) -> str:
    """Why a kernel has no use for so many clusters."""
    import numpy as np

    alive = int(np.count_nonzero(kernel))
    if 2 * count > alive:
        return f"tiny: {alive} weights that are not zero, fewer than two for each of {count} clusters"
    return ""


def clustered(kernel: Array, count: int, start: str, generator: np.random.Generator) -> Array:
    """Each weight as the nearest of ``count`` centroids; what is zero stays zero, and is no centroid's business."""
    import numpy as np

    alive = kernel != 0
    weights = kernel[alive].astype(np.float64)
    distinct = np.unique(weights)
    if len(distinct) <= count:
        return kernel
    begin = _linear(weights, count) if start == "linear" else _far_apart(weights, count, generator)
    centroids = _moved(weights, begin)
    made = np.zeros(kernel.shape, kernel.dtype)
    nearest = centroids[_nearest(weights, centroids)].astype(kernel.dtype)
    # A centroid at zero would be taken for weights that were pruned.
    made[alive] = np.where(nearest == 0, np.finfo(np.float32).tiny, nearest)
    return made


def _linear(weights: Floats, count: int) -> Floats:
    import numpy as np

    return np.linspace(weights.min(), weights.max(), count)


def _far_apart(weights: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Each next one is drawn from the weights, the likelier the farther it is from those before."""
    import numpy as np

    found = [float(generator.choice(weights))]
    distance = np.square(weights - found[0])
    for _ in range(count - 1):
        whole = distance.sum()
        found.append(float(generator.choice(weights, p=distance / whole) if whole else weights[0]))
        distance = np.minimum(distance, np.square(weights - found[-1]))
    return np.sort(np.array(found))


def _moved(weights: Floats, centroids: Floats) -> Floats:
    """Lloyd's rounds in one dimension: the nearest of sorted centroids is told by the middles between them."""
    import numpy as np

    ordered = np.sort(weights)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    for _ in range(_ROUNDS):
        ends = np.concatenate([[0], np.searchsorted(ordered, _middles(centroids)), [len(ordered)]])
        counts = np.diff(ends)
        # One that nothing is nearest to stays where it is.
        moved = np.where(counts > 0, np.diff(sums[ends]) / np.maximum(1, counts), centroids)
        if np.allclose(moved, centroids, rtol=0.0, atol=1e-12):
            break
        centroids = np.sort(moved)
    return centroids


def _middles(centroids: Floats) -> Floats:
    middles: Floats = (centroids[1:] + centroids[:-1]) / 2
    return middles


def _nearest(weights: Floats, centroids: Floats) -> Any:
    import numpy as np

    return np.searchsorted(_middles(centroids), weights)


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``cluster``."""
    return [
        tradeoff.Technique(
            "cluster",
            stage="model",
            apply=cluster,
            parameters=PARAMETERS,
            summary="weights of a kernel share few values, and go on sharing them in fine-tuning",
            realised_by=_REALISED,
        )
    ]
