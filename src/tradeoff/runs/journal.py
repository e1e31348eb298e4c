"""The journal of a run: one line for each finished cell, on disk before the next begins."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tradeoff.errors import BadInput, TradeoffError
from tradeoff.formats.plain_file import refuse_special
from tradeoff.record import JSON_KEY, Record, Run, record_from_json, record_to_json, run_from_json, run_to_json

NAME = "journal.jsonl"
#: Suite and spelling of a cell: what names a row.
Key = tuple[str, str]


@dataclass(frozen=True)
class Finished:
    """A cell that has ended.

    :param record: what became of it.
    :param benchmark: pytest-benchmark's own entry for it, samples included; ``None`` when nothing was timed.
    """

    record: Record
    benchmark: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Content:
    """What a journal holds.

    :param run: the run, with the record of each planned cell as far as it went.
    :param finished: the cells that have ended.
    :param surroundings: what pytest-benchmark says of machine and commit.
    """

    run: Run
    finished: Mapping[Key, Finished] = field(default_factory=dict)
    surroundings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Journal:
    """An append-only file of JSON lines: the run, then what has ended."""

    path: Path

    @classmethod
    def begin(cls, folder: Path, run: Run, surroundings: Mapping[str, Any] | None = None) -> Journal:
        """Start the journal of ``run``, whose records are all the planned cells."""
        journal = cls(folder / NAME)
        journal._append({"run": run_to_json(run), "surroundings": dict(surroundings or {})})
        _make_durable(folder)
        return journal

    @classmethod
    def go_on(cls, folder: Path) -> Journal:
        """Append to a journal that is there; what a kill has left of its last line is taken away."""
        journal = cls(folder / NAME)
        try:
            refuse_special(journal.path)
            with journal.path.open("r+b") as stream:
                content = stream.read()
                whole = content.rfind(b"\n") + 1
                if _parsed(content[whole:]) is None:
                    stream.truncate(whole)
                else:
                    stream.write(b"\n")
        except OSError as error:
            raise journal._unwritable(error) from error
        return journal

    def write(self, record: Record, benchmark: Mapping[str, Any] | None = None) -> None:
        """Make a finished cell durable."""
        timed = {"benchmark": dict(benchmark)} if benchmark else {}
        self._append({"record": record_to_json(record), **timed})

    def write_workers(self, workers: Sequence[Mapping[str, Any]]) -> None:
        """Keep what starting the workers cost; the last such line counts."""
        self._append({"workers": [dict(worker) for worker in workers]})

    def _append(self, data: dict[str, Any]) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(data, default=str) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> TradeoffError:
        return TradeoffError(
            f"{self.path} cannot be written: {error}. What was finished before is kept; "
            "free some room or choose another place with --tradeoff-output FOLDER"
        )


def _make_durable(folder: Path) -> None:
    """A file that is new is only there after a loss of power when its folder has been written, too."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_journal(path: Path) -> Run:
    """The run as far as it went."""
    return read_content(path).run


def read_content(path: Path) -> Content:
    """All of it; a line that a kill or a full disk has cut short is left out."""
    lines = [data for data in map(_parsed, _lines(path)) if isinstance(data, dict)]
    if not lines or "run" not in lines[0]:
        raise BadInput(f"{path} is not the journal of a run, or was cut short in its first line")
    try:
        run = run_from_json(lines[0]["run"], source=str(path))
        finished = _finished(lines[1:])
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    records = tuple(finished[key].record if (key := key_of(r)) in finished else r for r in run.records)
    whole = replace(run, records=records, workers=_workers(lines))
    return Content(whole, finished, _table(lines[0].get("surroundings")))


def _finished(lines: Sequence[Mapping[str, Any]]) -> dict[Key, Finished]:
    found = [
        Finished(record_from_json(line["record"]), _table(line.get("benchmark")) or None)
        for line in lines
        if "record" in line
    ]
    return {key_of(one.record): one for one in found}


def _workers(lines: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    told = [line["workers"] for line in lines if isinstance(line.get("workers"), list)]
    return tuple(worker for worker in told[-1] if isinstance(worker, dict)) if told else ()


def _table(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def key_of(record: Record) -> Key:
    """What names the record's row in its run."""
    return record.suite, record.cell.spelling


def benchmark_json(content: Content) -> dict[str, Any]:
    """The file that pytest-benchmark would have written, had the run come to its end."""
    data: dict[str, Any] = {
        "machine_info": {},
        "commit_info": {},
        **content.surroundings,
        "benchmarks": [dict(one.benchmark) for one in content.finished.values() if one.benchmark],
        "datetime": content.run.started,
    }
    return with_records(data, content.run)


def with_records(data: dict[str, Any], run: Run) -> dict[str, Any]:
    """Every record put into pytest-benchmark's JSON: per benchmark, and the whole run at the top."""
    data[JSON_KEY] = run_to_json(run)
    records = {record["cell"]: record for record in data[JSON_KEY]["records"]}
    for benchmark in data["benchmarks"]:
        if benchmark.get("fullname") in records:
            benchmark["extra_info"] = {**benchmark["extra_info"], JSON_KEY: records[benchmark["fullname"]]}
    return data


def _lines(path: Path) -> list[bytes]:
    try:
        refuse_special(path)
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
