"""Technique ``sensitive``: how many bits the weights of each layer need, from what coarser ones cost on validation.

It changes no weight: what it has chosen goes along with the model to the backend, which realises it in the precision
``layerwise``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from ..model_graph import refuse_unreadable
from .choice import Choice, choose
from .measure import FLOAT, Bench, Place, places

if TYPE_CHECKING:
    from .choice import Prices

_PARAMETERS: Final = (
    tradeoff.Parameter(
        "size",
        float,
        default=0.19,
        minimum=0.13,
        maximum=0.99,
        positional=True,
        summary="the share of the float32 weights' bytes that may be left: about 0.13 is int4 throughout, 0.25 int8",
    ),
    tradeoff.Parameter(
        "drop",
        float,
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        summary="instead: by how much the quality on validation may be worse than in floating point, in its own unit",
    ),
)
_TOLERANCE: Final = tradeoff.Tolerance(0.95, snr=10.0, top1=0.95, layer_snr=7.0, centred_cosine=0.8)


def sensitive(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Measure, choose, and hand the model on as it is."""
    refuse_unreadable(job.model)
    found, left_out = places(job.model)
    if not found:
        told = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "it has no layer with a kernel"
        raise tradeoff.Refused(
            "not implemented here", f"{job.model.name} has no layer whose bits could be chosen. {told}"
        )
    bench = Bench(job, found)
    prices = bench.prices()
    drop = float(job.values["drop"])
    chosen = _within(bench, prices, drop) if drop > 0 else _under(job, bench, prices)
    return tradeoff.Rewritten(
        job.model, left_out=left_out, facts=_facts(bench, prices, chosen), bits=dict(zip_names(found, chosen.bits))
    )


def zip_names(found: Sequence[Place], bits: Sequence[int]) -> list[tuple[str, int]]:
    """Each layer's name with its bits."""
    return [(place.name, width) for place, width in zip(found, bits, strict=True)]


def _under(job: tradeoff.Rewriting, bench: Bench, prices: Prices) -> Choice:
    """The least loss under a budget of bytes, measured with all layers together."""
    share = float(job.values["size"])
    whole = sum(place.bytes(FLOAT) for place in bench.found)
    fitting = [choice for choice in choose(prices) if choice.bytes <= share * whole]
    if fitting:
        return min(fitting, key=lambda choice: (bench.quality(choice.bits)["loss"], choice.bytes))
    least = sum(min(sizes.values()) for sizes in prices.bytes)
    raise tradeoff.BadInput(
        f"sensitive: size={share:g} asks for at most {int(share * whole):,} bytes of weights, and with as few "
        f"bits as can be {job.model.name} has {least:,}: ask for {least / whole:.3f} or more"
    )


def _within(bench: Bench, prices: Prices, drop: float) -> Choice:
    """The fewest bytes whose quality, measured with all of it together, is good enough."""
    whole = bench.quality([FLOAT] * len(bench.found))
    for choice in reversed(choose(prices)):
        if bench.worse(whole, bench.quality(choice.bits)) <= drop:
            return choice
    raise AssertionError("floating point is no worse than itself")


def _facts(bench: Bench, prices: Prices, chosen: Choice) -> Mapping[str, Any]:
    """The sensitivities, and where the choice lies between the uniform ones, as plain JSON."""
    uniform = {width: [place.nearest(width) for place in bench.found] for width in (FLOAT, 8, 4)}
    measured = {str(width): _point(bench, bits) for width, bits in uniform.items()}
    point = _point(bench, chosen.bits)
    return {
        "bits": dict(zip_names(bench.found, chosen.bits)),
        "sensitivity_over": "bits of weights",
        "sensitivity_order": [place.name for place in bench.found],
        "sensitivity": {
            place.name: {str(width): round(rise, 6) for width, rise in rises.items()}
            for place, rises in zip(bench.found, prices.rises, strict=True)
        },
        "uniform": measured,
        "chosen": point,
        "below_the_line": _below(point, measured["8"], measured["4"]),
    }


def _point(bench: Bench, bits: Sequence[int]) -> dict[str, Any]:
    size = sum(place.bytes(width) for place, width in zip(bench.found, bits, strict=True))
    return {"bytes": size, **{name: round(value, 6) for name, value in bench.quality(bits).items()}}


def _below(point: Mapping[str, Any], high: Mapping[str, Any], low: Mapping[str, Any]) -> bool | None:
    """Whether it loses less than the straight line from int8 to int4 has at its size; beside them nobody can tell."""
    span = high["bytes"] - low["bytes"]
    if not span or not low["bytes"] <= point["bytes"] <= high["bytes"]:
        return None
    share = (point["bytes"] - low["bytes"]) / span
    return bool(point["loss"] < low["loss"] + share * (high["loss"] - low["loss"]))


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``sensitive``, and the precision that realises what it has chosen."""
    return [
        tradeoff.Technique(
            "sensitive",
            stage="model",
            apply=sensitive,
            parameters=_PARAMETERS,
            summary="4, 8 or 32 bits for each layer's weights, by what fewer cost on validation",
            implies="layerwise",
        ),
        tradeoff.Technique(
            "layerwise",
            stage="precision",
            summary="each layer's weights in the bits that `sensitive` has chosen",
            tolerance=_TOLERANCE,
        ),
    ]
