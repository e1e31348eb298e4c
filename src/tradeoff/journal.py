"""The journal of a run: one line for each finished cell, on disk before the next begins."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradeoff.errors import TradeoffError
from tradeoff.record import Record, Run, record_from_json, record_to_json, run_from_json, run_to_json

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
    """The run as far as it went; a last line that was cut short is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    whole = [json.loads(line) for line in lines[:-1]]
    run = run_from_json(whole[0]["run"], source=str(path))
    finished = {(r.suite, r.cell.spelling): r for r in (record_from_json(line["record"]) for line in whole[1:])}
    records = tuple(finished.get((r.suite, r.cell.spelling), r) for r in run.records)
    return Run(
        name=run.name,
        started=run.started,
        machine=run.machine,
        versions=run.versions,
        options=run.options,
        workers=run.workers,
        records=records,
        source=run.source,
    )
