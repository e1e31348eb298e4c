"""``tradeoff order`` as a person runs it: chains, runs that go on, and mistakes in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from user_project import Project

from tradeoff.cli import main

#: Two techniques of which the order matters: what is rounded to whole numbers first has nothing left to be doubled.
TECHNIQUES = """
import numpy as np
def changing(name, change):
    def apply(job):
        for layer in job.model.layers:
            layer.set_weights([change(weight) for weight in layer.get_weights()])
        return job.model
    return tradeoff.Technique(name, "model", apply=apply)
@tradeoff.hookimpl
def tradeoff_techniques():
    return [changing("round", np.round), changing("double", lambda weight: 2 * weight)]
"""


def order(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tradeoff", "order", "--model=dense", "--backend=numpy", "--output=tried"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.frameworks
def test_chains_are_run_once_and_told_again_from_what_they_left(project: Project) -> None:
    project.conftest(TECHNIQUES)
    folder = project.pytester.path
    asked = ("--techniques=round,double", "--seeds=1")
    done = order(folder, *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.partition("dense: 5 chains")[2].splitlines()
    assert {line.split("  ")[0] for line in told[3:8]} == {
        "none of them", "round", "double", "round, then double", "double, then round"
    }  # fmt: skip
    again = order(folder, *asked)
    assert "seed 0: 5 chains" in done.stdout
    assert "seed 0: 5 chains" not in again.stdout
    assert again.stdout.partition("dense: 5")[2] == done.stdout.partition("dense: 5")[2]


def test_the_chains_are_told_without_running_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["order", "--techniques=prune,cluster", "--model=cnn", "--dry-run", "--seeds=1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "5 chains, each with 12 epochs of training in all, for 1 seed:",
        "  cnn/baseline/litert",
        "  cnn/prune:epochs=12/litert",
        "  cnn/cluster:epochs=12/litert",
        "  cnn/prune+cluster/litert",
        "  cnn/cluster+prune/litert",
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model=cnm"], "unknown model 'cnm'; did you mean 'cnn'?"),
        (["--model=cnn", "--seeds=0"], "--seeds 0 is out of range; it is a number from 1 to 100"),
        (["--model=cnn", "--epochs=1"], "--epochs 1 are too few for 2 techniques"),
        (["--model=cnn", "--conftest=conftest.py"], "change to there"),
    ],
)
def test_a_mistake_is_one_message(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conftest.py").write_text("")
    assert main(["order", "--techniques=prune,cluster", *arguments]) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "conftest.py"]
