"""A format that nothing here runs has a cell all the same: with its size, and with a word on what is missing."""

from __future__ import annotations

import csv
import sys
from typing import Any

import pytest
from user_project import Project

PAPER = """
class Paper(tradeoff.Backend):
    name = "paper"
    capabilities = tradeoff.Capabilities(precisions=("float32", "fp16"), runs=False)

    def convert(self, job):
        path = job.folder / "weights.txt"
        count = job.load_model().count_params() // (2 if job.precision == "fp16" else 1)
        path.write_bytes(b"w" * count)
        return path


@tradeoff.hookimpl
def tradeoff_backends():
    return [NumpyBackend(), Paper()]
"""
CELLS = "dense/baseline/numpy,dense/*/paper"
TECHNIQUES = "--tradeoff-techniques=baseline,fp16"


@pytest.fixture
def paper(project: Project) -> Project:
    project.conftest(PAPER)
    return project


def lines(project: Project) -> dict[str, dict[str, str]]:
    with (project.folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return {line["cell"]: line for line in csv.DictReader(file)}


def test_beside_cells_that_are_timed_it_passes_and_every_report_shows_it(paper: Project) -> None:
    result = paper.run("-Werror", TECHNIQUES, cells=CELLS)
    result.assert_outcomes(passed=3)
    why = "no latency: paper only has a size: nothing here runs it"
    result.stdout.fnmatch_lines(["*dense/fp16/paper/host-cpu/b1  25.3 kB", f"*{why}"])
    found = lines(paper)["dense/fp16/paper/host-cpu/b1"]
    assert (found["status"], found["artifact_bytes"], found["latency_s"]) == ("measured", "25305", "")
    assert (found["latency_provenance"], found["size_ratio"]) == ("unavailable", "2.0")
    text = (paper.folder / "table.md").read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith("| fp16 | paper"))
    assert "25.3 kB" in row
    assert "—" in row
    # What the timed cells have in common still stands below the table.
    assert "latency measured; 1 thread; accuracy floor 95.00 %" in text
    assert why in text
    measured: dict[str, Any] = paper.records()["dense/fp16/paper/host-cpu/b1"]["measurements"]
    assert (measured["latency"]["value"], measured["latency"]["provenance"]) == (None, "unavailable")
    assert not {"accuracy", "peak_bytes", "energy"} & set(measured)


def test_a_run_with_it_goes_on_where_it_stopped(paper: Project) -> None:
    arguments = (TECHNIQUES, f"--tradeoff-output={paper.pytester.path / 'run'}")
    paper.run(*arguments, cells=CELLS).assert_outcomes(passed=3)
    again = paper.run("-Werror", *arguments, "--tradeoff-resume", cells=CELLS)
    again.assert_outcomes(passed=3)
    assert "25.3 kB" in again.stdout.str()


def test_two_runs_of_it_alone_are_compared_by_their_sizes(paper: Project) -> None:
    for name in ("old", "new"):
        result = paper.run(TECHNIQUES, f"--tradeoff-output={paper.pytester.path / name}", cells="dense/*/paper")
        result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["technique  backend *size  smaller*", "*latency unavailable"])
    assert "no baseline was measured" not in result.stdout.str()
    compared = paper.pytester.run(sys.executable, "-m", "tradeoff", "compare", "old", "new", "--fail=size:1%")
    assert compared.ret == 0
