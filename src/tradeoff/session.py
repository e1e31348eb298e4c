"""A run: what is planned, where its files go, and what became of each cell."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tradeoff.corridor import Corridor
from tradeoff.errors import BadInput, Refused, TradeoffError
from tradeoff.journal import Journal
from tradeoff.machine import describe_machine, installed_version, versions_of
from tradeoff.matrix import Matrix, PlannedCell, plan
from tradeoff.measuring import Timing
from tradeoff.options import Settings
from tradeoff.own import Own, read_own
from tradeoff.record import Record, Run, Status
from tradeoff.registry import PluginSources, Registry, plugin_sources_to_json
from tradeoff.replay import ReplayClock
from tradeoff.store import Store
from tradeoff.supply import Supply
from tradeoff.vocabulary import Progress
from tradeoff.workers import InProcessWorkers, ProcessWorkers, WorkerDied, WorkerFailed, Workers

HOME: Final = ".tradeoff"


@dataclass(frozen=True)
class Plan:
    """What a run would do: everything before the first worker starts."""

    settings: Settings
    sources: PluginSources
    registry: Registry
    matrix: Matrix
    own: Own | None


def make_plan(settings: Settings, sources: PluginSources, registry: Registry) -> Plan:
    """Check the user's own files, and plan the matrix."""
    own = read_own(settings)
    names: list[str] = []
    if own is not None:
        registry = registry.with_own(own.task, own.models)
        names = [model.name for model in own.models]
    return Plan(settings, sources, registry, plan(settings, registry, names), own)


@dataclass
class Session:
    """A run that has begun: workers, store, journal, and the record of each planned cell."""

    plan: Plan
    folder: Path
    store: Store
    workers: Workers
    run: Run
    journal: Journal
    clock: ReplayClock
    timing: Timing
    _supply: Supply
    _records: dict[tuple[str, str], Record] = field(default_factory=dict)

    def corridor(self, planned: PlannedCell, suite: str, progress: Progress) -> Corridor:
        """The way of one cell."""
        return Corridor(planned.cell, suite, self._supply, self.clock, self.timing, progress)

    def finish(self, record: Record) -> None:
        """A cell has ended: keep its record on disk before the next begins."""
        self._records[record.suite, record.cell.spelling] = record
        self.journal.write(record)

    def finished(self, suite: str, cell: str) -> Record | None:
        """The record of a cell that has ended."""
        return self._records.get((suite, cell))

    def whole_run(self) -> Run:
        """Every planned cell, whatever became of it."""
        records = tuple(self._records.get((r.suite, r.cell.spelling), r) for r in self.run.records)
        return replace(self.run, records=records, workers=tuple(w.to_json() for w in self.workers.reports))

    def close(self) -> None:
        """Stop the workers."""
        self.workers.close()


def begin_session(
    plan_: Plan,
    planned: Iterable[tuple[str, PlannedCell]],
    folder: Path,
    timing: Timing,
    clock: ReplayClock,
    warn: Any,
    waiting: Any,
) -> Session:
    """Open store and run folder and write what is planned.

    :param planned: suite and cell of every selected item.
    :param folder: where ``.tradeoff`` lies unless options say otherwise.
    """
    settings = plan_.settings
    store = Store(
        store_folder(settings, folder),
        warn=warn,
        waiting=waiting,
        rebuild=settings.switch("rebuild"),
    )
    output = _output_folder(settings, folder)
    workers = _workers(plan_, output)
    run = Run(
        name=output.name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        versions=_versions(plan_.registry),
        options=_options(settings),
        records=tuple(Record(cell.cell.axes, suite) for suite, cell in planned),
    )
    supply = Supply(plan_.registry, store, workers, settings.seed)
    return Session(plan_, output, store, workers, run, Journal.begin(output, run), clock, timing, supply)


def project_folder(start: Path) -> Path:
    """Where runs have left their files: ``start`` or the nearest folder above it that has some."""
    return next((place for place in (start, *start.parents) if (place / HOME).is_dir()), start)


def store_folder(settings: Settings, folder: Path) -> Path:
    """Where the store lies: as the options say, else below ``folder``."""
    return Path(settings.text("store") or folder / HOME / "store")


def _workers(plan_: Plan, output: Path) -> Workers:
    setup: Mapping[str, Any] = {
        "plugins": plugin_sources_to_json(plan_.sources),
        "own": plan_.own.to_json() if plan_.own else None,
        "allow_code": plan_.settings.switch("allow-code"),
    }
    if plan_.settings.switch("in-process"):
        return InProcessWorkers(setup, registry=plan_.registry)
    return ProcessWorkers(setup, output, plan_.settings.timeout)


def _options(settings: Settings) -> dict[str, Any]:
    """What was asked for, with what stands for it when nothing was."""
    axes = {axis: list(words) for axis, words in settings.preset().items()}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.values.items()}
    return {"preset": "quick", "seed": 0, **axes, **given}


def _output_folder(settings: Settings, folder: Path) -> Path:
    """A new folder for this run; one that the user names may exist, but not hold another run."""
    chosen = settings.text("output")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    path = Path(chosen) if chosen else folder / HOME / "runs" / f"{stamp}-{secrets.token_hex(2)}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not chosen:
            (folder / HOME / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the output folder {path} cannot be made: {error}; choose one with --tradeoff-output FOLDER"
        ) from error
    if (path / "journal.jsonl").exists():
        raise BadInput(f"--tradeoff-output {path} holds a finished run already; choose a new folder")
    return path


def _versions(registry: Registry) -> dict[str, str]:
    needs = [
        need for backend in registry.backends.values() for need in (*backend.requires, *backend.converter_requires)
    ]
    own = {name: found for name in ("tradeoff", "pytest", "pytest-benchmark") if (found := installed_version(name))}
    return {**own, **versions_of(needs)}


def outcome_of(error: BaseException) -> tuple[Status, str, str]:
    """Status, reason and detail for what went wrong with a cell."""
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
