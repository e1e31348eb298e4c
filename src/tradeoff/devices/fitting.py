"""Cycles from published latencies: few positive numbers, held near what is usual for cores of their kind.

Every system, a core with a runtime, has its own cycles. Four published models would not tell six numbers, so what the
systems of one population have in common, a mean and a covariance of the logarithms, is estimated with them; a system
leaves it as far as its own points say. Logarithms keep the cycles positive and make the error a relative one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradeoff.devices.costs import CHOICES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

#: What one of each costs on a core that computes one thing after the other; where the search begins, and all that is
#: known of a cost that no published point has. Cycles.
USUAL: Final[Mapping[str, float]] = {
    "conv_macs": 0.9,
    "depthwise_macs": 3.0,
    "dense_macs": 1.5,
    "outputs": 15.0,
    "patches": 1.5,
    "elements": 20.0,
    "moved": 5.0,
    "operators": 2000.0,
}
#: How far a published latency may be off by itself.
_NOISE: Final = 0.05
#: Variances of logarithms before anything is known: of each cost by itself, and of a core's speed as a whole.
_SPREAD: Final = 0.3
_SPEED: Final = 0.5
#: That much of a population is assumed beside its systems.
_ASSUMED: Final = 3.0
_ROUNDS: Final = 5
_STEPS: Final = 60
#: Fewer systems tell nothing in common.
_FEWEST: Final = 3


@dataclass(frozen=True)
class Samples:
    """Published points of one system: what each model counts, a row each, and its latency in cycles."""

    counts: Sequence[Mapping[str, float]]
    cycles: Sequence[float]


@dataclass(frozen=True)
class Prior:
    """What systems of a population have in common, in logarithms of cycles."""

    costs: tuple[str, ...]
    mean: Numbers
    covariance: Numbers


def usual(form: str) -> Prior:
    """What is assumed where nothing is known."""
    import numpy as np

    costs = CHOICES[form]
    size = len(costs)
    return Prior(costs, np.log([USUAL[cost] for cost in costs]), np.eye(size) * _SPREAD + _SPEED)


def learn(form: str, systems: Sequence[Samples]) -> Prior:
    """What systems have in common: a mean and a covariance, in a few rounds of fitting each and averaging."""
    import numpy as np

    prior = first = usual(form)
    if len(systems) < _FEWEST:
        return prior
    for _ in range(_ROUNDS):
        fits = [_fit(samples, prior) for samples in systems]
        found = np.array([logs for logs, _ in fits])
        count = len(found)
        mean = (found.sum(0) + first.mean) / (count + 1)
        apart = found - mean
        unsure = sum(covariance for _, covariance in fits)
        covariance = (apart.T @ apart + unsure + _ASSUMED * first.covariance) / (count + _ASSUMED)
        prior = Prior(first.costs, mean, covariance)
    return prior


def fit(samples: Samples, prior: Prior) -> dict[str, float]:
    """The cycles of one system; without points, those that are usual in its population."""
    import numpy as np

    logs = _fit(samples, prior)[0] if samples.cycles else prior.mean
    return {cost: float(value) for cost, value in zip(prior.costs, np.exp(logs), strict=True)}


def _fit(samples: Samples, prior: Prior) -> tuple[Numbers, Numbers]:
    """The most likely logarithms and their covariance, by damped Gauss-Newton steps."""
    import numpy as np

    counts = np.array([[row.get(cost, 0.0) for cost in prior.costs] for row in samples.counts], dtype=float)
    known, precision = np.log(samples.cycles), np.linalg.inv(prior.covariance)

    def slope(logs: Numbers) -> tuple[Numbers, Numbers, float]:
        parts = counts * np.exp(logs)
        sums = parts.sum(1)
        off, away = np.log(sums) - known, logs - prior.mean
        loss = float(off @ off / _NOISE**2 + away @ precision @ away)
        share = parts / sums[:, None]
        return share.T @ share / _NOISE**2 + precision, share.T @ off / _NOISE**2 + precision @ away, loss

    logs, damping = prior.mean, 1e-3
    curve, gradient, loss = slope(logs)
    for _ in range(_STEPS):
        step = np.linalg.solve(curve + damping * np.diag(np.diag(curve)), gradient)
        trial = slope(logs - step)
        if trial[2] <= loss:
            logs, damping = logs - step, max(damping / 5, 1e-12)
            settled = loss - trial[2] < 1e-9 * loss
            curve, gradient, loss = trial
            if settled:
                break
        else:
            damping *= 10
    unsure: Numbers = np.linalg.inv(curve).astype(np.float64)
    return logs, unsure
