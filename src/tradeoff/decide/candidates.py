"""Records of any number of runs as candidates, in groups in which they may be compared with each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

from tradeoff.compare.comparable import machine_key
from tradeoff.compare.quantities import metric_of
from tradeoff.decide.objectives import Number, numbers_of
from tradeoff.record import Record, Run, last_words

#: What can be wrong with a candidate whose numbers look good.
Doubt = Literal["noisy", "parity", "floor", "overloaded"]
DOUBTS: Final[Mapping[Doubt, str]] = {
    "noisy": "its timing is not to be relied on",
    "parity": "its outputs left those of the model it was converted from",
    "floor": "it is worse than its task's floor",
    "overloaded": "it did not keep up with its load",
}
_VERDICTS: Final[Mapping[str, Doubt]] = {
    "noisy": "noisy",
    "parity": "parity",
    "below floor": "floor",
    "overloaded": "overloaded",
}


class Conditions(NamedTuple):
    """What candidates must share before their numbers may be compared."""

    task: str
    metric: str
    device: str
    load: str
    suite: str
    machine: str


@dataclass(frozen=True)
class Candidate:
    """A measured cell.

    :param run: the name of the run it was measured in.
    """

    record: Record
    run: str

    @cached_property
    def numbers(self) -> Mapping[str, Number]:
        """By objective; what it does not have is not there. Read when asked for: a report shows few of many cells."""
        return numbers_of(self.record)

    @cached_property
    def doubts(self) -> Mapping[Doubt, str]:
        """What its verdicts cast doubt on, each with the verdict as it was recorded."""
        return doubts_of(self.record)

    @property
    def spelling(self) -> str:
        """The cell's."""
        return self.record.cell.spelling

    @property
    def name(self) -> str:
        """Without device and load, which a group has in common."""
        cell = self.record.cell
        return f"{cell.model}/{cell.chain}/{cell.backend}"

    @property
    def halves(self) -> tuple[Candidate, ...]:
        """What it is put together of, if it is."""
        return ()


@dataclass(frozen=True)
class Group:
    """Candidates that may be compared.

    :param unmeasured: what was planned under the same conditions and has no numbers.
    :param repeated: cells that several runs have measured; the newest counts.
    """

    conditions: Conditions
    candidates: tuple[Candidate, ...]
    unmeasured: tuple[Record, ...] = ()
    repeated: tuple[str, ...] = ()


def doubts_of(record: Record) -> dict[Doubt, str]:
    """What the verdicts of a record cast doubt on."""
    return {
        doubt: verdict
        for verdict in record.verdicts
        for begin, doubt in _VERDICTS.items()
        if verdict == begin or verdict.startswith((f"{begin} ", f"{begin}:"))
    }


def groups_of(runs: Sequence[Run]) -> list[Group]:
    """All candidates of all runs; of a cell that was measured more than once, the newest run's last word."""
    newest = sorted(runs, key=lambda run: run.started)
    tasks, simulated = _tasks(newest), _simulated(newest)
    measured: dict[Conditions, dict[str, Candidate]] = {}
    repeated: dict[Conditions, dict[str, None]] = {}
    missing: dict[Conditions, dict[str, Record]] = {}
    for run in newest:
        machine = " ".join(machine_key(run)).strip()
        for record in last_words(run.records).values():
            key = _conditions(record, tasks, "" if record.cell.device in simulated else machine)
            if record.status != "measured":
                missing.setdefault(key, {})[record.cell.spelling] = record
                continue
            found = measured.setdefault(key, {})
            if record.cell.spelling in found:
                repeated.setdefault(key, {})[record.cell.spelling] = None
            found[record.cell.spelling] = Candidate(record, run.name)
    return _groups(measured, repeated, missing)


def _groups(
    measured: Mapping[Conditions, Mapping[str, Candidate]],
    repeated: Mapping[Conditions, Mapping[str, None]],
    missing: Mapping[Conditions, Mapping[str, Record]],
) -> list[Group]:
    groups = []
    for key in dict.fromkeys((*measured, *missing)):
        found = measured.get(key, {})
        lost = tuple(record for name, record in missing.get(key, {}).items() if name not in found)
        groups.append(Group(key, tuple(found.values()), lost, tuple(repeated.get(key, ()))))
    return groups


def _tasks(runs: Iterable[Run]) -> dict[str, tuple[str, str]]:
    """Each model's task and metric, for records that were refused before anybody wrote it down."""
    return {
        record.cell.model: task_of(record, metric)
        for run in runs
        for record in run.records
        if record.status == "measured" and (metric := metric_of(record))
    }


def task_of(record: Record, metric: str) -> tuple[str, str]:
    """Task and metric; where a record names no task, its model stands for it, or what that is compared with."""
    for name in ("task", "baseline"):
        found = record.facts.get(name)
        if isinstance(found, str) and found:
            return found, metric
    return record.cell.model, metric


def _simulated(runs: Iterable[Run]) -> set[str]:
    """The devices whose numbers do not depend on the machine; a cell that was refused does not say so itself."""
    return {
        record.cell.device
        for run in runs
        for record in run.records
        if record.facts.get("device_provenance") not in (None, "measured")
    }


def _conditions(record: Record, tasks: Mapping[str, tuple[str, str]], machine: str) -> Conditions:
    cell, metric = record.cell, metric_of(record)
    found = None if metric else tasks.get(cell.model)
    task, metric = found or task_of(record, metric)
    return Conditions(task, metric, cell.device, cell.load, record.suite, machine)
