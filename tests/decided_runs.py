"""Runs to decide from: few candidates with small numbers, so that ties, gaps and doubts are common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compared_runs import MACHINE
from hypothesis import strategies as st

from tradeoff.record import Axes, Measurement, Record, Run

UNITS: Mapping[str, str] = {
    **dict.fromkeys(("latency", "latency_p99"), "s"),
    **dict.fromkeys(("artifact_bytes", "peak_bytes", "arena_bytes", "ram_bytes", "flash_bytes"), "B"),
    **dict.fromkeys(("accuracy", "mae"), "1"),
    "throughput": "1/s",
    "energy": "J",
}
HIGHER = ("accuracy", "throughput")


def number(name: str, value: float | None, spread: float = 0.0, **more: Any) -> Measurement:
    """A measurement; with a spread it has an interval of that share on both sides."""
    ends = {"low": value * (1 - spread), "high": value * (1 + spread)} if value is not None and spread else {}
    return Measurement(value, UNITS[name], "higher" if name in HIGHER else "lower", **{**ends, **more})


def cell(
    name: str, values: Mapping[str, float | Measurement | None], *verdicts: str, backend: str = "litert", **facts: Any
) -> Record:
    """A measured cell; ``name`` is ``model/chain``, or a whole spelling."""
    spelling = name if name.count("/") == 4 else f"{name}/{backend}/host-cpu/b1"
    numbers = {n: v if isinstance(v, Measurement) else number(n, v) for n, v in values.items()}
    told = {"metric": "mae" if "mae" in values else "accuracy", "task": "digits", **facts}
    return Record(Axes.parse(spelling), status="measured", measurements=numbers, verdicts=verdicts, facts=told)


def run(*records: Record, name: str = "a run", started: str = "2026-01-01T00:00:00+00:00", **machine: Any) -> Run:
    return Run(name, started, {**MACHINE, **machine}, records=records)


VERDICTS = ("noisy", "parity: SNR 3.0 dB, wanted 20 dB", "below floor 0.9", "overloaded")


@st.composite
def cells(draw: st.DrawFn, place: int) -> Record:
    """One candidate: whole small numbers, some missing, some with intervals, sometimes with a verdict."""
    values: dict[str, Measurement | float | None] = {}
    for name, scale in (("latency", 1e-3), ("artifact_bytes", 1e3), ("peak_bytes", 1e6), ("energy", 1e-3)):
        worth = draw(st.sampled_from([None, 1, 1, 2, 2, 3, 4, 5, 7, 11]))
        if worth is not None:
            values[name] = number(name, worth * scale, draw(st.sampled_from([0.0, 0.01, 0.3])))
    values["accuracy"] = draw(st.sampled_from([None, 0.5, 0.8, 0.9, 0.93, 0.95, 1.0]))
    verdicts = draw(st.lists(st.sampled_from(VERDICTS), max_size=1)) if draw(st.integers(0, 3)) == 0 else []
    samples = draw(st.sampled_from([{}, {"test_samples": 50}, {"test_samples": 2000}]))
    return cell(f"m/c{place}", values, *verdicts, **samples)


def runs(fewest: int = 1, most: int = 9) -> st.SearchStrategy[Run]:
    """One run of several candidates."""
    return st.integers(fewest, most).flatmap(lambda n: st.tuples(*map(cells, range(n)))).map(lambda all_: run(*all_))
