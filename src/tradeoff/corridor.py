"""One cell's way from its model to its record, as the suites see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

from tradeoff.cell import Cell
from tradeoff.effect import explanation, same_size, same_speed, without_saving
from tradeoff.effect import words as no_effect
from tradeoff.engine import keras_engine
from tradeoff.errors import TradeoffError
from tradeoff.inspecting.verifying import CURVES, verified
from tradeoff.loads.serving import ENDLESS, Served
from tradeoff.measure.energy import energies, energy_facts, unavailable
from tradeoff.measure.estimating import Estimate, estimate_lots, percentile, ratios, samples_needed, timings
from tradeoff.measure.lots import Lots
from tradeoff.measure.noise import why_noisy
from tradeoff.measure.timing import Timing
from tradeoff.parity.thresholds import EXACT, is_exact, verdict
from tradeoff.parity.thresholds import facts as parity_facts
from tradeoff.processes.workers import NotAlone
from tradeoff.record import Measurement, Record
from tradeoff.runs.replay import ReplayClock, Tape, leave_untimed, replay
from tradeoff.store import Entry
from tradeoff.supply import Supply
from tradeoff.virtual_clock import figures_of, group_of, measurements_of, profile_of, without_seconds
from tradeoff.vocabulary import Device, Direction, Progress, Provenance
from tradeoff.waterfall import waterfall

_PAIRS: Final = "against the baseline on the same runtime, timed in turns; "
_SINGLES: Final = "of single requests, each timed by itself; 95 % interval"
_ARRIVED: Final = "from the scheduled arrival to the answer; "
_QUEUED: Final = f"{_ARRIVED}no interval: requests in a queue are not independent"
_PERCENTILES: Final = (0.5, 0.9, 0.99)
_DEVICE: Final = "nothing here measures a device's own memory"
_NATIVE: Final = "the peak less what Python had at its own peak"
_CAME: Final = "finished when it came; nothing tells how it was made"
_UNITS: Final = {"build_seconds": "s", "conversion_seconds": "s"}
_ADDED_UP: Final = "all of them together; a runtime that uses memory again needs less at once"


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

    def build(self) -> Entry | None:
        """Train the model, or take it from the store, and apply the chain's techniques of stage ``model``.

        A finished artifact has no variant: it was built elsewhere, and nothing is known of how.
        """
        baseline = self._supply.baseline(self.cell).model
        if baseline != self.cell.model:
            self._facts["baseline"] = baseline
        if self._finished:
            self._facts |= {"finished": self._finished, "seed": self._supply.seed}
            for name in ("parameters", "macs", "build_seconds", "build_epochs", "conversion_seconds"):
                self._measurements[name] = Measurement(None, _UNITS.get(name, "1"), "lower", "unavailable", note=_CAME)
            return None
        steps = self.cell.chain.model_steps
        made = self._supply.variants(self.cell.model, steps, self._progress)
        variant = made[-1]
        facts = variant.facts
        self._note("parameters", facts["parameters"], "1", "lower")
        missed = f"not counted: {', '.join(facts['uncounted'])}" if facts["uncounted"] else ""
        self._note("macs", facts["macs"], "1", "lower", missed)
        self._note("build_seconds", sum(entry.facts["seconds"] for entry in made), "s", "lower")
        self._note("build_epochs", sum(entry.facts["epochs"] for entry in made), "1", "lower")
        self._facts |= {"variant": variant.key, "seed": self._supply.seed}
        # What an older release has left in the store does not say how the training went.
        if training := made[0].facts.get("told", {}).get("training"):
            self._facts["training"] = {**training, **{n: made[0].facts[n] for n in CURVES if n in made[0].facts}}
        if steps:
            self._facts["verified"] = [
                verified(step.spelling, before.facts, after.facts)
                for step, (before, after) in zip(steps, pairwise(made), strict=True)
            ]
        return variant

    def convert(self, variant: Entry | None) -> Entry:
        """Have the backend make what would be shipped; a finished artifact is adopted into the store as it is."""
        artifact = self._supply.artifact(self.cell, self._progress)
        facts = artifact.facts
        self._note("artifact_bytes", facts["bytes"], "B", "lower")
        self._note("gzip_bytes", facts["gzip_bytes"], "B", "lower")
        if not self._finished:
            self._note("conversion_seconds", facts["seconds"], "s", "lower")
        self._facts |= {"artifact": artifact.key, "content": facts["content"][:16]}
        if effort := self._supply.can(self.cell).effort:
            self._facts["effort"] = asdict(effort)
        if facts.get("ranges"):
            self._facts["ranges"] = facts["ranges"]
        if facts.get("coding"):
            self._facts["coding"] = facts["coding"]
        return artifact

    def evaluate(self, artifact: Entry) -> None:
        """Judge the shipped artifact on its own runtime: quality, and agreement with the original."""
        if not self._runs:
            return
        facts = self._supply.result(self.cell, artifact, self._progress).facts
        registry = self._supply.registry
        task = registry.task_of(registry.models[self.cell.model])
        if len(self.cell.chain.in_full.steps) > 1:
            self._facts["waterfall"] = waterfall(self._supply, self.cell, self._progress)
        # What an older release has left in the store does not say how many there were.
        self._facts |= {"task": task.name, "metric": task.metric, "floor": task.floor}
        self._facts["test_samples"] = facts.get("samples")
        self._facts |= {name: facts[name] for name in ("validation", "answers") if facts.get(name)}
        for name, value in {**facts["quality"], **facts["agreement"]}.items():
            self._note(name, value, "1", _direction(name))
        if not facts["agreement"]:
            self._note("cosine", None, "1", "higher", facts.get("missing", ""))
        quality = facts["quality"].get(task.metric)
        if task.floor is not None and quality is not None and _worse(quality, task.floor, task.metric):
            self._verdicts.append(f"below floor {task.floor:g}")
        self._note_parity(facts.get("parity", {}), facts.get("samples", 0))

    def _note_parity(self, numbers: Mapping[str, float | None], samples: int) -> None:
        """How far the artifact is from the model it was converted from, and whether its precision excuses that."""
        if not numbers:
            return
        for name, value in numbers.items():
            unbounded = name == "snr" and is_exact(numbers)
            self._note(name, value, "dB" if name == "snr" else "1", _direction(name), EXACT if unbounded else "")
        precision = self.cell.chain.precision_name
        least = self._supply.registry.tolerance_of(precision)
        self._facts["parity"] = parity_facts(numbers, precision, least)
        told = verdict(numbers, least, samples)
        self._verdicts += [told] if told else []

    def time(self, artifact: Entry, benchmark: Any) -> None:
        """Time whole requests in the worker, and give the samples to pytest-benchmark."""
        if not self._runs:
            leave_untimed(benchmark)
            self._note("latency", None, "s", "lower", f"{self.cell.backend.name} only has a size: nothing here runs it")
        elif not self._device.is_here:
            self._estimate(artifact, benchmark)
        elif self.cell.load.scenario:
            self._serve(artifact, benchmark)
        else:
            self._time(artifact, benchmark)
        self._note_effect(artifact)

    def _time(self, artifact: Entry, benchmark: Any) -> None:
        timed = self._supply.timed(self.cell, artifact, self._timing, self._progress)
        lots = timed.lots.kept
        rounds = [seconds for lot in lots for seconds in lot.rounds]
        replay(benchmark, self._clock, self.cell.axes, Tape(tuple(rounds), lots[0].iterations))
        self._same_as = timed.cell if timed.cell != self.cell.spelling else None
        self._facts |= {**self._how_run(), **_how_timed(timed.lots)}
        if rounds:
            self._note_latency(timed.lots)
        if any(lot.baseline for lot in lots):
            ratio = estimate_lots(lots, ratios)
            self._note_estimate("speed_up", ratio, "1", "higher", _PAIRS)

    def _estimate(self, artifact: Entry, benchmark: Any) -> None:
        """Note what is known of a request on a device that is not here, and give it to pytest-benchmark as one round.

        Nothing of this machine is noted for it: neither times nor memory.
        """
        found = self._supply.estimated(self.cell, artifact, self._progress).facts
        figures = figures_of(found)
        self._measurements |= measurements_of(figures.values(), self._device)
        self._verdicts += found["verdicts"]
        self._facts |= {**self._how_run(), "estimate": {"source": found["source"], "fits": found["fits"]}}
        self._note_anatomy(found, "")
        latency = figures.get("latency")
        if latency is None or latency.value is None:
            leave_untimed(benchmark)
            return
        self._facts["estimate"]["error"] = latency.error
        tape = Tape((latency.value,), group=group_of(self.cell.axes, latency))
        replay(benchmark, self._clock, self.cell.axes, tape)

    def _note_effect(self, artifact: Entry) -> None:
        """Say so where techniques promise a saving and the artifact is neither smaller nor faster than without them."""
        other = without_saving(self.cell, self._supply.registry)
        if other is None:
            return
        try:
            plain = self._supply.artifact(other, self._progress).facts
        except TradeoffError:
            # There is nothing to compare with; where it has a cell of its own, that says why.
            return
        # What was timed in turns is the cell's baseline; where a precision is asked for, that is another one.
        timed = "speed_up" in self._measurements and other == self._supply.baseline(self.cell)
        speed_up = self._measurements["speed_up"] if timed else None
        if same_size(artifact.facts, plain) and same_speed(speed_up):
            told = explanation(self.cell, other, self._supply.registry, artifact.facts, plain, timed)
            self._facts["no_effect"] = told
            self._verdicts.append(no_effect(told))

    def footprint(self, artifact: Entry) -> None:
        """Note what a process that does nothing else takes to load the artifact and to run it: time and memory."""
        if not self._runs or not self._device.is_here:
            return
        try:
            facts, missed = self._supply.footprint(self.cell, artifact, self._progress).facts, ""
        except NotAlone as error:
            facts, missed = {}, str(error)
        imports = f"{facts['imported']} modules imported meanwhile" if facts.get("imported") else missed
        peak = facts.get("note") or missed
        python = facts.get("python_bytes")
        native = None if python is None else max(0, facts["peak_bytes"] - python)
        self._note("load_seconds", facts.get("load_seconds"), "s", "lower", imports, self._provenance)
        self._note("first_seconds", facts.get("first_seconds"), "s", "lower", missed, self._provenance)
        self._note("peak_bytes", facts.get("peak_bytes"), "B", "lower", peak, self._provenance)
        self._note("process_bytes", facts.get("process_bytes"), "B", "lower", missed, self._provenance)
        self._note("python_bytes", python, "B", "lower", missed, self._provenance)
        self._note("native_bytes", native, "B", "lower", missed or _NATIVE, "modelled")
        self._note("device_bytes", None, "B", "lower", missed or _DEVICE)
        self._note_anatomy(facts, missed)

    def _note_anatomy(self, facts: Mapping[str, Any], missed: str) -> None:
        unsaid = missed or f"backend {self.cell.backend.name} does not say"
        weights, activations = facts.get("weights_bytes"), facts.get("activations_bytes")
        self._note("weights_bytes", weights, "B", "lower", unsaid if weights is None else "", self._provenance)
        self._note(
            "activations_bytes", activations, "B", "lower", unsaid if activations is None else _ADDED_UP, "modelled"
        )

    def profile(self, artifact: Entry) -> None:
        """Note where a request goes, operator by operator; a runtime that fails at this was measured all the same."""
        if not self._runs or self.cell.load.scenario or self._timing.once:
            return
        try:
            found = self._profile(artifact)
        except TradeoffError as error:
            found = {"operators": [], "source": "", "seconds": "unavailable", "note": str(error)}
        if found is not None:
            self._facts["profile"] = found

    def _profile(self, artifact: Entry) -> Mapping[str, Any] | None:
        if self._device.is_here:
            return self._profile_here(artifact)
        estimated = self._supply.estimated(self.cell, artifact, self._progress).facts
        there = profile_of(estimated, figures_of(estimated))
        here = None if there else self._profile_here(artifact)
        return without_seconds(here, self._device) if here else there

    def _profile_here(self, artifact: Entry) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._supply.profile(self.cell, artifact, self._progress).facts["profile"]
        return found

    def _note_latency(self, lots: Lots) -> None:
        found = estimate_lots(lots.kept, timings)
        self._note_estimate("latency", found, "s", "lower", "")
        self._facts["spread"] = found.spread
        self._note_percentiles([seconds for lot in lots.all for seconds in lot.singles])
        if found.noisy or lots.sifted.disturbed:
            self._verdicts.append("noisy")
            self._facts["why_noisy"] = why_noisy(lots.noise, lots.sifted.speed)

    def _note_percentiles(self, singles: Sequence[float], *, independent: bool = True) -> None:
        for share in _PERCENTILES:
            name = f"latency_p{round(100 * share)}"
            measured = percentile(singles, share)
            if measured is None:
                self._note(
                    name, None, "s", "lower", f"needs {samples_needed(share)} requests, there are {len(singles)}"
                )
            elif independent:
                self._measurements[name] = Measurement(
                    measured.value, "s", "lower", self._provenance, measured.low, measured.high, _SINGLES
                )
            else:
                self._measurements[name] = Measurement(measured.value, "s", "lower", self._provenance, note=_QUEUED)

    def _serve(self, artifact: Entry, benchmark: Any) -> None:
        """Have requests arrive as the load's scenario says, and give their latencies to pytest-benchmark."""
        served = self._supply.served(self.cell, artifact, self._timing, self._progress)
        replay(benchmark, self._clock, self.cell.axes, Tape(tuple(served.latencies)))
        self._same_as = served.cell if served.cell != self.cell.spelling else None
        self._facts |= {**self._how_run(), **served.facts}
        if served.blocks:
            self._note_served(served)

    def _note_served(self, served: Served) -> None:
        self._note_estimate("throughput", served.throughput, "1/s", "higher", "samples answered in a second; ")
        self._facts["spread"] = served.throughput.spread
        if served.latency is not None:
            self._note_estimate("latency", served.latency, "s", "lower", "" if served.independent else _ARRIVED)
            self._facts["spread"] = served.latency.spread
            self._note_percentiles(served.latencies, independent=served.independent)
        elif served.awaited:
            for name in ("latency", *(f"latency_p{round(100 * share)}" for share in _PERCENTILES)):
                self._note(name, None, "s", "lower", ENDLESS)
        if self.cell.load.scenario == "sweep":
            note = "samples in a request at that throughput"
            self._note("best_batch", served.best[0].batch, "1", "none", note, self._provenance)
            self._facts["sweep"] = served.points()
        self._verdicts += [text for text, is_so in served.verdicts.items() if is_so]

    def energy(self, artifact: Entry) -> None:
        """Read meters around requests, after these were timed; without a meter it is noted why there are no joules."""
        if self._timing.once or not self._runs or not self._device.is_here:
            return
        if self.cell.load.scenario:
            nothing = unavailable("it is measured of requests one after the other, on this machine: b1, b8")
            self._measurements["energy"] = self._measurements["energy_above_idle"] = nothing
            return
        meters = self._supply.registry.meters
        metered = self._supply.metered(self.cell, artifact, self._timing, self._progress)
        whole, above_idle = energies(metered, meters)
        self._measurements["energy"] = whole
        self._measurements["energy_above_idle"] = above_idle
        self._facts["energy"] = energy_facts(metered, meters)

    def _note_estimate(self, name: str, found: Estimate, unit: str, direction: Direction, note: str) -> None:
        interval = f"95 % interval of the median, over {found.over}"
        self._measurements[name] = Measurement(
            found.median, unit, direction, self._provenance, found.low, found.high, f"{note}{interval}"
        )

    @property
    def _runs(self) -> bool:
        """Whether anything runs the artifact; if not, it has a size and nothing else."""
        return self._supply.can(self.cell).runs

    @property
    def _finished(self) -> str:
        """The ending of a finished artifact; empty for a model that is built here."""
        return self._supply.registry.models[self.cell.model].finished

    @property
    def _device(self) -> Device:
        return self._supply.device(self.cell)

    @property
    def _provenance(self) -> Provenance:
        return self._device.provenance

    def _how_run(self) -> Mapping[str, Any]:
        return {
            "threads": self.cell.backend.parameters.get("threads", 1),
            "pinned": self._supply.cores(self.cell),
            "precision": "as it came" if self._finished else self.cell.chain.precision_name,
            "runtime": " ".join(f"{name} {version}" for name, version in self._supply.runtime(self.cell).items()),
            "engine": keras_engine(),
            "device_provenance": self._provenance,
        }

    def _note(
        self,
        name: str,
        value: float | None,
        unit: str,
        direction: Direction,
        note: str = "",
        provenance: Provenance = "measured",
    ) -> None:
        origin = provenance if value is not None else "unavailable"
        self._measurements[name] = Measurement(value, unit, direction, origin, note=note)

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


def _how_timed(lots: Lots) -> Mapping[str, Any]:
    return {
        "iterations": lots.kept[0].iterations,
        "rounds": sum(len(lot.rounds) for lot in lots.kept),
        "rounds_timed": sum(len(lot.rounds) for lot in lots.all),
        "loads": len(lots.kept),
        "processes": len({lot.process for lot in lots.kept}),
        "undisturbed": lots.sifted.share,
        "speed": lots.sifted.speed,
        "stopped": lots.stopped,
        "noise": lots.noise.to_json() if lots.noise else None,
    }


def _direction(name: str) -> Direction:
    return "lower" if name in ("loss", "mae", "mse", "max_error") else "higher"


def _worse(value: float, floor: float, metric: str) -> bool:
    return value > floor if _direction(metric) == "lower" else value < floor
