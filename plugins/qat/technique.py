"""``qat``: fine-tuning with weights and results rounded as they will be in 8 bits, so that less is lost there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.training import default_rate, fine_tune

from ..legacy_keras import TFMOT, refusal
from ..model_graph import refuse_unreadable
from .net import Rounding, rounding_net

if TYPE_CHECKING:
    from tradeoff.spelling import Value

PARAMETERS: Final = (
    tradeoff.Parameter("epochs", int, default=6, minimum=0, maximum=1000, summary="epochs of fine-tuning"),
    tradeoff.Parameter(
        "rate", float, default=0.1, minimum=1e-6, maximum=10.0, summary="share of the recipe's learning rate"
    ),
    tradeoff.Parameter(
        "activations",
        str,
        default="asymmetric",
        choices=("asymmetric", "symmetric"),
        summary="asymmetric: a range as it is; symmetric: with zero in its middle, which costs rectified results a bit",
    ),
    tradeoff.Parameter(
        "weights",
        str,
        default="per_channel",
        choices=("per_channel", "per_tensor"),
        summary="per_channel: a scale for each channel of a kernel; per_tensor: one for all of it",
    ),
    tradeoff.Parameter(
        "implementation",
        str,
        default="keras",
        choices=("keras", TFMOT),
        summary="keras: on any engine; tfmot: tensorflow-model-optimization's quantize_model, through tf_keras",
    ),
)


def qat(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Train a twin that rounds, with zeros and clusters kept, and take over its weights and its ranges."""
    _check(job.model)
    if job.values["implementation"] == TFMOT:
        from .tfmot import qat_with_tfmot

        return qat_with_tfmot(job)
    rounding = Rounding(job.values["activations"] == "symmetric", job.values["weights"] == "per_tensor")
    job.progress("finding ranges", 0.0)
    twin = rounding_net(job.model, rounding, job.calibration.x)
    rate = default_rate(job, float(job.values["rate"]))
    history = fine_tune(job, twin.net, epochs=int(job.values["epochs"]), learning_rate=rate)
    job.model.set_weights(twin.plain.get_weights())
    facts = {"chosen_epoch": history.best, "rounded": list(twin.rounders)}
    return tradeoff.Rewritten(job.model, history.epochs, twin.places.left_out, facts=facts, ranges=twin.ranges())


def check(values: Mapping[str, Value], models: Mapping[str, tradeoff.Model]) -> tradeoff.Refusal | None:
    """What tensorflow-model-optimization has no choice of, and whether it is there."""
    if values["implementation"] != TFMOT:
        return None
    for name, only in (("activations", "asymmetric"), ("weights", "per_channel")):
        if values[name] != only:
            raise tradeoff.BadInput(f"qat: implementation=tfmot has {name}={only} only, not {values[name]}")
    if not values["epochs"]:
        raise tradeoff.BadInput("qat: implementation=tfmot learns ranges while it trains, so epochs must be 1 or more")
    return refusal()


def _check(model: Any) -> None:
    """Refuse what has no graph to look at, before anything is trained."""
    refuse_unreadable(model)
    inputs, outputs = len(getattr(model, "inputs", ())), len(getattr(model, "outputs", ()))
    if (inputs, outputs) != (1, 1):
        raise tradeoff.Refused(
            "not implemented here", f"qat takes one input and one output, not {inputs} and {outputs}"
        )


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``qat``."""
    return [
        tradeoff.Technique(
            "qat",
            stage="model",
            apply=qat,
            check=check,
            parameters=PARAMETERS,
            summary="fine-tuned while rounding to 8 bits, for int8 with the ranges it learnt",
            implies="int8",
        )
    ]
