"""A device that is not here: its numbers come from its model, and none of them from this machine."""

from __future__ import annotations

from typing import Any

import pytest
from user_project import Project

from tradeoff.virtual_clock import error_of, joined, measurements_of, without_seconds
from tradeoff.vocabulary import Device, Estimated, Figure, Operator

DEVICES = """
def toy(workload):
    (told,) = workload.told.figures
    seconds = 0.25 * workload.samples
    return tradeoff.Estimated(
        figures=(
            tradeoff.Figure("latency", seconds, "s", error=0.09, note=f"of {workload.artifact.name}"),
            tradeoff.Figure("energy", 0.5, "J", note="2 W"),
            tradeoff.Figure("ram_bytes", told.value + 24, "B", provenance="simulated"),
        ),
        operators=(tradeoff.Operator("the whole", "NET", seconds=seconds),),
        source="a toy's data sheet",
        verdicts=("needs 24 B more RAM",),
    )


class Telling(NumpyBackend):
    def estimate(self, job, samples):
        return tradeoff.Estimated((tradeoff.Figure("ram_bytes", 1000, "B", provenance="simulated"),))


@tradeoff.hookimpl
def tradeoff_backends():
    return [Telling()]


@tradeoff.hookimpl
def tradeoff_devices():
    return [
        tradeoff.Device("toy", "modelled", "a toy", backends=("numpy",), model=toy),
        tradeoff.Device("mute", "simulated", "nothing is known of it", backends=("numpy",)),
    ]
"""
HERE = {"load_seconds", "first_seconds", "peak_bytes", "process_bytes", "python_bytes", "native_bytes"}


@pytest.fixture
def toys(project: Project) -> Project:
    project.conftest(DEVICES)
    return project


def test_its_cell_has_what_the_model_tells_and_nothing_of_this_machine(toys: Project) -> None:
    result = toys.run("--benchmark-json=all.json", cells="dense/baseline/numpy/toy/b2")
    result.assert_outcomes(passed=1)
    record = toys.records()["dense/baseline/numpy/toy/b2"]
    told: dict[str, Any] = record["measurements"]
    assert (told["latency"]["value"], told["latency"]["provenance"]) == (0.5, "modelled")
    assert told["latency"]["note"] == f"mean error 9 %; of {name_of(toys)}"
    assert "low" not in told["latency"]
    assert (told["energy"]["value"], told["ram_bytes"]["value"]) == (0.5, 1024)
    assert told["accuracy"]["provenance"] == "measured"
    assert {name for name in HERE if told[name]["provenance"] != "unavailable"} == set()
    assert "which says nothing of toy" in told["peak_bytes"]["note"]
    assert record["verdicts"] == ["needs 24 B more RAM"]
    assert record["facts"]["estimate"] == {"source": "a toy's data sheet", "fits": None, "error": 0.09}
    profile = record["facts"]["profile"]
    assert (profile["seconds"], profile["operators"][0]["seconds"]) == ("modelled", 0.5)


def name_of(project: Project) -> str:
    (record,) = project.records().values()
    note: str = record["measurements"]["latency"]["note"]
    return note.rpartition(" ")[2]


def test_it_ranks_among_none_that_were_timed(toys: Project) -> None:
    result = toys.run(cells="dense/baseline/numpy/toy,dense/baseline/numpy/host-cpu")
    result.assert_outcomes(passed=2)
    groups = {entry["fullname"]: entry["group"] for entry in toys.json()["benchmarks"]}
    assert groups == {
        "dense/baseline/numpy/toy/b1": "dense on toy, b1: modelled, mean error 9 %",
        "dense/baseline/numpy/host-cpu/b1": "dense on host-cpu, b1",
    }
    (entry,) = (entry for entry in toys.json()["benchmarks"] if "/toy/" in entry["fullname"])
    assert (entry["stats"]["median"], entry["stats"]["rounds"]) == (0.25, 1)
    result.stdout.fnmatch_lines(["dense · toy · b1", "*~*250 ms*"])


def test_a_run_that_goes_on_keeps_the_heading(toys: Project) -> None:
    toys.run("--tradeoff-output=run", cells="dense/baseline/numpy/toy")
    toys.run(
        "--tradeoff-output=run", "--tradeoff-resume", "--benchmark-json=all.json", cells="dense/baseline/numpy/toy"
    )
    text = (toys.pytester.path / "all.json").read_text(encoding="utf-8")
    assert '"group": "dense on toy, b1: modelled, mean error 9 %"' in text


def test_without_a_model_there_is_no_latency_and_it_is_said_why(toys: Project) -> None:
    result = toys.run(cells="dense/baseline/numpy/mute")
    result.assert_outcomes(passed=1)
    told = toys.records()["dense/baseline/numpy/mute/b1"]["measurements"]
    assert told["latency"]["value"] is None
    assert "mute has no model that tells it" in told["latency"]["note"]
    assert (told["ram_bytes"]["value"], told["ram_bytes"]["provenance"]) == (1000, "simulated")


def test_a_scenario_is_skipped_for_want_of_a_clock(toys: Project) -> None:
    result = toys.run("-rs", cells="dense/baseline/numpy/toy/server:20")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*toy is not here, and server:20* needs a clock that runs*"])


def test_a_backend_that_neither_names_a_device_nor_is_named_by_it_is_skipped(toys: Project) -> None:
    result = toys.run("-rs", cells="dense/baseline/tfjs/toy")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no such device: tfjs runs on host-cpu, not on toy*"])


def test_what_the_device_tells_counts_unless_it_tells_nothing() -> None:
    told = Estimated((Figure("flash_bytes", None, "B", note="no profile"), Figure("arena_bytes", 10, "B")))
    more = Estimated((Figure("flash_bytes", 70, "B"), Figure("arena_bytes", None, "B")), verdicts=("fits",))
    found = joined(told, more)
    assert {figure.name: figure.value for figure in found.figures} == {"flash_bytes": 70, "arena_bytes": 10}
    assert found.verdicts == ("fits",)


def test_a_model_that_nobody_checked_says_so() -> None:
    latency = Figure("latency", 0.01, "s")
    assert error_of(latency) == "unvalidated"
    found = measurements_of([latency], Device("toy", "modelled"))
    assert found["latency"].note == "unvalidated"
    assert (found["latency"].low, found["latency"].high) == (None, None)


def test_times_of_this_machine_are_taken_out_of_a_profile() -> None:
    operator = {"name": "a", "kind": "CONV_2D", "seconds": 0.1, "output_bytes": 4}
    here = {"operators": [operator], "source": "a profiler", "seconds": "measured", "note": "warm"}
    found = without_seconds(here, Device("toy", "modelled"))
    assert found["operators"] == [{**operator, "seconds": None}]
    assert (found["seconds"], found["note"]) == ("unavailable", "seconds on this machine say nothing of toy")
    assert Operator(**found["operators"][0]).output_bytes == 4
