"""pytest-benchmark's own options: what is forwarded to the worker's loop, and what cannot be."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.measure.timing import Timing

if TYPE_CHECKING:
    import pytest

#: Option to field of :class:`Timing`; forwarded when the user gave it, else this project's default holds.
FORWARDED: Final = {
    "--benchmark-min-rounds": "min_rounds",
    "--benchmark-min-time": "min_time",
    "--benchmark-max-time": "max_time",
    "--benchmark-warmup": "warmup",
    "--benchmark-warmup-iterations": "warmup_iterations",
    "--benchmark-calibration-precision": "calibration_precision",
    "--benchmark-disable-gc": "disable_gc",
    "--benchmark-precision": "precision",
    "--benchmark-confidence": "confidence",
}
#: Option to why it cannot work on a request that runs in another process.
REFUSED: Final = {
    "--benchmark-timer": "requests are timed in worker processes, with time.perf_counter",
    "--benchmark-cprofile": "requests run in worker processes and in native code, where cProfile sees nothing",
    "--benchmark-cprofile-loops": "it belongs to --benchmark-cprofile",
    "--benchmark-cprofile-top": "it belongs to --benchmark-cprofile",
    "--benchmark-cprofile-dump": "it belongs to --benchmark-cprofile",
}


def timing_of(config: pytest.Config) -> Timing:
    """The worker's loop as pytest-benchmark's options ask for it."""
    if not config.pluginmanager.hasplugin("benchmark"):
        raise BadInput("cells are timed through pytest-benchmark, which is switched off; leave out -p no:benchmark")
    given = _given(config)
    for flag, why in REFUSED.items():
        if flag in given:
            raise BadInput(f"{flag} does not work with tradeoff's benchmarks: {why}. Leave it out.")
    values: dict[str, Any] = {
        name: _plain(name, config.getoption(flag.lstrip("-").replace("-", "_")))
        for flag, name in FORWARDED.items()
        if flag in given
    }
    if {"precision", "confidence"} & values.keys():
        confidence: Any = config.getoption("benchmark_confidence")
        values.setdefault("confidence", float(confidence))
    return replace(Timing(), **values, once=_disabled(config))


def marker_options(timing: Timing) -> dict[str, Any]:
    """The same as keywords of pytest-benchmark's marker."""
    return {name: getattr(timing, name) for name in FORWARDED.values()}


def _plain(name: str, value: Any) -> Any:
    """A value that can be sent to a worker; pytest-benchmark keeps seconds as decimals."""
    return float(value) if name in ("min_time", "max_time", "precision", "confidence") else value


def _disabled(config: pytest.Config) -> bool:
    return bool(config.getoption("benchmark_disable")) and not config.getoption("benchmark_enable")


def _given(config: pytest.Config) -> set[str]:
    """The benchmark options that somebody wrote: on the command line, in addopts or in the environment."""
    words = [
        *map(str, config.invocation_params.args),
        *map(str, config.getini("addopts")),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
    ]
    return {word.partition("=")[0] for word in words if word.startswith("--benchmark-")}
