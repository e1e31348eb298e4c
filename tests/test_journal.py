"""A finished cell is on the disk, and what a kill leaves of the file can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeoff.errors import BadInput, TradeoffError
from tradeoff.record import Axes, Measurement, Record, Run
from tradeoff.runs.journal import NAME, Journal, read_journal

CELLS = tuple(Axes.parse(f"dense/{chain}/litert/host-cpu/b1") for chain in ("baseline", "fp16", "int8"))
RUN = Run("a run", "2026-01-01T00:00:00+00:00", {"node": "here"}, records=tuple(Record(cell) for cell in CELLS))
FINISHED = (
    Record(CELLS[0], status="measured", measurements={"latency": Measurement(1e-5, "s", "lower", low=9e-6, high=2e-5)}),
    Record(CELLS[1], status="crashed", reason="died", detail="line\nline"),
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    journal = Journal.begin(tmp_path, RUN)
    for record in FINISHED:
        journal.write(record)
    return tmp_path / NAME


def test_every_planned_cell_is_read_back_whatever_became_of_it(written: Path) -> None:
    run = read_journal(written)
    assert run.records == (*FINISHED, RUN.records[2])
    assert (run.name, run.started, run.machine, run.source) == (RUN.name, RUN.started, RUN.machine, str(written))


def test_the_last_word_on_a_cell_counts(written: Path) -> None:
    again = Record(CELLS[1], status="measured")
    Journal(written).write(again)
    assert read_journal(written).records == (FINISHED[0], again, RUN.records[2])


def test_wherever_it_is_cut_the_whole_lines_are_read(written: Path) -> None:
    content = written.read_bytes()
    first, second, third = (line + b"\n" for line in content.splitlines())
    for length in range(len(first), len(content) + 1):
        written.write_bytes(content[:length])
        # A line is whole when all but its end of line is there.
        whole = (length >= len(first + second) - 1) + (length >= len(first + second + third) - 1)
        assert read_journal(written).records == (*FINISHED[:whole], *RUN.records[whole:])


def test_a_line_that_a_full_disk_cut_costs_that_cell_alone(written: Path) -> None:
    first, second, third = written.read_bytes().splitlines()
    written.write_bytes(b"\n".join((first, second[:40], third, b"")))
    assert read_journal(written).records == (RUN.records[0], FINISHED[1], RUN.records[2])


@pytest.mark.parametrize("content", [b"", b"{}", b"[]\n", b"\xff\xfe", b'{"run": ', b'{"record": {}}\n'])
def test_what_is_not_a_journal_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"journal\.jsonl is not the journal of a run"):
        read_journal(path)


@pytest.mark.parametrize("line", [b'{"run": {"schema": 99}}', b'{"run": {"schema": 1}}', b'{"run": 3}'])
def test_a_run_of_another_shape_or_of_the_future_is_refused_by_name(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(line)
    with pytest.raises(BadInput, match=r"journal\.jsonl: .*(schema|object)"):
        read_journal(path)


def test_a_missing_journal_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        read_journal(tmp_path / NAME)


def test_a_journal_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TradeoffError, match="--tradeoff-output"):
        Journal.begin(tmp_path / "missing", RUN)
