"""What the scenarios of a load give: blocks, stretches of requests."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Of each load of the artifact, so that there is an interval even where there is one load.
BLOCKS: Final = 5


@dataclass(frozen=True)
class Block:
    """Requests in a row.

    :param load: which load of the artifact they ran on, from 0.
    :param batch: samples in one request.
    :param latencies: of the requests, in seconds; of very many a random part.
    :param rates: samples answered in a second, round by round: a short round is seldom interrupted.
    """

    load: int
    batch: int
    latencies: tuple[float, ...]
    rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """In the middle of its rounds."""
        return statistics.median(self.rates)

    def to_json(self) -> dict[str, Any]:
        """Plain data for the process that plans."""
        return {**vars(self), "latencies": list(self.latencies), "rates": list(self.rates)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Block:
        """Read what a worker sent."""
        return cls(**{**data, "latencies": tuple(data["latencies"]), "rates": tuple(data["rates"])})


def rates_of(taken: Sequence[float], samples: int, seconds: float) -> list[float]:
    """Samples in a second of each round; a round is as many requests in a row as last ``seconds``."""
    found: list[float] = []
    total, requests = 0.0, 0
    for each in taken:
        total, requests = total + each, requests + 1
        if total >= seconds:
            found.append(requests * samples / total)
            total, requests = 0.0, 0
    return found or [requests * samples / total]


def thinned(values: Sequence[float], most: int) -> tuple[float, ...]:
    """A random part, in the same order; the same values give the same part."""
    if len(values) <= most:
        return tuple(values)
    chosen = random.Random(0).sample(range(len(values)), most)  # noqa: S311 - nothing here is secret
    return tuple(values[position] for position in sorted(chosen))
