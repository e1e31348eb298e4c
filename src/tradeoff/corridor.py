"""One cell's way from its model to its record, as the suites see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tradeoff.cell import Cell
from tradeoff.engine import keras_engine
from tradeoff.measuring import Timing, summarise
from tradeoff.record import Measurement, Record
from tradeoff.replay import ReplayClock, Tape, replay
from tradeoff.store import Entry
from tradeoff.supply import Supply
from tradeoff.vocabulary import Direction, Progress, Provenance

_INTERVAL = "95 % interval of the median"
_PAIRS = "against the baseline on the same runtime, timed in turns; 95 % interval of the median"


@dataclass
class Corridor:
    """Takes one cell through its stages; a suite calls them in order and each adds to the record.

    :param cell: the cell.
    :param suite: the pytest function it was planned for.
    """

    cell: Cell
    suite: str
    _supply: Supply
    _clock: ReplayClock
    _timing: Timing
    _progress: Progress
    _measurements: dict[str, Measurement] = field(default_factory=dict)
    _facts: dict[str, Any] = field(default_factory=dict)
    _verdicts: list[str] = field(default_factory=list)
    _same_as: str | None = None

    def build(self) -> Entry:
        """Train the model, or take it from the store, and apply the chain's techniques of stage ``model``."""
        made = self._supply.variants(self.cell.model, self.cell.chain.model_steps, self._progress)
        variant = made[-1]
        facts = variant.facts
        self._note("parameters", facts["parameters"], "1", "lower")
        missed = f"not counted: {', '.join(facts['uncounted'])}" if facts["uncounted"] else ""
        self._note("macs", facts["macs"], "1", "lower", missed)
        self._note("build_seconds", sum(entry.facts["seconds"] for entry in made), "s", "lower")
        self._note("build_epochs", sum(entry.facts["epochs"] for entry in made), "1", "lower")
        self._facts |= {"variant": variant.key, "seed": self._supply.seed}
        return variant

    def convert(self, variant: Entry) -> Entry:
        """Have the backend make what would be shipped."""
        artifact = self._supply.artifact(self.cell, self._progress)
        facts = artifact.facts
        self._note("artifact_bytes", facts["bytes"], "B", "lower")
        self._note("gzip_bytes", facts["gzip_bytes"], "B", "lower")
        self._note("conversion_seconds", facts["seconds"], "s", "lower")
        self._facts |= {"artifact": artifact.key, "content": facts["content"][:16]}
        return artifact

    def evaluate(self, artifact: Entry) -> None:
        """Judge the shipped artifact on its own runtime: quality, and agreement with the original."""
        facts = self._supply.result(self.cell, artifact, self._progress).facts
        registry = self._supply.registry
        task = registry.task_of(registry.models[self.cell.model])
        self._facts |= {"metric": task.metric, "floor": task.floor}
        for name, value in {**facts["quality"], **facts["agreement"]}.items():
            self._note(name, value, "1", _direction(name))
        quality = facts["quality"].get(task.metric)
        if task.floor is not None and quality is not None and _worse(quality, task.floor, task.metric):
            self._verdicts.append(f"below floor {task.floor:g}")

    def time(self, artifact: Entry, benchmark: Any) -> None:
        """Time whole requests in the worker, and give the samples to pytest-benchmark."""
        timed = self._supply.timed(self.cell, artifact, self._timing, self._progress)
        samples = timed.samples
        replay(benchmark, self._clock, self.cell.axes, Tape(samples.per_call, samples.iterations))
        self._same_as = timed.cell if timed.cell != self.cell.spelling else None
        self._facts |= self._how_timed(samples.iterations, len(samples.rounds))
        provenance = self._supply.registry.devices[self.cell.device].provenance
        if samples.rounds:
            summary = summarise(samples.per_call)
            self._measurements["latency"] = Measurement(
                summary.median, "s", "lower", provenance, summary.low, summary.high, _INTERVAL
            )
            self._facts["spread"] = summary.spread
            if summary.noisy:
                self._verdicts.append("noisy")
        if timed.speed_ups:
            ratio = summarise(timed.speed_ups)
            self._measurements["speed_up"] = Measurement(
                ratio.median, "1", "higher", provenance, ratio.low, ratio.high, _PAIRS
            )

    def _how_timed(self, iterations: int, rounds: int) -> Mapping[str, Any]:
        return {
            "iterations": iterations,
            "rounds": rounds,
            "threads": self.cell.backend.parameters.get("threads", 1),
            "precision": self.cell.chain.precision_name,
            "runtime": " ".join(f"{name} {version}" for name, version in self._supply.runtime(self.cell).items()),
            "engine": keras_engine(),
            "device_provenance": self._supply.registry.devices[self.cell.device].provenance,
        }

    def _note(self, name: str, value: float | None, unit: str, direction: Direction, note: str = "") -> None:
        provenance: Provenance = "measured" if value is not None else "unavailable"
        self._measurements[name] = Measurement(value, unit, direction, provenance, note=note)

    def record(self, **outcome: Any) -> Record:
        """All that is known of the cell so far."""
        return Record(
            cell=self.cell.axes,
            suite=self.suite,
            measurements=dict(self._measurements),
            verdicts=tuple(self._verdicts),
            facts=dict(self._facts),
            same_as=self._same_as,
            **outcome,
        )


def _direction(name: str) -> Direction:
    return "lower" if name in ("loss", "mae", "mse") else "higher"


def _worse(value: float, floor: float, metric: str) -> bool:
    return value > floor if _direction(metric) == "lower" else value < floor
