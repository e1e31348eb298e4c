"""``prune``: weights of small magnitude become zero; the shapes stay, so runtimes need help to gain from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.training import Kept, default_rate, find_structure, fine_tune

from ..kernels import SMALLEST, Chosen, choose
from ..legacy_keras import TFMOT, refusal
from .masks import is_two_of_four, local, together, two_of_four

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tradeoff.spelling import Value

#: Of the epochs of a schedule this share raises the sparsity; the others recover.
RISING: Final = 2 / 3
PATTERN: Final = "2of4"
_REALISED: Final = "zeros need gzip or a format for sparse weights, or whole channels removed"

PARAMETERS: Final = (
    tradeoff.Parameter(
        "sparsity", float, default=0.5, minimum=0.0, maximum=0.99, positional=True, summary="share of weights that go"
    ),
    tradeoff.Parameter(
        "scope",
        str,
        default="local",
        choices=("local", "global"),
        summary="local: that share of each kernel; global: of all together, by one threshold",
    ),
    tradeoff.Parameter(
        "schedule",
        str,
        default="oneshot",
        choices=("oneshot", "polynomial"),
        summary="oneshot: all at once, then fine-tuning; polynomial: more with each epoch, by a cubic curve",
    ),
    tradeoff.Parameter("epochs", int, default=6, minimum=0, maximum=1000, summary="epochs of fine-tuning"),
    tradeoff.Parameter(
        "rate", float, default=0.1, minimum=1e-6, maximum=10.0, summary="share of the recipe's learning rate"
    ),
    tradeoff.Parameter(
        "pattern",
        str,
        default="none",
        choices=("none", PATTERN),
        summary=f"{PATTERN}: two of every four weights along the inputs of each output",
    ),
    tradeoff.Parameter("smallest", int, default=SMALLEST, minimum=1, summary="a kernel of fewer weights is left out"),
    tradeoff.Parameter(
        "implementation",
        str,
        default="keras",
        choices=("keras", TFMOT),
        summary="keras: on any engine; tfmot: tensorflow-model-optimization's prune_low_magnitude, through tf_keras",
    ),
)


def prune(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Prune by magnitude, fine-tune with the zeros kept, and say what was left out."""
    values = job.values
    check(values, job.models)
    if values["implementation"] == TFMOT:
        from .tfmot import prune_with_tfmot

        return prune_with_tfmot(job)
    chosen, left_out = choose(job.model, int(values["smallest"]))
    epochs, rising = int(values["epochs"]), 0
    scheduled = None
    if values["schedule"] == "polynomial" and epochs > 1:
        rising = max(1, round(RISING * epochs))
        scheduled = _scheduled(job, chosen, rising)
    else:
        _cut(chosen, job, float(values["sparsity"]))
    history = fine_tune(
        job,
        job.model,
        epochs=epochs,
        learning_rate=default_rate(job, float(values["rate"])),
        before_epoch=scheduled,
        choose_from=rising,
    )
    facts: dict[str, Any] = {"chosen_epoch": history.best}
    if values["pattern"] == PATTERN:
        facts["two_of_four"] = {one.name: is_two_of_four(_values(one)) for one in chosen}
    return tradeoff.Rewritten(job.model, history.epochs, left_out, facts=facts)


def check(values: Mapping[str, Value], models: Mapping[str, tradeoff.Model]) -> tradeoff.Refusal | None:
    """What cannot be is told before anything is trained."""
    sparsity = float(values["sparsity"])
    if values["pattern"] == PATTERN:
        told = f"prune: pattern={PATTERN} means half of the weights of every kernel"
        if sparsity != 0.5:
            raise tradeoff.BadInput(f"{told}; leave the sparsity out, it is {sparsity:g} here")
        if values["scope"] == "global" or values["schedule"] == "polynomial":
            raise tradeoff.BadInput(f"{told}, at once; it goes with scope=local and schedule=oneshot alone")
    if values["schedule"] == "polynomial" and int(values["epochs"]) < 2:
        raise tradeoff.BadInput(
            f"prune: schedule=polynomial needs 2 epochs or more, there are {values['epochs']}; or schedule=oneshot"
        )
    return _check_tfmot(values) if values["implementation"] == TFMOT else None


def _check_tfmot(values: Mapping[str, Value]) -> tradeoff.Refusal | None:
    if values["scope"] == "global":
        raise tradeoff.BadInput("prune: implementation=tfmot has a threshold for each kernel only; use scope=local")
    if not values["epochs"]:
        raise tradeoff.BadInput("prune: implementation=tfmot prunes while it trains, so epochs must be 1 or more")
    return refusal()


def _scheduled(
    job: tradeoff.Rewriting, chosen: Sequence[Chosen], rising: int
) -> Callable[[int], Sequence[Kept] | None]:
    """Before each of the first epochs more weights go, most of them early, when they are easily done without."""
    final = float(job.values["sparsity"])

    def before(epoch: int) -> Sequence[Kept] | None:
        if epoch > rising:
            return None
        _cut(chosen, job, final * (1 - (1 - epoch / rising) ** 3))
        return find_structure(job.model)

    return before


def _cut(chosen: Sequence[Chosen], job: tradeoff.Rewriting, sparsity: float) -> None:
    """Set to zero what is smallest now; what is zero already is the first to count."""
    import numpy as np

    found = [_values(one) for one in chosen]
    for one, kernel, mask in zip(chosen, found, _masks(job, found, sparsity), strict=True):
        one.variable.assign(np.where(mask, kernel, np.zeros((), kernel.dtype)))


def _masks(job: tradeoff.Rewriting, kernels: Sequence[NDArray[Any]], sparsity: float) -> list[NDArray[np.bool_]]:
    if job.values["pattern"] == PATTERN:
        return [two_of_four(kernel) for kernel in kernels]
    return together(kernels, sparsity) if job.values["scope"] == "global" else local(kernels, sparsity)


def _values(one: Chosen) -> NDArray[Any]:
    import keras

    found: NDArray[Any] = keras.ops.convert_to_numpy(one.variable)
    return found


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``prune``."""
    return [
        tradeoff.Technique(
            "prune",
            stage="model",
            apply=prune,
            check=check,
            parameters=PARAMETERS,
            summary="small weights become zero, and stay it in fine-tuning",
            realised_by=_REALISED,
        )
    ]
