"""A run that has begun: what does the work, and what became of each cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradeoff.corridor import Corridor
from tradeoff.errors import Refused, TradeoffError
from tradeoff.machine import describe_machine, installed_version, versions_of
from tradeoff.matrix import PlannedCell
from tradeoff.measure.energy import chosen_meters
from tradeoff.measure.timing import Timing
from tradeoff.planning import Plan
from tradeoff.processes.workers import InProcessWorkers, ProcessWorkers, WorkerDied, WorkerFailed, Workers
from tradeoff.record import Record, Run, Status
from tradeoff.registry import Registry
from tradeoff.runs.journal import Content, Finished, Journal, Key, key_of
from tradeoff.runs.manifest import Invocation, make_manifest, write_manifest
from tradeoff.runs.replay import ReplayClock
from tradeoff.runs.resume import is_done
from tradeoff.runs.run_folder import RunFolder, open_folder, store_folder
from tradeoff.store import Store
from tradeoff.supply import Supply
from tradeoff.vocabulary import Progress


@dataclass
class Session:
    """A run that has begun: workers, store, journal, and the record of each planned cell."""

    plan: Plan
    place: RunFolder
    store: Store
    workers: Workers
    run: Run
    journal: Journal
    clock: ReplayClock
    timing: Timing
    _supply: Supply
    _before: Content
    _records: dict[Key, Record] = field(default_factory=dict)
    _workers_told: tuple[Mapping[str, Any], ...] = ()

    @property
    def folder(self) -> Path:
        """Where the files of this run go."""
        return self.place.path

    def corridor(self, planned: PlannedCell, suite: str, progress: Progress) -> Corridor:
        """The way of one cell."""
        return Corridor(planned.cell, suite, self._supply, self.clock, self.timing, progress)

    def kept(self, suite: str, cell: str) -> Finished | None:
        """What a run that is gone on with has of a cell that ended then."""
        found = self._before.finished.get((suite, cell))
        return found if found is not None and is_done(found.record.status) else None

    @property
    def kept_cells(self) -> int:
        """How many of the planned cells had ended before this run went on."""
        return sum(self.kept(*key_of(record)) is not None for record in self.run.records)

    def finish(self, record: Record, benchmark: Mapping[str, Any] | None = None) -> None:
        """A cell has ended: keep its record on disk before the next begins."""
        self._records[key_of(record)] = record
        if self.kept(*key_of(record)) is None:
            if (workers := self._all_workers()) != self._workers_told:
                self.journal.write_workers(workers)
                self._workers_told = workers
            self.journal.write(record, benchmark)

    def finished(self, suite: str, cell: str) -> Record | None:
        """The record of a cell that has ended."""
        kept = self.kept(suite, cell)
        return self._records.get((suite, cell)) or (kept.record if kept else None)

    def whole_run(self) -> Run:
        """Every planned cell, whatever became of it."""
        records = tuple(self.finished(*key_of(record)) or record for record in self.run.records)
        return replace(self.run, records=records, workers=self._all_workers())

    def _all_workers(self) -> tuple[Mapping[str, Any], ...]:
        return (*self._before.run.workers, *(report.to_json() for report in self.workers.reports))

    def close(self) -> None:
        """Stop the workers, and leave the folder to others."""
        self.workers.close()
        self.place.use.leave()


def begin_session(
    plan_: Plan,
    planned: Iterable[tuple[str, PlannedCell]],
    folder: Path,
    timing: Timing,
    clock: ReplayClock,
    warn: Any,
    waiting: Any,
    surroundings: Mapping[str, Any],
    invocation: Invocation,
) -> Session:
    """Open store and run folder and write what is planned.

    :param planned: suite and cell of every selected item.
    :param folder: where ``.tradeoff`` lies unless options say otherwise.
    :param surroundings: what pytest-benchmark says of machine and commit.
    :param invocation: how pytest was started.
    """
    settings = plan_.settings
    store = Store(
        store_folder(settings, folder),
        warn=warn,
        waiting=waiting,
        rebuild=settings.switch("rebuild"),
    )
    now = Run(
        name="",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        versions=_versions(plan_.registry),
        options=_options(plan_, timing),
        records=tuple(Record(cell.cell.axes, suite) for suite, cell in planned),
    )
    place = open_folder(settings, folder, now)
    before = place.content
    if before is None:
        run = replace(now, name=place.path.name)
        write_manifest(place.path, make_manifest(plan_, run, timing, invocation))
        journal = Journal.begin(place.path, run, surroundings)
    else:
        # It keeps its name, its beginning and what it was begun with.
        run = replace(before.run, records=now.records, workers=(), source="")
        journal = Journal.go_on(place.path)
    workers = _workers(plan_, place.path)
    meters = chosen_meters(settings.words("meters"), plan_.registry)
    pin, baseline = settings.text("pin"), settings.text("baseline")
    supply = Supply(plan_.registry, store, workers, settings.seed, baseline, meters, pin)
    return Session(plan_, place, store, workers, run, journal, clock, timing, supply, before or Content(run))


def _workers(plan_: Plan, output: Path) -> Workers:
    if plan_.settings.switch("in-process"):
        return InProcessWorkers(plan_.setup, registry=plan_.registry)
    return ProcessWorkers(plan_.setup, output, plan_.settings.timeout, plan_.settings.memory)


def _options(plan_: Plan, timing: Timing) -> dict[str, Any]:
    """What was asked for, with what stands for it when nothing was."""
    settings = plan_.settings
    axes = {axis: list(words) for axis, words in settings.preset().items()}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.values.items()}
    options: dict[str, Any] = {"preset": "quick", **axes, **given}
    options |= {"seed": settings.seed, "timing": timing.to_json()}
    if plan_.matrix.curves:
        options["curves"] = [asdict(curve) for curve in plan_.matrix.curves]
    if plan_.own is not None:
        own = plan_.own
        options["own"] = {own.task.name: own.task.version, **{model.name: model.version for model in own.models}}
    return options


def _versions(registry: Registry) -> dict[str, str]:
    needs = [
        need for backend in registry.backends.values() for need in (*backend.requires, *backend.converter_requires)
    ]
    own = {name: found for name in ("tradeoff", "pytest", "pytest-benchmark") if (found := installed_version(name))}
    return {**own, **versions_of(needs)}


class EndedBefore(TradeoffError):
    """A cell that has ended in the run that is gone on with, and was not measured then."""

    def __init__(self, record: Record) -> None:
        super().__init__(record.reason)
        self.record = record


def outcome_of(error: BaseException) -> tuple[Status, str, str]:
    """Status, reason and detail for what went wrong with a cell."""
    if isinstance(error, EndedBefore):
        return error.record.status, error.record.reason, error.record.detail
    if isinstance(error, Refused):
        return "refused", str(error), ""
    if isinstance(error, WorkerDied):
        return "crashed", str(error), error.detail
    if isinstance(error, WorkerFailed):
        return "failed", str(error), error.detail
    if isinstance(error, TradeoffError):
        return "failed", str(error), ""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "stopped by Ctrl-C", ""
    return "failed", f"{type(error).__name__}: {error}", ""
