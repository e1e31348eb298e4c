"""LiteRT with a handicap: requests that are slower by a known share, to see whether that is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

import tradeoff
from tradeoff.registry import PluginSources, load_registry

SHARE = "SLOWER_BY"


class SlowerLitert(tradeoff.Backend):
    name = "slower"
    summary = "LiteRT, slower by the share in an environment variable"

    def __init__(self) -> None:
        self._litert = load_registry(PluginSources(modules=())).backends["litert"]

    def environment(self, parameters: Any) -> tradeoff.Environment:
        plain = self._litert.environment(parameters)
        return tradeoff.Environment("slower", (*plain.variables, (SHARE, os.environ.get(SHARE, "0"))), plain.modules)

    def convert(self, job: tradeoff.Conversion) -> Any:
        return self._litert.convert(job)

    def load(self, job: tradeoff.Loading) -> Any:
        return SlowerRunner(self._litert.load(job), float(os.environ.get(SHARE, "0")))


class SlowerRunner:
    def __init__(self, runner: Any, share: float) -> None:
        self._runner, self._share = runner, share

    def bind(self, batch: Any) -> Callable[[], Any]:
        call = self._runner.bind(batch)
        turns = range(round(self._share * _seconds(call) / _seconds(_turn)))

        def slower() -> Any:
            for _ in turns:
                _turn()
            return call()

        return slower if self._share else call


def _turn() -> None:
    """The unit of being slow."""


def _seconds(call: Callable[[], Any]) -> float:
    """Of one call, at its quickest."""
    found = []
    for _ in range(20):
        start = perf_counter()
        for _ in range(200):
            call()
        found.append((perf_counter() - start) / 200)
    return min(found)


@tradeoff.hookimpl
def tradeoff_backends() -> list[tradeoff.Backend]:
    return [SlowerLitert()]
