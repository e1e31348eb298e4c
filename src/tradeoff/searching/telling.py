"""What came of a search: every trial with where it ended, the tables of a run, and what to ship."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tradeoff.decide.advice import Recommendation
from tradeoff.decide.amounts import written
from tradeoff.decide.judging import used
from tradeoff.decide.objectives import OBJECTIVES
from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import Wish
from tradeoff.errors import TradeoffError
from tradeoff.machine import describe_machine, installed_version
from tradeoff.measure.timing import Timing
from tradeoff.record import Measurement, Record, Run
from tradeoff.runs.journal import with_records
from tradeoff.runs.results import JSON_NAME
from tradeoff.runs.surroundings import versions
from tradeoff.searching.by_validation import run_by_validation
from tradeoff.searching.outcomes import BEFORE, FITS, Outcome, Tried, first_sentence
from tradeoff.searching.search import Search
from tradeoff.text import columns

#: Columns of the trials beside quality and what the wish is about.
_ALWAYS: Final = ("accuracy", "size")
#: Measured on this machine, and another number the next time.
_OF_THE_MACHINE: Final = frozenset({"latency", "p99", "energy", "ram", "throughput"})
_STEMS: Final = ("latency", "speed_up", "throughput", "energy", "peak_bytes", "process_bytes")


def trials_told(tried: Sequence[Tried], search: Search, metric: str) -> list[str]:
    """Every trial in the order in which they were made."""
    names = [name for name in OBJECTIVES if name in {*_ALWAYS, *used(search.wish)}]
    several = len(search.space.backends) > 1
    head = ("trial", "chain", *(["backend"] if several else []), *_heads(names, metric), "what became of it")
    rows: list[tuple[str, ...]] = [head]
    for one in tried:
        numbers = one.outcome.numbers
        told = [written(numbers[name], OBJECTIVES[name].unit) if name in numbers else "" for name in names]
        backend = [one.proposal.backend] if several else []
        rows.append((str(one.place), one.proposal.chain, *backend, *told, _became(one.outcome)))
    return columns(rows, indent="")


def _heads(names: Sequence[str], metric: str) -> list[str]:
    return [f"{metric} on validation" if name == "accuracy" else name for name in names]


def _became(outcome: Outcome) -> str:
    before = BEFORE.get(outcome.ended)
    return f"{before}: {outcome.why}" if before else outcome.why or FITS


def summary(
    tried: Sequence[Tried], search: Search, metric: str, barred: Mapping[str, str], early: str, trials: int
) -> Iterator[str]:
    """How many came how far, and what the choice rests on."""
    ends = [one.outcome.ended for one in tried]
    told = {
        "sketch": "ended before they were trained",
        "built": "before they were judged",
        "failed": "failed",
        "judged": "went to the end",
    }
    parts = [f"{ends.count(end)} {text}" for end, text in told.items() if end in ends]
    yield f"{len(tried)} trials of {search.model} on {search.device}: {', '.join(parts) or 'none came anywhere'}."
    for name, why in barred.items():
        yield f"{name} was left out: {first_sentence(why)}"
    if early:
        yield f"Stopped after {len(tried)} of {trials}: {early}. The same command goes on."
    yield f"All choices rest on the validation split, {metric} included; the test split had no part in them."
    if search.timed:
        names = " and ".join(search.timed)
        yield f"{names}: measured on this machine, so within its noise the same seed may try and choose differently."


# --- the run ----------------------------------------------------------------------------------------


def run_of(search: Search, tried: Sequence[Tried], records: Sequence[Record], folder: Path) -> Run:
    """What was found as a run, which all reports read."""
    settings = search.plan.settings
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.values.items()}
    trials = [
        {"place": one.place, "chain": one.proposal.chain, "backend": one.proposal.backend, **one.outcome.to_json()}
        for one in tried
    ]
    own = search.plan.own
    brought = {own.task.name: own.task.version, **{one.name: one.version for one in own.models}} if own else {}
    return Run(
        name=folder.name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        versions=versions(search.registry),
        options={
            **{name: value for name, value in given.items() if name not in ("techniques", "backends")},
            "seed": settings.seed,
            "timing": Timing().to_json(),
            "search": {**search.identity, "trials": trials},
            **({"own": brought} if brought else {}),
        },
        records=tuple(records),
    )


def write_run(run: Run, folder: Path) -> Path:
    """Write it in the shape in which a run of the suites is written."""
    path = folder / JSON_NAME
    data: dict[str, Any] = {
        "machine_info": dict(run.machine),
        "commit_info": {},
        "benchmarks": [],
        "datetime": run.started,
        "version": installed_version("pytest-benchmark"),
    }
    part = path.with_name(f"{JSON_NAME}.part")
    try:
        part.write_text(json.dumps(with_records(data, run), indent=1, default=str), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise TradeoffError(f"{path} cannot be written: {error}") from error
    return path


# --- the choice -------------------------------------------------------------------------------------


def chosen_of(run: Run, search: Search) -> Recommendation:
    """What to ship: by validation, and by no time of this machine unless the wish is about times."""
    kept = tuple(_decided_by(record, search) for record in run.records)
    return recommend([run_by_validation(replace(run, records=kept))], search.wish)


def _decided_by(record: Record, search: Search) -> Record:
    """Without what is measured on this machine and not asked about: it must not settle a tie by its noise."""
    if not search.here or _OF_THE_MACHINE & set(used(search.wish)):
        return record
    numbers = {name: one for name, one in record.measurements.items() if not name.startswith(_STEMS)}
    return replace(record, measurements=numbers)


def heading(run: Run) -> str:
    """Before the recommendation: where its quality comes from, which is not where the table above has it from."""
    samples = next((record.facts["validation"].get("samples") for record in run.records), None)
    return f"What to ship. Quality from here on is that of the validation split, {samples} samples."


def tested(run: Run, found: Recommendation) -> Iterator[str]:
    """What the choice is worth on the test split, which it was not made by."""
    records = {record.cell.spelling: record for record in run.records}
    for advice in found.advice:
        if advice.choice is None:
            continue
        record = records[advice.choice.spelling]
        number: Measurement = record.measurements[str(record.facts["metric"])]
        metric, samples = str(record.facts["metric"]), record.facts.get("test_samples")
        if number.value is not None:
            yield f"  on the test split, {samples} samples that had no part in this: {metric} {number.value:.4f}"


def nearer(tried: Sequence[Tried], wish: Wish) -> Iterator[str]:
    """Where nothing fits: the trial that ended early and missed least."""
    early = [one for one in tried if one.outcome.ended in ("sketch", "built") and one.outcome.missed]
    if early:
        one = min(early, key=lambda one: (len(one.outcome.missed), max(one.outcome.missed.values()), one.place))
        name = f"{one.proposal.chain}/{one.proposal.backend}"
        yield f"  of those that ended early the nearest is {name}: {one.outcome.why}"
