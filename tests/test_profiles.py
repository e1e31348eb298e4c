"""Where a request goes, operator by operator: from the runtime into the record, and from there into tables."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

import pytest
from compared_runs import latency, record, run
from user_project import Project

import tradeoff
from tradeoff.cli import main
from tradeoff.compare.profiles import CellProfile, profiles_of
from tradeoff.errors import BadInput
from tradeoff.reports.renderers.comma import CommaSeparated
from tradeoff.reports.renderers.junit import JUnit
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal
from tradeoff.vocabulary import Operator, Profile

CONV = Operator("a/conv", "CONV_2D", 3e-6, 1200, 4096, 90_000.0)
DENSE = Operator("=dense", "FULLY_CONNECTED", 1e-6, 400)
MEASURED = Profile((CONV, DENSE), "a profiler", "measured", "each operator by itself")
SIZES = Profile((Operator("dot", "fusion", flops=1000.0),), "a compiler's estimate")


def of(profile: Profile | None, cell: str = "cnn/int8/litert/host-cpu/b1") -> Any:
    facts = {"profile": asdict(profile)} if profile else {}
    return record(latency(5e-6), cell, **facts)


def test_profiles_are_read_from_the_records_that_have_one() -> None:
    ours = run(of(MEASURED), of(None, "cnn/baseline/keras/host-cpu/b1"), of(SIZES, "cnn/fp16/jax/host-cpu/b1"))
    assert profiles_of([ours]) == [
        CellProfile("cnn/int8/litert/host-cpu/b1", "a run", MEASURED, 5e-6),
        CellProfile("cnn/fp16/jax/host-cpu/b1", "a run", SIZES, 5e-6),
    ]
    assert [one.profile for one in profiles_of([ours], "*/jax/*")] == [SIZES]


def test_a_pattern_that_matches_no_cell_is_told_with_one_that_would() -> None:
    with pytest.raises(BadInput, match=r"--cell 'dense\*' matches none of the 1 cells, such as cnn/int8/litert"):
        profiles_of([run(of(MEASURED))], "dense*")


@pytest.mark.parametrize("broken", [{"operators": 3, "source": ""}, {"operators": [{"kind": "x"}], "source": "y"}, "z"])
def test_a_profile_that_is_none_is_told_with_its_cell(broken: object) -> None:
    with pytest.raises(BadInput, match="the profile of cnn/int8/litert/host-cpu/b1 cannot be read"):
        profiles_of([run(record(latency(1e-6), profile=broken))])


@pytest.mark.parametrize("renderer", [Terminal(), Markdown()], ids=lambda renderer: renderer.name)
def test_a_table_has_each_operator_with_its_share_and_what_they_are_together(renderer: tradeoff.Renderer) -> None:
    text = renderer.render_profiles(profiles_of([run(of(MEASURED))]), 160, False).replace("\\", "")
    for told in ("CONV_2D", "3.00 µs", "75.0 %", "25.0 %", "1.20 kB", "90.0 k", "4.10 kB", "a/conv"):
        assert told in text
    assert "told by a profiler; all operators 4.00 µs, measured; a whole request took 5.00 µs" in text
    assert "all weights 1.60 kB" in text
    assert "each operator by itself" in text


def test_a_column_of_which_the_runtime_tells_nothing_is_left_out() -> None:
    text = Terminal().render_profiles(profiles_of([run(of(SIZES))]), 160, False)
    assert "FLOP" in text
    assert "time" not in text
    assert "weights" not in text


def test_seconds_that_were_not_measured_carry_a_mark() -> None:
    modelled = Profile((CONV,), "a model of the device", "modelled")
    text = Terminal().render_profiles(profiles_of([run(of(modelled))]), 160, False)
    assert "~3.00 µs" in text


def test_as_csv_it_has_a_line_for_each_operator_and_no_formula() -> None:
    text = CommaSeparated().render_profiles(profiles_of([run(of(MEASURED))]), 0, False)
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["operator"], float(first["seconds"]), first["seconds_provenance"]) == ("CONV_2D", 3e-6, "measured")
    assert (second["name"], second["output_bytes"]) == ("'=dense", "")


def test_a_format_without_profiles_says_so() -> None:
    with pytest.raises(BadInput, match="'junit' does not show profiles"):
        JUnit().render_profiles([], 80, False)


PROFILING = """
def profile(self, job, batch):
    import os
    return tradeoff.Profile((tradeoff.Operator("net", "matmul", 1e-6, flops=float(len(batch))),), "NumPy", "measured")
NumpyBackend.profile = profile
NumpyBackend.version = "with a profile"
"""
FAILING = """
def profile(self, job, batch):
    raise tradeoff.Refused("not implemented here", "this version cannot")
NumpyBackend.profile = profile
NumpyBackend.version = "that fails at it"
"""


@pytest.mark.frameworks
def test_what_a_backend_tells_is_in_the_record_and_on_the_command_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.conftest(PROFILING)
    project.run().assert_outcomes(passed=1)
    found = project.records()["dense/baseline/numpy/host-cpu/b1"]["facts"]["profile"]
    assert found["operators"][0]["flops"] == 1.0
    assert main(["profile", str(project.folder), "--cell", "dense/*"]) == 0
    assert "matmul" in capsys.readouterr().out


@pytest.mark.frameworks
def test_a_runtime_that_cannot_be_profiled_has_been_measured_all_the_same(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.conftest(FAILING)
    project.run().assert_outcomes(passed=1)
    found = project.records()["dense/baseline/numpy/host-cpu/b1"]
    assert found["status"] == "measured"
    assert "this version cannot" in found["facts"]["profile"]["note"]
    project.conftest()
    project.run().assert_outcomes(passed=1)
    assert main(["profile", str(project.folder)]) == 2
    assert "none of these cells has a profile" in capsys.readouterr().err
