"""Runs the chains with pytest, one run for each seed; what a run has finished is not done again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tradeoff.compare.reading import read_saved_run, run_file
from tradeoff.errors import BadInput, TradeoffError
from tradeoff.record import Record, Run
from tradeoff.runs.journal import NAME as JOURNAL_NAME
from tradeoff.runs.results import JSON_NAME


def tried(folder: Path, seeds: Iterable[int], cells: Sequence[str], arguments: Sequence[str]) -> dict[int, Run]:
    """The run of each seed, finished.

    :param folder: has one folder for each seed.
    :param arguments: further ones for pytest.
    """
    found = {}
    for seed in seeds:
        place = folder / f"seed-{seed}"
        run = _finished(place, cells)
        if run is None:
            print(f"seed {seed}: {len(cells)} chains, into {place}", flush=True)
            _run(_command(place, seed, cells, arguments))
            run = _finished(place, cells)
        if run is None:
            raise TradeoffError(f"{place} has no finished run of all chains; what is above says why")
        found[seed] = run
    return found


def _command(place: Path, seed: int, cells: Sequence[str], arguments: Sequence[str]) -> list[str]:
    begun = (place / JOURNAL_NAME).exists()
    return [
        *(sys.executable, "-m", "pytest", "--pyargs", "tradeoff.suites", "-q"),
        # Quality and sizes do not need times, which take most of a run.
        "--benchmark-disable",
        f"--tradeoff-cells={','.join(cells)}",
        f"--tradeoff-seed={seed}",
        f"--tradeoff-output={place}",
        *(["--tradeoff-resume"] if begun else []),
        *arguments,
    ]


def _run(command: Sequence[str]) -> None:
    with subprocess.Popen(command) as child:
        while True:
            try:
                status = child.wait()
                break
            except KeyboardInterrupt:
                # It has had the same signal, and writes down what it has.
                continue
    if status == 2:
        raise KeyboardInterrupt
    # 1 is told of cell by cell; all else pytest has said.
    if status not in (0, 1):
        raise TradeoffError(f"pytest ended with status {status}; what is above says why")


def _finished(place: Path, cells: Sequence[str]) -> Run | None:
    """The run in that folder, if it has all of the cells and was not interrupted."""
    if not (place / JSON_NAME).exists():
        return None
    run = read_saved_run(run_file(place))
    open_ends = [record for record in run.records if record.status in ("not run", "interrupted")]
    return run if not open_ends and len(run.records) == len(cells) else None


def record_of(run: Run, chain: str) -> Record:
    """What the run has of a chain; a chain that was not measured ends it all, with the reason."""
    record = next((record for record in run.records if record.cell.chain == chain), None)
    if record is None:
        raise BadInput(f"{run.source or run.name} has no chain {chain}; name another folder with --output")
    if record.status != "measured":
        raise BadInput(f"{record.cell.spelling} was {record.status}: {record.reason}")
    return record
