"""One cell's way from its model to its record, as the suites see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tradeoff.cell import Cell
from tradeoff.engine import keras_engine
from tradeoff.estimating import Estimate, estimate, percentile, ratios, samples_needed
from tradeoff.lots import Lots
from tradeoff.measuring import Timing
from tradeoff.record import Measurement, Record
from tradeoff.replay import ReplayClock, Tape, replay
from tradeoff.store import Entry
from tradeoff.supply import Supply
from tradeoff.vocabulary import Direction, Progress, Provenance

_PAIRS: Final = "against the baseline on the same runtime, timed in turns; "
_SINGLES: Final = "of single requests, each timed by itself; 95 % interval"
_PERCENTILES: Final = (0.5, 0.9, 0.99)


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
        lots = timed.lots.kept
        rounds = [seconds for lot in lots for seconds in lot.rounds]
        replay(benchmark, self._clock, self.cell.axes, Tape(tuple(rounds), lots[0].iterations))
        self._same_as = timed.cell if timed.cell != self.cell.spelling else None
        self._facts |= self._how_timed(timed.lots)
        if rounds:
            self._note_latency(timed.lots)
        if any(lot.baseline for lot in lots):
            ratio = estimate([ratios(lot) for lot in lots])
            self._note_estimate("speed_up", ratio, "1", "higher", _PAIRS)

    def _note_latency(self, lots: Lots) -> None:
        found = estimate([lot.rounds for lot in lots.kept])
        self._note_estimate("latency", found, "s", "lower", "")
        self._facts["spread"] = found.spread
        singles = [seconds for lot in lots.all for seconds in lot.singles]
        for share in _PERCENTILES:
            name = f"latency_p{round(100 * share)}"
            measured = percentile(singles, share)
            if measured is None:
                self._note(
                    name, None, "s", "lower", f"needs {samples_needed(share)} requests, there are {len(singles)}"
                )
            else:
                self._measurements[name] = Measurement(
                    measured.value, "s", "lower", self._provenance, measured.low, measured.high, _SINGLES
                )
        if found.noisy or lots.sifted.disturbed:
            self._verdicts.append("noisy")

    def _note_estimate(self, name: str, found: Estimate, unit: str, direction: Direction, note: str) -> None:
        interval = f"95 % interval of the median, over {found.over}"
        self._measurements[name] = Measurement(
            found.median, unit, direction, self._provenance, found.low, found.high, f"{note}{interval}"
        )

    @property
    def _provenance(self) -> Provenance:
        return self._supply.registry.devices[self.cell.device].provenance

    def _how_timed(self, lots: Lots) -> Mapping[str, Any]:
        return {
            "iterations": lots.kept[0].iterations,
            "rounds": sum(len(lot.rounds) for lot in lots.kept),
            "loads": len(lots.kept),
            "processes": len({lot.process for lot in lots.kept}),
            "undisturbed": lots.sifted.share,
            "speed": lots.sifted.speed,
            "stopped": lots.stopped,
            "threads": self.cell.backend.parameters.get("threads", 1),
            "precision": self.cell.chain.precision_name,
            "runtime": " ".join(f"{name} {version}" for name, version in self._supply.runtime(self.cell).items()),
            "engine": keras_engine(),
            "device_provenance": self._provenance,
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
