"""LiteRT with a handicap: requests that take longer by a known share, to see whether that is found."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import tradeoff
from tradeoff.registry import load_registry

SHARE: Final = "SLOWER_BY"


def _litert() -> tradeoff.Backend:
    return load_registry().backends["litert"]


class SlowerLitert(tradeoff.Backend):
    """Loads what the backend ``litert`` has made."""

    name = "slower"
    summary = "LiteRT, slower by a share"

    def environment(self, parameters: Mapping[str, Any], device: str) -> tradeoff.Environment:
        plain = _litert().environment(parameters, device)
        share = (SHARE, os.environ.get(SHARE, "0"))
        return tradeoff.Environment("slower", (*plain.variables, share), plain.modules)

    def convert(self, job: tradeoff.Conversion) -> Path:
        return _litert().convert(job)

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        runner, share = _litert().load(job), float(os.environ[SHARE])
        return SlowerRunner(runner, share) if share else runner


class SlowerRunner:
    """A request, and a loop that lasts the share of it."""

    def __init__(self, runner: tradeoff.Runner, share: float) -> None:
        self._runner, self._share = runner, share

    def bind(self, batch: Any) -> Callable[[], Any]:
        call = self._runner.bind(batch)
        turns = range(round(self._share * _seconds(call) / _seconds(lambda: _spin(range(1000))) * 1000))

        def slower(call: Callable[[], Any] = call, turns: range = turns) -> Any:
            _spin(turns)
            return call()

        return slower


def _spin(turns: range) -> None:
    for _ in turns:
        pass


def _seconds(call: Callable[[], Any]) -> float:
    """Of one call, at its quickest."""
    found = []
    for _ in range(20):
        start = perf_counter()
        for _ in range(20):
            call()
        found.append((perf_counter() - start) / 20)
    return min(found)


@tradeoff.hookimpl
def tradeoff_backends() -> list[tradeoff.Backend]:
    return [SlowerLitert()]
