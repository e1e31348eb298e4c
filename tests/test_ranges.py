"""Learnt ranges lie beside the variant's model, and whoever drops them or does not take them says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from user_project import Project

import tradeoff
from tradeoff.ranges import DROPPED, RANGES_FILE, read_ranges, told_of_ranges, write_ranges

#: A technique that learns ranges, one that does not, and backends that take them, each in its own way.
LEARNING = """
class Taking(NumpyBackend):
    name = "taking"
    capabilities = tradeoff.Capabilities(precisions=("float32", "fine"), ranges=("fine",))
    def convert(self, job):
        if job.ranges is not None and job.ranges != {"(input)": (0.0, 1.0), "dense": (-1.0, 2.0)}:
            raise tradeoff.Refused("not supported by format", f"ranges are {job.ranges}")
        return super().convert(job)
class Calibrating(NumpyBackend):
    name = "calibrating"
    capabilities = tradeoff.Capabilities(precisions=("float32", "fine"))
    def convert(self, job):
        if job.ranges is not None:
            raise tradeoff.Refused("not supported by format", "ranges came unasked")
        return super().convert(job)
@tradeoff.hookimpl(specname="tradeoff_backends")
def more():
    return [Taking(), Calibrating()]
def learns(job):
    return tradeoff.Rewritten(job.model, ranges={tradeoff.INPUT: (0.0, 1.0), "dense": (-1.0, 2.0)})
@tradeoff.hookimpl
def tradeoff_techniques():
    return [tradeoff.Technique("fine", stage="precision"),
            tradeoff.Technique("changes", stage="model", apply=lambda job: job.model),
            tradeoff.Technique("learns", stage="model", apply=learns, implies="fine")]
"""
LEARNT = {tradeoff.INPUT: (0.0, 1.0), "conv": (-1.5, 2.25)}


def test_what_is_written_is_read_in_the_same_order(tmp_path: Path) -> None:
    write_ranges(LEARNT, tmp_path)
    found = read_ranges(tmp_path)
    assert found == LEARNT
    assert list(found or {}) == list(LEARNT)


def test_where_nothing_was_learnt_there_is_no_file(tmp_path: Path) -> None:
    write_ranges({}, tmp_path)
    assert not (tmp_path / RANGES_FILE).exists()
    assert read_ranges(tmp_path) is None


@pytest.mark.parametrize("edges", [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("inf")), (float("-inf"), 0.0)])
def test_what_is_no_range_is_not_written(tmp_path: Path, edges: tuple[float, float]) -> None:
    with pytest.raises(tradeoff.TradeoffError, match="the learnt range of conv is"):
        write_ranges({"conv": edges}, tmp_path)
    assert not (tmp_path / RANGES_FILE).exists()


def test_the_record_says_whether_a_backend_took_them() -> None:
    assert told_of_ranges("litert", "int8", LEARNT, LEARNT) == "litert takes the ranges that were learnt"
    assert told_of_ranges("litert", "int16x8", LEARNT, None).startswith("litert does not take learnt ranges in int16x8")
    assert told_of_ranges("litert", "int8", None, None) == ""


@pytest.mark.frameworks
def test_ranges_reach_the_backend_that_takes_them_and_the_record_says_what_became_of_them(project: Project) -> None:
    project.conftest(LEARNING)
    chains = "baseline,fine,learns,learns+changes"
    cells = "dense/*/taking,dense/*/calibrating"
    project.run(f"--tradeoff-techniques={chains}", "--tradeoff-backends=taking,calibrating", cells=cells)
    found = {tuple(name.split("/")[1:3]): record for name, record in project.records().items()}
    assert {record["status"] for record in found.values()} == {"measured"}
    facts = {place: record["facts"] for place, record in found.items()}
    assert facts["learns", "taking"]["ranges"] == "taking takes the ranges that were learnt"
    assert facts["learns", "taking"]["precision"] == "fine"
    assert "does not take learnt ranges in fine" in facts["learns", "calibrating"]["ranges"]
    assert facts["learns+changes", "calibrating"]["verified"][1]["notes"] == [DROPPED]
    assert "ranges" not in facts["learns+changes", "calibrating"]
    assert "ranges" not in facts["fine", "taking"]
