"""Several runs on one store: each thing is made once, and nobody gets half of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from user_project import QUICK, SUITE, Project

#: Notes each conversion, and takes long enough for the other run to come upon it.
NOTING = """
import os, pathlib, time
class Noting(NumpyBackend):
    version = "noting"
    capabilities = tradeoff.Capabilities(precisions=("float32", "fp16", "int8"))
    def conversion_environment(self, parameters):
        return self.environment(parameters, "host-cpu")
    def convert(self, job):
        with open(pathlib.Path(__file__).parent / "conversions", "a") as stream:
            stream.write(job.precision + "\\n")
        time.sleep(0.5)
        path = job.folder / "weights.npz"
        np.savez(path, np.zeros((64, 10)), np.arange(10) * len(job.precision))
        return path
@tradeoff.hookimpl
def tradeoff_backends():
    return [Noting()]
"""
CELLS = "--tradeoff-cells=dense/*/numpy"
CHAINS = "--tradeoff-techniques=baseline,fp16,int8"


@pytest.fixture
def shared(project: Project, warm_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of one's own with the trained model in it, and a backend that notes what it is asked for."""
    store = project.pytester.path / "store"
    shutil.copytree(warm_store, store)
    monkeypatch.setenv("TRADEOFF_STORE", str(store))
    project.conftest(NOTING)
    return store


def start(project: Project, name: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", *SUITE, *QUICK, CELLS, CHAINS, f"--tradeoff-output={name}", *arguments]
    return subprocess.Popen(
        command,
        cwd=project.pytester.path,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def side_by_side(project: Project, count: int, *arguments: str) -> list[str]:
    """What so many runs print that are started together."""
    runs = [start(project, f"run-{number}", *arguments) for number in range(count)]
    outputs = [run.communicate(timeout=300)[0] for run in runs]
    for run, output in zip(runs, outputs, strict=True):
        assert run.returncode == 0, output
    return outputs


def conversions(project: Project) -> Counter[str]:
    return Counter((project.pytester.path / "conversions").read_text().split())


def made(project: Project, name: str) -> dict[str, Any]:
    """By cell: what it was measured on, and all that is not a latency of this very run."""
    data = json.loads((project.pytester.path / name / "benchmark.json").read_text(encoding="utf-8"))
    names = ("accuracy", "loss", "top1_agreement", "artifact_bytes", "conversion_seconds", "build_seconds")
    return {
        record["cell"]: [record["facts"]["artifact"], *(record["measurements"][name]["value"] for name in names)]
        for record in data["tradeoff"]["records"]
    }


def check(project: Project, store: Path, count: int) -> None:
    """Each run measured all cells on the same artifacts, and the store is whole and tidy."""
    found = [made(project, f"run-{number}") for number in range(count)]
    assert len(found[0]) == 3
    for other in found[1:]:
        assert other == found[0]
    verified = project.pytester.run(sys.executable, "-m", "tradeoff", "store", "verify")
    assert verified.ret == 0
    verified.stdout.fnmatch_lines(["*, 0 with problems"])
    assert list((store / "temporary").iterdir()) == []


def test_two_runs_at_once_make_each_thing_once_and_one_waits_for_the_other(project: Project, shared: Path) -> None:
    outputs = side_by_side(project, 2)
    assert conversions(project) == {"float32": 1, "fp16": 1, "int8": 1}
    assert any("waiting for process" in output for output in outputs)
    check(project, shared, 2)


@pytest.mark.deep
def test_eight_runs_at_once_make_each_thing_once(project: Project, shared: Path) -> None:
    side_by_side(project, 8)
    assert conversions(project) == {"float32": 1, "fp16": 1, "int8": 1}
    check(project, shared, 8)


@pytest.mark.deep
def test_four_runs_that_rebuild_at_once_end_with_a_whole_store(project: Project, shared: Path) -> None:
    side_by_side(project, 4, "--tradeoff-rebuild", "--tradeoff-in-process", "--tradeoff-seed=0")
    assert set(conversions(project)) == {"float32", "fp16", "int8"}
    verified = project.pytester.run(sys.executable, "-m", "tradeoff", "store", "verify")
    assert verified.ret == 0


@pytest.mark.deep
@pytest.mark.skipif(sys.platform != "linux", reason="kills processes, and looks that their workers are gone")
def test_runs_that_are_killed_at_any_moment_leave_nothing_that_the_next_one_trips_over(
    project: Project, shared: Path
) -> None:
    for number in range(12):
        run = start(project, f"killed-{number}", "--tradeoff-rebuild" if number % 3 == 2 else "-v")
        try:
            run.communicate(timeout=0.9 + 0.35 * number)
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate(timeout=30)
    side_by_side(project, 2)
    check(project, shared, 2)
