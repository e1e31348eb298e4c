"""The files of a run: whole or not there, and the same run in each of them."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest
from user_project import Project

from tradeoff.errors import TradeoffError
from tradeoff.record import read_run
from tradeoff.runs.results import _write

BROKEN_RENDERER = """
class Broken(tradeoff.Renderer):
    name = "broken"
    suffix = ".txt"
    def render(self, runs, width, colour):
        raise ValueError("out of ink")
@tradeoff.hookimpl
def tradeoff_renderers():
    return [Broken()]
"""


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "table.md"
    _write(path, "first, and longer")
    _write(path, "µ second")
    assert path.read_text(encoding="utf-8") == "µ second"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_is_told_and_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "table.md").mkdir()
    with pytest.raises(TradeoffError, match=r"table\.md cannot be written: .*the journal beside it has every finished"):
        _write(tmp_path / "table.md", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["table.md"]
    with pytest.raises(TradeoffError, match="cannot be written"):
        _write(tmp_path / "table.md" / ("x" * 300), "text")


def test_every_file_tells_of_every_planned_cell(project: Project) -> None:
    project.run("--tradeoff-loads=b1,b3", cells="dense/[bi]*/numpy")
    run = read_run(project.folder / "benchmark.json")
    cells = {record.cell.spelling: record.status for record in run.records}
    assert sorted(cells.values()) == ["measured", "measured", "skipped", "skipped"]
    rows = csv.DictReader(io.StringIO((project.folder / "table.csv").read_text(encoding="utf-8")))
    assert {row["cell"]: row["status"] for row in rows} == cells
    markdown = (project.folder / "table.md").read_text(encoding="utf-8")
    assert markdown.count("| baseline | numpy |") == 2
    assert "Not measured: 2 of 4 cells" in markdown


def test_the_terminal_shows_what_the_report_command_makes_of_the_file(project: Project) -> None:
    result = project.run()
    report = project.pytester.run(sys.executable, "-m", "tradeoff", "report", str(project.folder), "--width", "80")
    assert report.ret == 0
    row = next(line for line in report.outlines if line.startswith("baseline "))
    assert row in result.outlines


def test_a_renderer_that_breaks_costs_its_own_file_and_the_run_tells(project: Project) -> None:
    project.conftest(BROKEN_RENDERER)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["ERROR: renderer broken failed: ValueError: out of ink; benchmark.json has *"])
    assert project.records()["dense/baseline/numpy/host-cpu/b1"]["status"] == "measured"
