"""What is known of one planned cell, whatever became of it; and of a whole run. Versioned, plain JSON.

Only this module knows old shapes: a reader upgrades what is older and refuses what is newer.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from tradeoff.errors import BadInput
from tradeoff.formats.plain_file import refuse_special
from tradeoff.vocabulary import Direction, Provenance

SCHEMA: Final = 1
#: The key in ``extra_info`` of a benchmark and at the top of pytest-benchmark's JSON.
JSON_KEY: Final = "tradeoff"
#: What a file of rows says that it is, and where one run is needed.
ROWS_KIND: Final = "tradeoff rows"
ROWS_ELSEWHERE: Final = (
    "it has rows of any number of runs, and here one run is needed: `tradeoff report` and `tradeoff recommend` read it"
)

Status = Literal["measured", "skipped", "refused", "failed", "crashed", "interrupted", "not run"]
#: How each status is told; the order is the one in which a person wants to read them.
STATUSES: Final[dict[Status, str]] = {
    "measured": "ran to the end",
    "skipped": "cannot exist here",
    "refused": "declined by the backend when it saw the model",
    "failed": "a plugin raised an error",
    "crashed": "the worker process died or did not answer",
    "interrupted": "stopped by the user while it ran",
    "not run": "planned, and never begun",
}


# A large run holds a hundred thousand of these: slots make them smaller, and quicker to read.
@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with its unit and where it comes from.

    :param value: ``None`` when it is ``unavailable``.
    :param unit: ``s``, ``B``, ``1`` for a fraction or a count.
    :param direction: which way is better.
    :param provenance: how it was obtained; a number nobody measured is never printed bare.
    :param low: lower end of an interval.
    :param high: upper end of it.
    :param note: what a reader should know: what the interval is, what was not counted.
    """

    value: float | None
    unit: str
    direction: Direction = "none"
    provenance: Provenance = "measured"
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Axes:
    """The five axes of a cell as they are spelled, for reports that know nothing of plugins."""

    model: str
    chain: str
    backend: str
    device: str
    load: str

    @property
    def spelling(self) -> str:
        """``cnn/int8/litert/host-cpu/b1``: what rows are joined on."""
        return "/".join((self.model, self.chain, self.backend, self.device, self.load))

    @classmethod
    def parse(cls, text: str) -> Axes:
        """Read a cell's spelling."""
        parts = text.split("/")
        if len(parts) != 5 or not all(parts):
            raise BadInput(f"{text!r} is not a cell; it is spelled MODEL/CHAIN/BACKEND/DEVICE/LOAD")
        return cls(*parts)


@dataclass(frozen=True)
class Record:
    """One planned cell's measurements and verdicts.

    :param cell: its five axes.
    :param suite: the pytest function it was planned for.
    :param status: what became of it.
    :param reason: why, in one line, unless it was measured.
    :param detail: the end of what the worker printed, or a traceback.
    :param measurements: by name; the names are columns of the reports.
    :param verdicts: what a reader must be told of it: ``noisy``, ``below floor``.
    :param facts: threads, engine, precision, what the variant was made with.
    :param same_as: the cell whose artifact has the same content on the same runtime.
    """

    cell: Axes
    suite: str = "test_inference"
    status: Status = "not run"
    reason: str = ""
    detail: str = ""
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    verdicts: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    same_as: str | None = None


@dataclass(frozen=True)
class Run:
    """A whole run: what it was made on, and every planned cell.

    :param name: how a person tells it from others; also its folder.
    :param started: ISO 8601, UTC.
    :param machine: node, system, processor, cores, memory.
    :param versions: distribution to version.
    :param options: the selection and the settings, as resolved.
    :param workers: each with its ``name``, ``start_seconds`` and ``import_seconds``.
    :param records: one for each planned cell.
    :param source: the file it was read from, if any.
    """

    name: str
    started: str
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    workers: tuple[Mapping[str, Any], ...] = ()
    records: tuple[Record, ...] = ()
    source: str = ""


def record_to_json(record: Record) -> dict[str, Any]:
    """A record as plain data; every record carries the schema version."""
    return {
        "schema": SCHEMA,
        "cell": record.cell.spelling,
        "suite": record.suite,
        "status": record.status,
        "reason": record.reason,
        "detail": record.detail,
        "measurements": {name: _measurement_to_json(m) for name, m in record.measurements.items()},
        "verdicts": list(record.verdicts),
        "facts": dict(record.facts),
        "same_as": record.same_as,
    }


def record_from_json(data: Any) -> Record:
    """Read one record; a newer schema or a broken shape is an error that says so."""
    _check_schema(_converted(data, _Versioned, "record").schema)
    return _record(_converted(data, _WrittenRecord, "record"))


def run_to_json(run: Run) -> dict[str, Any]:
    """A run as plain data, as it stands under the top-level key of pytest-benchmark's JSON."""
    records = [record_to_json(record) for record in run.records]
    return {"schema": SCHEMA, **head_to_json(run), "records": records}


def head_to_json(run: Run) -> dict[str, Any]:
    """What a run is, without its records, as plain data."""
    return {
        "name": run.name,
        "started": run.started,
        "machine": dict(run.machine),
        "versions": dict(run.versions),
        "options": dict(run.options),
        "workers": [dict(worker) for worker in run.workers],
    }


def run_from_json(data: Any, source: str = "") -> Run:
    """Read a run; a record that is wrong is named by its position."""
    _check_schemas(_converted(data, _VersionedRun, "run"))
    for position, item in enumerate(data.get("records", ()), start=1):
        _converted(item, _WrittenRecord, f"record {position}")
    return _run(_converted(data, _WrittenRun, "run"), source)


def read_run(path: Path) -> Run:
    """Read the run in a pytest-benchmark JSON file that the suite has written."""
    with no_collection():
        return _read_run(path)


@contextmanager
def no_collection() -> Iterator[None]:
    """For work on many records: none of them is garbage, and looking for some would double the time it takes."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read_run(path: Path) -> Run:
    text = _bytes_of(path)
    try:
        try:
            return _quickly_read(text, str(path))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _patiently_read(text, str(path))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _quickly_read(text: bytes, source: str) -> Run:
    found = msgspec.json.decode(text, type=_VersionedFile).tradeoff
    if found is None:
        return _patiently_read(text, source)
    _check_schemas(found)
    return _run(msgspec.json.decode(text, type=_WrittenFile).tradeoff, source)


def _patiently_read(text: bytes, source: str) -> Run:
    """The same for a file that is odd somewhere: with NaN in it, or with a mistake that is now told by its place."""
    try:
        data = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"it is not JSON, or is cut short: {error}") from error
    if isinstance(data, dict) and data.get("kind") == ROWS_KIND:
        raise BadInput(ROWS_ELSEWHERE)
    if not isinstance(data, dict) or data.get(JSON_KEY) is None:
        raise BadInput(_FOREIGN)
    return run_from_json(data[JSON_KEY], source)


def _no_number(name: str) -> None:
    """What is no number was not available."""


def _bytes_of(path: Path) -> bytes:
    refuse_special(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def last_words(records: Iterable[Record]) -> dict[tuple[str, str], Record]:
    """The last word on each cell, in the order in which the cells were first heard of."""
    found: dict[tuple[str, str], Record] = {}
    for record in records:
        found[(record.suite, record.cell.spelling)] = record
    return found


# --- the written shapes -----------------------------------------------------------------------------
# msgspec checks every field while it reads, many times faster than Python could; what has no default must be there.


class _Versioned(msgspec.Struct, frozen=True):
    """Whatever else it says: a newer version is told before its shape is found to be strange."""

    schema: int


class _VersionedRun(_Versioned, frozen=True):
    records: tuple[_Versioned, ...] = ()


class _VersionedFile(msgspec.Struct, frozen=True):
    tradeoff: _VersionedRun | None = None


class _WrittenRecord(_Versioned, frozen=True):
    cell: str
    status: Status
    suite: str = ""
    reason: str = ""
    detail: str = ""
    measurements: dict[str, Measurement] = {}
    verdicts: tuple[str, ...] = ()
    facts: dict[str, Any] = {}
    same_as: str | None = None


class _WrittenRun(_Versioned, frozen=True):
    name: str
    started: str
    records: tuple[_WrittenRecord, ...]
    machine: dict[str, Any] = {}
    versions: dict[str, str] = {}
    options: dict[str, Any] = {}
    workers: tuple[dict[str, Any], ...] = ()


class _WrittenFile(msgspec.Struct, frozen=True):
    tradeoff: _WrittenRun


_FOREIGN: Final = (
    f"it has no {JSON_KEY!r} in it: it was not written by `pytest suites/ --benchmark-only`, "
    "or by a pytest run without the tradeoff plugin"
)
_Written = TypeVar("_Written", bound=_Versioned)


def _converted(data: Any, shape: type[_Written], what: str) -> _Written:
    try:
        return msgspec.convert(data, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        wanted = "a schema version" if shape in (_Versioned, _VersionedRun) else f"the shape of schema {SCHEMA}"
        raise BadInput(f"{what} does not have {wanted}: {error}") from error


def _run(written: _WrittenRun, source: str) -> Run:
    return Run(
        name=written.name,
        started=written.started,
        machine=written.machine,
        versions=written.versions,
        options=written.options,
        workers=written.workers,
        records=tuple(_records(written.records)),
        source=source,
    )


def _records(written: Iterable[_WrittenRecord]) -> Iterator[Record]:
    for position, item in enumerate(written, start=1):
        try:
            yield _record(item)
        except BadInput as error:
            raise BadInput(f"record {position}: {error}") from error


def _record(written: _WrittenRecord) -> Record:
    return Record(
        Axes.parse(written.cell),
        written.suite,
        written.status,
        written.reason,
        written.detail,
        written.measurements,
        written.verdicts,
        written.facts,
        written.same_as,
    )


def _check_schemas(found: _VersionedRun) -> None:
    _check_schema(found.schema)
    for schema in {record.schema for record in found.records}:
        _check_schema(schema)


def _check_schema(schema: int) -> None:
    if schema < 1:
        raise BadInput(f"the schema version is {schema}; expected a whole number from 1 to {SCHEMA}")
    if schema > SCHEMA:
        raise BadInput(
            f"it has schema version {schema}, this tradeoff reads up to {SCHEMA}; "
            "upgrade with `pip install -U tradeoff`"
        )


def _measurement_to_json(measurement: Measurement) -> dict[str, Any]:
    data: dict[str, Any] = {
        "value": _finite(measurement.value),
        "unit": measurement.unit,
        "direction": measurement.direction,
        "provenance": measurement.provenance,
    }
    if measurement.low is not None or measurement.high is not None:
        data["low"], data["high"] = _finite(measurement.low), _finite(measurement.high)
    if measurement.note:
        data["note"] = measurement.note
    return data


def _finite(value: float | None) -> float | None:
    """JSON has no NaN; a number that is none was not available."""
    return value if value is not None and math.isfinite(value) else None
