"""Gets what a cell needs, stage by stage: from the store where it is there, else from a worker.

Each key is made of content and declared versions, so a second run finds all of it without importing a
framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tradeoff.cell import Cell
from tradeoff.chain import FLOAT32, Chain, Step
from tradeoff.engine import engine_requirements, training_environment
from tradeoff.errors import TradeoffError
from tradeoff.fingerprint import digest
from tradeoff.lots import Lots, time_in_lots
from tradeoff.machine import cpu_flags, versions_of
from tradeoff.measuring import Timing
from tradeoff.registry import Registry
from tradeoff.speed import SpeedBook
from tradeoff.store import Entry, Store
from tradeoff.vocabulary import Backend, Environment, Progress
from tradeoff.workers import Workers


@dataclass(frozen=True)
class Timed:
    """Durations of one cell's requests.

    :param cell: the cell they were measured for: another one, where that has the same content.
    :param lots: what was timed.
    """

    cell: str
    lots: Lots


@dataclass
class Supply:
    """The stages of the corridor as the planning process sees them."""

    registry: Registry
    store: Store
    workers: Workers
    seed: int
    _timed: dict[tuple[Any, ...], Timed] = field(default_factory=dict)
    _speed: SpeedBook = field(init=False)

    def __post_init__(self) -> None:
        self._speed = SpeedBook(self.store.root)

    def data(self, model: str, progress: Progress) -> Entry:
        """The task's splits as files."""
        task = self.registry.task_of(self.registry.models[model])
        inputs = {"task": task.name, "version": task.version}
        return self._make("data", inputs, training_environment(), {"stage": "data", "task": task.name}, progress)

    def variant(self, model: str, steps: tuple[Step, ...], progress: Progress) -> Entry:
        """The trained model after ``steps``; a shared prefix is built once."""
        parent = self.variant(model, steps[:-1], progress) if steps else None
        data = self.data(model, progress)
        declared = self.registry.models[model]
        inputs = {
            "model": model,
            "version": declared.version,
            "data": data.facts["fingerprint"],
            "seed": self.seed,
            "steps": [{"spelling": step.spelling, "version": step.version} for step in steps],
        }
        last = steps[-1] if steps else None
        request = {
            "stage": "build",
            "model": model,
            "data": str(data.path),
            "seed": self.seed,
            "parent": str(parent.path) if parent else None,
            "step": {"technique": last.technique, "values": dict(last.values)} if last else None,
        }
        return self._make("variant", inputs, training_environment(), request, progress)

    def variants(self, model: str, steps: tuple[Step, ...], progress: Progress) -> list[Entry]:
        """Every variant on the way to the last one, for what each stage cost."""
        return [self.variant(model, steps[:count], progress) for count in range(len(steps) + 1)]

    def reference(self, model: str, progress: Progress) -> Entry:
        """The untouched Keras model's outputs on the test split."""
        baseline = self.variant(model, (), progress)
        data = self.data(model, progress)
        task = self.registry.models[model].task
        inputs = {
            "reference": baseline.facts["content"],
            "data": data.facts["fingerprint"],
            "task": task,
            "versions": versions_of(engine_requirements()),
            "cpu": digest(cpu_flags()),
        }
        request = {"stage": "reference", "variant": str(baseline.path), "data": str(data.path), "task": task}
        return self._make("result", inputs, training_environment(), request, progress)

    def artifact(self, cell: Cell, progress: Progress) -> Entry:
        """What would be shipped."""
        variant = self.variant(cell.model, cell.chain.model_steps, progress)
        data = self.data(cell.model, progress)
        backend = self.registry.backends[cell.backend.name]
        precision = cell.chain.precision
        request = {
            **self._how(cell),
            "stage": "convert",
            "values": dict(precision.values) if precision else {},
            "variant": str(variant.path),
            "data": str(data.path),
        }
        inputs = {
            "variant": variant.facts["content"],
            "data": data.facts["fingerprint"],
            "precision": precision.spelling if precision else "float32",
            "backend": backend.name,
            "parameters": _converting(backend, cell),
            "version": backend.version,
            "converter": versions_of((*backend.converter_requires, *engine_requirements())),
        }
        environment = backend.conversion_environment(cell.backend.parameters) or training_environment()
        return self._make("artifact", inputs, environment, request, progress)

    def result(self, cell: Cell, artifact: Entry, progress: Progress) -> Entry:
        """What is deterministic of an artifact on its runtime: accuracy, loss, agreement, outputs."""
        data = self.data(cell.model, progress)
        reference = self.reference(cell.model, progress)
        inputs = {
            **self._where(cell, artifact),
            "data": data.facts["fingerprint"],
            "reference": reference.key,
            "task": self.registry.models[cell.model].task,
        }
        request = {
            **self._how(cell),
            **_shipped(artifact),
            "stage": "evaluate",
            "data": str(data.path),
            "reference": str(reference.path),
        }
        return self._make("result", inputs, self._running(cell), request, progress)

    def timed(self, cell: Cell, artifact: Entry, timing: Timing, progress: Progress) -> Timed:
        """Durations of the cell's requests; equal content on one runtime is timed once a run."""
        where = (digest(self._where(cell, artifact)), cell.load, self.data(cell.model, progress).key)
        if where not in self._timed:
            baseline = self._baseline(cell, artifact, progress)
            request = {
                **self._how(cell),
                **_shipped(artifact),
                "stage": "time",
                "data": str(self.data(cell.model, progress).path),
                "batch": cell.load.batch,
                "baseline": _shipped(baseline) if baseline else None,
            }
            lots = time_in_lots(self.workers, self._running(cell), request, timing, self._speed, progress)
            self._timed[where] = Timed(cell.spelling, lots)
        return self._timed[where]

    def _baseline(self, cell: Cell, artifact: Entry, progress: Progress) -> Entry | None:
        """What the same backend makes of the model without any technique, unless it cannot or it is the same."""
        realised = self.registry.backends[cell.backend.name].capabilities.precisions
        if not cell.chain.steps or FLOAT32 not in realised:
            return None
        try:
            baseline = self.artifact(replace(cell, chain=Chain()), progress)
        except TradeoffError:
            # It has a cell of its own, in which it is told; here there is only no ratio.
            return None
        return None if baseline.facts["content"] == artifact.facts["content"] else baseline

    def runtime(self, cell: Cell) -> dict[str, str]:
        """The versions of what runs the artifact."""
        return versions_of(self.registry.backends[cell.backend.name].requires)

    def _running(self, cell: Cell) -> Environment:
        return self.registry.backends[cell.backend.name].environment(cell.backend.parameters)

    def _where(self, cell: Cell, artifact: Entry) -> dict[str, Any]:
        environment = self._running(cell)
        return {
            "artifact": artifact.facts["content"],
            "backend": cell.backend.spelling,
            "device": cell.device,
            "environment": [environment.name, list(map(list, environment.variables))],
            "versions": self.runtime(cell),
            "cpu": digest(cpu_flags()),
        }

    def _how(self, cell: Cell) -> dict[str, Any]:
        return {
            "backend": cell.backend.name,
            "parameters": cell.backend.parameters,
            "precision": cell.chain.precision_name,
            "device": cell.device,
            "task": self.registry.models[cell.model].task,
        }

    def _make(
        self,
        kind: Any,
        inputs: Mapping[str, Any],
        environment: Environment,
        request: Mapping[str, Any],
        progress: Progress,
    ) -> Entry:
        """From the store, or made by a worker in a folder that the store publishes."""

        def build(folder: Path) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = self.workers.ask(environment, {**request, "folder": str(folder)}, progress)
            return answer

        return self.store.find(kind, inputs) or self.store.make(kind, inputs, build)


def _converting(backend: Backend, cell: Cell) -> dict[str, Any]:
    """The parameters that change the artifact; the others only change how it is run."""
    runtime = {parameter.name for parameter in backend.parameters if parameter.runtime}
    return {name: value for name, value in cell.backend.values if name not in runtime}


def _shipped(artifact: Entry) -> dict[str, Any]:
    return {
        "artifact": str(artifact.path / artifact.facts["artifact"]),
        "content": artifact.facts["content"],
    }
