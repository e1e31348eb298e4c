"""The journal of a run: one line for each finished cell, on disk before the next begins."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tradeoff.errors import BadInput, TradeoffError
from tradeoff.record import Record, Run, last_words, record_from_json, record_to_json, run_from_json, run_to_json

NAME = "journal.jsonl"


@dataclass(frozen=True)
class Journal:
    """An append-only file of JSON lines: the run, then its records."""

    path: Path

    @classmethod
    def begin(cls, folder: Path, run: Run) -> Journal:
        """Start the journal of ``run``, whose records are all the planned cells."""
        journal = cls(folder / NAME)
        journal._append({"run": run_to_json(run)})
        return journal

    def write(self, record: Record) -> None:
        """Make a finished cell durable."""
        self._append({"record": record_to_json(record)})

    def _append(self, data: dict[str, Any]) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(data) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise TradeoffError(
                f"{self.path} cannot be written: {error}. What was finished before is kept; "
                "free some room or choose another place with --tradeoff-output FOLDER"
            ) from error


def read_journal(path: Path) -> Run:
    """The run as far as it went; a line that a kill or a full disk has cut short is left out."""
    lines = [data for data in map(_parsed, _lines(path)) if isinstance(data, dict)]
    if not lines or "run" not in lines[0]:
        raise BadInput(f"{path} is not the journal of a run, or was cut short in its first line")
    try:
        run = run_from_json(lines[0]["run"], source=str(path))
        finished = last_words(record_from_json(line["record"]) for line in lines[1:] if "record" in line)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return replace(run, records=tuple(finished.get((r.suite, r.cell.spelling), r) for r in run.records))


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
