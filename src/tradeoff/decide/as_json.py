"""A recommendation as plain data, versioned: for programs, with all that a person is told and nothing rounded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from tradeoff.decide.advice import Advice, Reason, Recommendation, Rejection, Relaxation, RunnerUp
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.cascades import Cascade, Cascades, Tried, points_of
from tradeoff.decide.counting import Stage
from tradeoff.decide.objectives import Number
from tradeoff.decide.wishes import Limit, Wish

#: Raised when a field changes its meaning or goes; a new field does not raise it.
SCHEMA: Final = 1


def recommendation_to_json(found: Recommendation) -> dict[str, Any]:
    """All of it."""
    return {
        "schema": SCHEMA,
        "found": found.found,
        "wish": _wish(found.wish),
        "groups": [_advice(one) for one in found.advice],
    }


def _wish(wish: Wish) -> dict[str, Any]:
    return {
        "title": wish.title,
        "summary": wish.summary,
        "objective": str(wish.goal),
        "device": wish.device,
        "model": wish.model,
        "load": wish.load,
        "allow": sorted(wish.allow),
        "cascade": asdict(wish.cascade) if wish.cascade else None,
        "limits": [
            {"name": one.name, "objective": one.objective, "value": one.value, "unit": one.unit, "why": one.why}
            for one in wish.limits
        ],
    }


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "conditions": advice.conditions._asdict(),
        "choice": _candidate(advice.choice) if advice.choice else None,
        "because": advice.because,
        "cautions": list(advice.cautions),
        "standing": advice.standing,
        "runner_up": _runner_up(advice.runner_up) if advice.runner_up else None,
        "limits": [_limit(limit, advice) for limit in advice.wish.limits],
        "weights": list(advice.weights),
        "rejected": [_rejection(one) for one in advice.rejected],
        "unmeasured": [
            {"cell": one.cell.spelling, "status": one.status, "reason": one.reason} for one in advice.unmeasured
        ],
        "nearest": _rejection(advice.nearest) if advice.nearest else None,
        "hints": list(advice.hints),
        "repeated": list(advice.repeated),
        "cascades": _cascades(advice.cascades) if advice.cascades else None,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "cell": candidate.spelling,
        "run": candidate.run,
        "numbers": {name: _number(number) for name, number in candidate.numbers.items()},
        "verdicts": list(candidate.record.verdicts),
        **({"cascade": _halves(candidate)} if isinstance(candidate, Cascade) else {}),
    }


def _halves(found: Cascade) -> dict[str, Any]:
    return {
        "small": found.small.spelling,
        "large": found.large.spelling,
        "threshold": found.threshold,
        "validation": _stage(found.validation),
        "test": _stage(found.test),
    }


def _stage(stage: Stage) -> dict[str, Any]:
    low, high = stage.reach
    return {**asdict(stage), "share_low": low, "share_high": high}


def _cascades(found: Cascades) -> dict[str, Any]:
    return {"tried": [_tried(one) for one in found.tried], "left_out": list(found.left_out)}


def _tried(one: Tried) -> dict[str, Any]:
    return {
        "small": one.small.spelling,
        "large": one.large.spelling,
        "threshold": one.cascade.threshold if one.cascade else None,
        "why_not": one.why,
        "curve": points_of(one),
    }


def _number(number: Number) -> dict[str, Any]:
    return {
        "measurement": number.name,
        "value": number.value,
        "low": number.low,
        "high": number.high,
        "unit": number.unit,
        "provenance": number.provenance,
        "note": number.note,
    }


def _runner_up(found: RunnerUp) -> dict[str, Any]:
    return {
        **_candidate(found.candidate),
        "gains": [asdict(gain) for gain in found.gains],
        "instead": list(found.instead),
    }


def _limit(limit: Limit, advice: Advice) -> dict[str, Any]:
    found = [one for one in advice.relaxations if one.limit is limit]
    return {
        "name": limit.name,
        "binds": bool(found),
        "slack": _finite(advice.slack.get(limit.name)),
        "relaxations": [_relaxation(one) for one in found],
    }


def _relaxation(found: Relaxation) -> dict[str, Any]:
    return {
        "by": found.by,
        "to": found.to,
        "cell": found.candidate.spelling,
        "gains": [asdict(gain) for gain in found.gains],
    }


def _rejection(found: Rejection) -> dict[str, Any]:
    return {**_candidate(found.candidate), "fits": found.fits, "reasons": _reasons(found.reasons)}


def _reasons(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    return [
        {**asdict(one), "value": _finite(one.value), "bound": _finite(one.bound), "by": _finite(one.by)}
        for one in reasons
    ]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
