"""What of a cell is made once and kept: from the store where it is there, else by a worker.

Each key is made of content and declared versions, so a second run finds all of it without importing a
framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tradeoff.baseline import baseline_of, reader_of
from tradeoff.cell import Cell, Load
from tradeoff.chain import Chain, Step
from tradeoff.engine import engine_requirements, training_environment
from tradeoff.errors import TradeoffError
from tradeoff.fingerprint import digest
from tradeoff.machine import cpu_flags, describe_machine, versions_of
from tradeoff.processes.workers import Workers
from tradeoff.registry import Registry
from tradeoff.store import Entry, Store
from tradeoff.vocabulary import Backend, Capabilities, Device, Environment, Progress

#: Raise it when an artifact is judged in another way.
_RESULT_VERSION: Final = "2"
#: Raise it when the footprint of the same artifact is measured in another way.
_FOOTPRINT_VERSION: Final = "1"
#: Raise it when operators are profiled in another way.
_PROFILE_VERSION: Final = "1"
#: Raise it when what is known of a device that is not here is put together in another way.
_ESTIMATE_VERSION: Final = "1"
#: A worker that needs no framework.
_PLAIN: Final = Environment("data")
#: What of a machine decides how long loading takes and how much memory, beside the instruction sets.
_MACHINE: Final = ("architecture", "processor", "cores", "python")


@dataclass
class Kept:
    """The stages of the corridor whose results the store keeps.

    :param named: the model that all others of its task are compared with, if one was named.
    """

    registry: Registry
    store: Store
    workers: Workers
    seed: int
    named: str | None = None

    def data(self, model: str, progress: Progress) -> Entry:
        """The task's splits as files."""
        task = self.registry.task_of(self.registry.models[model])
        inputs = {"task": task.name, "version": task.version}
        # With finished artifacts alone no Keras is needed, and there may be none.
        finished = self.registry.models[model].finished
        environment = _PLAIN if finished else training_environment()
        return self._make("data", inputs, environment, {"stage": "data", "task": task.name}, progress)

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
            **self._named_models(steps),
        }
        last = steps[-1] if steps else None
        request = {
            "stage": "build",
            "model": model,
            "data": str(data.path),
            "seed": self.seed,
            "parent": str(parent.path) if parent else None,
            "original": str(self.variant(model, (), progress).path) if len(steps) > 1 else None,
            "step": {"technique": last.technique, "values": dict(last.values)} if last else None,
        }
        return self._make("variant", inputs, training_environment(), request, progress)

    def _named_models(self, steps: tuple[Step, ...]) -> dict[str, dict[str, str]]:
        """Versions of other models that techniques name, as a student; what is built depends on them too."""
        named = {value for step in steps for value in dict(step.values).values() if isinstance(value, str)}
        versions = {name: self.registry.models[name].version for name in sorted(named) if name in self.registry.models}
        return {"models": versions} if versions else {}

    def variants(self, model: str, steps: tuple[Step, ...], progress: Progress) -> list[Entry]:
        """Every variant on the way to the last one, for what each stage cost."""
        return [self.variant(model, steps[:count], progress) for count in range(len(steps) + 1)]

    def reference(self, model: str, progress: Progress, steps: tuple[Step, ...] = ()) -> Entry:
        """Outputs on the test split: of the Keras model after ``steps``, or of a finished artifact where it runs."""
        if self.registry.models[model].finished:
            return self._finished_reference(model, progress)
        baseline = self.variant(model, steps, progress)
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

    def _finished_reference(self, model: str, progress: Progress) -> Entry:
        choice = reader_of(self.registry, model)
        if choice is None:
            raise TradeoffError(f"nothing that is installed runs {model}")
        device = self.registry.backends[choice.name].abilities(choice.parameters).devices[0]
        cell = Cell(model, Chain(), choice, device, Load())
        artifact, data = self.artifact(cell, progress), self.data(model, progress)
        inputs = {
            **self.where(cell, artifact),
            "reference": "outputs",
            "data": data.facts["fingerprint"],
            "task": self.registry.models[model].task,
        }
        request = {**self.how(cell), **shipped(artifact), "stage": "reference", "data": str(data.path)}
        return self._make("result", inputs, self.running(cell), request, progress)

    def baseline(self, cell: Cell) -> Cell:
        """What the cell is compared with."""
        return baseline_of(self.registry, cell, self.named)

    def _reference_of(self, cell: Cell, progress: Progress) -> tuple[Entry | None, str]:
        """The outputs of the cell's baseline, wherever that runs; or why there are none."""
        model = self.baseline(cell).model
        try:
            return self.reference(model, progress), ""
        except TradeoffError as error:
            # Of itself a Keras model always has them; if not, that is the cell's own fault.
            if model == cell.model and not self.registry.models[model].finished:
                raise
            return None, f"there are no outputs of {model}: {error}"

    def artifact(self, cell: Cell, progress: Progress) -> Entry:
        """What would be shipped."""
        if self.registry.models[cell.model].finished:
            return self._adopted(cell, progress)
        if cell.chain.artifact_steps:
            return self._coded(cell, progress)
        variant = self.variant(cell.model, cell.chain.model_steps, progress)
        data = self.data(cell.model, progress)
        backend = self.registry.backends[cell.backend.name]
        precision = cell.chain.precision
        request = {
            **self.how(cell),
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
        if variant.facts.get("ranges"):
            # The same weights may come with other ranges.
            inputs["ranges"] = variant.facts["ranges"]
        if variant.facts.get("bits"):
            inputs["bits"] = variant.facts["bits"]
        environment = backend.conversion_environment(cell.backend.parameters) or training_environment()
        return self._make("artifact", inputs, environment, request, progress)

    def _coded(self, cell: Cell, progress: Progress) -> Entry:
        """The artifact without its coding, coded: it has been decoded again, and runs as what came out."""
        plain = self.artifact(replace(cell, chain=cell.chain.uncoded), progress)
        (step,) = cell.chain.artifact_steps
        backend = self.registry.backends[cell.backend.name]
        inputs = {"coded": plain.key, "coding": step.spelling, "version": step.version, "backend": backend.version}
        request = {
            **self.how(cell),
            **shipped(plain),
            "stage": "encode",
            "technique": step.technique,
            "values": dict(step.values),
            "before": {name: plain.facts.get(name) for name in ("seconds", "ranges")},
        }
        return self._make("artifact", inputs, self.running(cell), request, progress)

    def _adopted(self, cell: Cell, progress: Progress) -> Entry:
        """A finished artifact, copied into the store: from then on it is kept and measured like any other."""
        model, backend = self.registry.models[cell.model], self.registry.backends[cell.backend.name]
        inputs = {
            "adopted": model.version,
            "ending": model.finished,
            "backend": backend.name,
            "version": backend.version,
        }
        request = {
            **self.how(cell),
            "stage": "adopt",
            "file": str(model.file),
            "ending": model.finished,
            "content": model.version,
        }
        return self._make("artifact", inputs, self.running(cell), request, progress)

    def result(self, cell: Cell, artifact: Entry, progress: Progress) -> Entry:
        """What is deterministic of an artifact on its runtime: accuracy, loss, agreement, outputs."""
        data = self.data(cell.model, progress)
        reference, missing = self._reference_of(cell, progress)
        # Without techniques of stage ``model`` this is the same entry; of a finished artifact there is no original.
        finished = bool(self.registry.models[cell.model].finished)
        original = None if finished else self.reference(cell.model, progress, cell.chain.model_steps)
        inputs = {
            **self.where(cell, artifact),
            "judged": _RESULT_VERSION,
            "data": data.facts["fingerprint"],
            "reference": reference.key if reference else "",
            "original": original.key if original else "",
            "task": self.registry.models[cell.model].task,
        }
        request = {
            **self.how(cell),
            **shipped(artifact),
            "stage": "evaluate",
            "data": str(data.path),
            "reference": str(reference.path) if reference else "",
            "original": str(original.path) if original else "",
            "missing": missing,
            "finished": finished,
        }
        return self._make("result", inputs, self.running(cell), request, progress)

    def footprint(self, cell: Cell, artifact: Entry, progress: Progress) -> Entry:
        """What loading and running an artifact takes in a process that does nothing else: time and memory.

        Taken once on a machine; raises :class:`NotAlone` where there is no other process.
        """
        return self._taken_once("footprint", _FOOTPRINT_VERSION, cell, artifact, progress, alone=True)

    def profile(self, cell: Cell, artifact: Entry, progress: Progress) -> Entry:
        """Where a request goes, operator by operator; taken once on a machine."""
        return self._taken_once("profile", _PROFILE_VERSION, cell, artifact, progress)

    def _taken_once(
        self, stage: str, version: str, cell: Cell, artifact: Entry, progress: Progress, *, alone: bool = False
    ) -> Entry:
        """What depends on the machine, and stays the same on it."""
        data = self.data(cell.model, progress)
        coded = {"coded": artifact.key} if alone and "decoded" in artifact.facts else {}
        inputs = {
            **self.where(cell, artifact),
            **coded,
            stage: version,
            "version": self.registry.backends[cell.backend.name].version,
            "batch": cell.load.batch,
            "data": data.facts["fingerprint"],
            "machine": {name: describe_machine()[name] for name in _MACHINE},
        }
        request = {
            **self.how(cell),
            **shipped(artifact),
            "stage": stage,
            "data": str(data.path),
            "batch": cell.load.batch,
        }
        if coded:
            # What it takes to load includes what it takes to decode.
            request["container"] = str(artifact.path / artifact.facts["artifact"])
            request["technique"] = cell.chain.artifact_steps[0].technique
        return self._make("result", inputs, self.running(cell), request, progress, alone=alone)

    def estimated(self, cell: Cell, artifact: Entry, progress: Progress) -> Entry:
        """What is known of a request on a device that is not here."""
        inputs = {
            **self.where(cell, artifact),
            "estimate": _ESTIMATE_VERSION,
            "version": self.registry.backends[cell.backend.name].version,
            "device": cell.device,
            "model": self.device(cell).version,
            "batch": cell.load.batch,
        }
        request = {**self.how(cell), **shipped(artifact), "stage": "estimate", "batch": cell.load.batch}
        return self._make("result", inputs, self.running(cell), request, progress)

    def device(self, cell: Cell) -> Device:
        """Where the cell runs."""
        return self.registry.devices[cell.device]

    def layers(
        self, cell: Cell, artifact: Entry, samples: int, folder: Path, progress: Progress
    ) -> list[Mapping[str, Any]] | None:
        """How far each layer is from that of the Keras model that was converted; nothing if the backend cannot tell.

        :param folder: for what the layers give; nothing of it is kept in the store.
        """
        shared = {
            "data": str(self.data(cell.model, progress).path),
            "samples": min(samples, self.can(cell).max_batch or samples),
            "folder": str(folder),
        }
        variant = self.variant(cell.model, cell.chain.model_steps, progress)
        original = {"stage": "layers", "variant": str(variant.path), **shared}
        told = self.workers.ask(training_environment(), original, progress)
        request = {**self.how(cell), **shipped(artifact), "stage": "intermediates", **shared, **told}
        rows: list[Mapping[str, Any]] | None = self.workers.ask(self.running(cell), request, progress)["rows"]
        return rows

    def can(self, cell: Cell) -> Capabilities:
        """What the cell's backend can do."""
        return self.registry.backends[cell.backend.name].abilities(cell.backend.parameters)

    def runtime(self, cell: Cell) -> dict[str, str]:
        """The versions of what runs the artifact."""
        return versions_of(self.registry.backends[cell.backend.name].needs(cell.backend.parameters))

    def running(self, cell: Cell) -> Environment:
        """The worker that runs the cell."""
        return self.registry.backends[cell.backend.name].environment(cell.backend.parameters, cell.device)

    def where(self, cell: Cell, artifact: Entry) -> dict[str, Any]:
        """What all depends on that running the artifact tells."""
        environment = self.running(cell)
        return {
            "artifact": artifact.facts["content"],
            "backend": cell.backend.spelling,
            # What a runtime answers does not depend on which of the devices that are not here it stands for.
            "device": cell.device if self.device(cell).is_here else "",
            "environment": [environment.name, list(map(list, environment.variables))],
            "versions": self.runtime(cell),
            "cpu": digest(cpu_flags()),
        }

    def how(self, cell: Cell) -> dict[str, Any]:
        """What every request about the cell says."""
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
        *,
        alone: bool = False,
    ) -> Entry:
        """From the store, or made by a worker in a folder that the store publishes."""

        def build(folder: Path) -> Mapping[str, Any]:
            ask = self.workers.ask_alone if alone else self.workers.ask
            answer: Mapping[str, Any] = ask(environment, {**request, "folder": str(folder)}, progress)
            return answer

        return self.store.find(kind, inputs) or self.store.make(kind, inputs, build)


def _converting(backend: Backend, cell: Cell) -> dict[str, Any]:
    """The parameters that change the artifact; the others only change how it is run."""
    runtime = {parameter.name for parameter in backend.parameters if parameter.runtime}
    return {name: value for name, value in cell.backend.values if name not in runtime}


def shipped(artifact: Entry) -> dict[str, Any]:
    """What is run of it: of a coded one what was decoded."""
    return {
        "artifact": str(artifact.path / artifact.facts.get("decoded", artifact.facts["artifact"])),
        "content": artifact.facts["content"],
    }
