"""``tradeoff search`` as a person runs it: what may be tried, a search that goes on, and mistakes in one line."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from user_project import Project, heeding_interrupts

from tradeoff.cli import main

#: Looked for and not imported: what is imported in one of these tests is gone after it, and NumPy comes only once.
WITH_OPTUNA = pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="optuna is not installed")
#: A technique with a value, which trains for as long as it is told, and a precision that halves what is stored.
TECHNIQUES = """
import time
import numpy as np
def thin(job):
    time.sleep(0.2 * job.values["epochs"])
    for layer in job.model.layers:
        layer.set_weights([weight * (1 - 0.3 * job.values["share"]) for weight in layer.get_weights()])
    return job.model
def clip(job):
    for layer in job.model.layers:
        layer.set_weights([np.round(weight, 1) for weight in layer.get_weights()])
    return job.model
def never(job):
    raise tradeoff.Refused("not implemented here", "there is nothing that never could do")
@tradeoff.hookimpl
def tradeoff_techniques():
    share = tradeoff.Parameter("share", float, 0.5, 0, 1, positional=True)
    epochs = tradeoff.Parameter("epochs", int, 1, 0, 100)
    return [
        tradeoff.Technique("thin", "model", apply=thin, parameters=(share, epochs)),
        tradeoff.Technique("clip", "model", apply=clip),
        tradeoff.Technique("never", "model", apply=never),
    ]
"""
ASKED = ("--model=dense", "--backends=numpy", "--techniques=thin,clip", "--in-process", "--width=100")


def search(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tradeoff", "search", *ASKED]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def trials(told: str) -> list[str]:
    """The lines of the table of trials, without what is padding."""
    lines = told.partition("trial  chain")[2].partition("\n\n")[0].splitlines()[1:]
    return [re.sub(r" +", " ", line) for line in lines]


@WITH_OPTUNA
@pytest.mark.frameworks
def test_a_search_ends_in_tables_and_a_choice_and_is_told_again_from_what_it_left(project: Project) -> None:
    project.conftest(TECHNIQUES)
    folder = project.pytester.path
    asked = ("--techniques=thin,clip,never", "--trials=5", "--max-size=500kB", "--output=found")
    done = search(folder, *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = trials(done.stdout)
    assert len(lines) == 5
    assert lines[0].startswith("1 baseline 0.9")
    assert not any("never" in line for line in lines)
    assert "never was left out: not implemented here: there is nothing that never could do" in done.stdout
    assert "dense/baseline/numpy" in done.stdout
    assert "Recommendation" in done.stdout
    assert "on the test split, 360 samples that had no part in this" in done.stdout
    again = search(folder, *asked)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "[1/5]" in done.stdout
    assert "[1/5]" not in again.stdout
    assert trials(again.stdout) == lines
    other = search(folder, *asked, "--objective=size")
    assert "holds another search" in other.stderr
    run = json.loads((folder / "found" / "benchmark.json").read_text(encoding="utf-8"))["tradeoff"]
    assert {record["status"] for record in run["records"]} == {"measured"}
    assert len(run["options"]["search"]["trials"]) == 5
    for command in (["report", "found"], ["recommend", "found", "--objective=size"]):
        read = subprocess.run(
            [sys.executable, "-m", "tradeoff", *command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert read.returncode == 0, read.stderr
        assert "baseline" in read.stdout


@WITH_OPTUNA
@pytest.mark.frameworks
def test_where_nothing_fits_the_nearest_miss_is_told_and_nothing_is_trained_in_vain(project: Project) -> None:
    project.conftest(TECHNIQUES)
    done = search(project.pytester.path, "--trials=4", "--max-size=10kB")
    assert done.returncode == 1, done.stdout + done.stderr
    lines = trials(done.stdout)
    assert lines[0].startswith("1 baseline 0.9")
    for line in lines[1:]:
        assert re.search(r"not (trained|judged): size .* above max-size", line), line
        assert ("not trained" in line) == ("thin" in line)
    assert "nearest miss" in done.stdout
    assert "of those that ended early the nearest is" in done.stdout


@WITH_OPTUNA
def test_a_budget_that_is_used_up_begins_no_trial(project: Project) -> None:
    project.conftest(TECHNIQUES)
    done = search(project.pytester.path, "--trials=4", "--time-budget=1ns")
    assert done.returncode == 1
    assert "Stopped after 0 of 4: the time is used up. The same command goes on." in done.stdout
    assert "Nothing was judged, so there is nothing to recommend." in done.stdout


@WITH_OPTUNA
@pytest.mark.frameworks
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is a signal")
def test_ctrl_c_ends_with_what_is_known_and_the_same_command_goes_on(project: Project) -> None:
    project.conftest(TECHNIQUES.replace("0.2 *", "60 *"))
    folder = project.pytester.path
    command = [sys.executable, "-m", "tradeoff", "search", *ASKED, "--trials=9", "--objective=accuracy"]
    with (folder / "told").open("w", encoding="utf-8") as told:
        child = subprocess.Popen(heeding_interrupts(command), cwd=folder, stdout=told, stderr=subprocess.STDOUT)
        try:
            _wait_for_a_long_trial(folder)
            child.send_signal(signal.SIGINT)
            assert child.wait(60) == 130
        finally:
            child.kill()
            child.wait()
    text = (folder / "told").read_text(encoding="utf-8")
    assert "it was stopped. The same command goes on." in text
    assert "Recommendation" in text
    assert "Traceback" not in text


def _wait_for_a_long_trial(folder: Path) -> None:
    """Until the first technique that takes a minute has begun."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = list((folder / ".tradeoff" / "searches").glob("*/optuna.log"))
        if found and '"chain":"thin' in found[0].read_text(encoding="utf-8"):
            time.sleep(1)
            return
        time.sleep(0.2)
    pytest.fail("no long trial was begun")


def test_what_may_be_tried_is_told_without_building_anything(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model=cnn", "--techniques=prune:0.5..0.9/5,cluster,int8", "--max-size=60kB", "--trials=7"]
    assert main(["search", "--dry-run", *arguments]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "cnn on host-cpu: 7 trials, objective accuracy>size",
        "  limit max-size 60kB",
        "  in a chain, in this order: prune to prune:0.9 (5 values), cluster:2 to cluster:256 (8 values)",
        "  litert: float32, int8",
        "  tried first: baseline/litert, int8/litert",
    ]


def test_on_a_device_that_is_not_here_what_stands_for_it_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--dry-run", "--model=cnn", "--device=rp2040@tflm"]) == 0
    told = capsys.readouterr().out
    assert "objective accuracy>latency" in told
    assert "  mcu: float32, int8\n" in told
    assert "coding" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model=cnm"], "unknown model 'cnm'; did you mean 'cnn'?"),
        (["--model=no/such.keras"], "It may also be a file: my.keras"),
        (["--model=cnn", "--techniques=prun"], "unknown technique 'prun'; did you mean 'prune'?"),
        (["--model=cnn", "--techniques= , "], "--techniques is empty"),
        (["--model=cnn", "--backends=litter"], "unknown backend 'litter'; did you mean 'litert'?"),
        (["--model=cnn", "--device=rp2041@tflm"], "unknown device 'rp2041@tflm'; did you mean 'rp2040@tflm'?"),
        (["--model=cnn", "--objective=speed"], "unknown objective 'speed'"),
        (["--model=cnn", "--objective=throughput"], "a search looks at single requests"),
        (["--model=cnn", "--max-size=60"], "--max-size '60' has no unit"),
        (["--model=cnn", "--trials=0"], "--trials 0 is out of range"),
        (["--model=cnn", "--trials=4"], "has 4 cells here; give 5 or more"),
        (["--model=cnn", "--time-budget=soon"], "--time-budget 'soon' is no amount"),
        (["--model=cnn", "--data=no.npz"], "the data is for a model of yours"),
    ],
)
def test_a_mistake_is_one_message(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", *arguments]) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
