"""A run that was killed is gone on with: what had ended is kept, and the rest is done."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from user_project import QUICK, SUITE, Project

from tradeoff.errors import BadInput
from tradeoff.record import Axes, Record, Run
from tradeoff.runs.journal import NAME, Journal
from tradeoff.runs.resume import find_run

CELLS = tuple(Axes.parse(f"dense/baseline/numpy/host-cpu/b{batch}") for batch in (1, 2, 4))
RUN = Run(
    "a run",
    "2026-01-01T00:00:00+00:00",
    {"processor": "one", "cores": 2, "node": "here"},
    {"numpy": "2.0"},
    {"seed": 0, "timing": {"max_time": 1.0}, "store": "somewhere"},
    records=tuple(map(Record, CELLS)),
)
LOADS = "--tradeoff-loads=b1,b2,b3,b4,b5,b6,b7,b8"


def written(folder: Path, run: Run = RUN, done: int = 1) -> Path:
    folder.mkdir()
    journal = Journal.begin(folder, run)
    for record in run.records[:done]:
        journal.write(replace(record, status="measured"))
    return folder


def test_the_newest_run_of_the_same_cells_is_found(tmp_path: Path) -> None:
    older, newer = written(tmp_path / "1"), written(tmp_path / "2", done=2)
    found = find_run([newer, older], RUN)
    assert found is not None
    assert (found[0], len(found[1].finished)) == (newer, 2)


def test_a_run_of_other_cells_that_ended_is_passed_over(tmp_path: Path) -> None:
    other = written(tmp_path / "2", replace(RUN, records=RUN.records[:1]))
    mine = written(tmp_path / "1")
    found = find_run([other, mine], RUN)
    assert found is not None
    assert found[0] == mine


def test_where_there_is_no_run_there_is_none_to_go_on_with(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / NAME).write_bytes(b'{"run": {"na')
    assert find_run([tmp_path / "empty", cut, tmp_path / "missing"], RUN) is None


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"records": RUN.records[:2]}, f"it planned {CELLS[2].spelling}"),
        ({"records": (*RUN.records, Record(replace(CELLS[0], load="b8")))}, "it did not plan dense/baseline"),
        ({"options": {**RUN.options, "seed": 1}}, "seed was 0 and is 1"),
        ({"options": {**RUN.options, "timing": {"max_time": 2.0}}}, "timing was "),
        ({"versions": {"numpy": "2.1"}}, "version of numpy was '2.0' and is '2.1'"),
        ({"machine": {**RUN.machine, "processor": "two"}}, "processor was 'one' and is 'two'"),
    ],
)
def test_a_run_under_other_conditions_is_not_gone_on_with_and_the_difference_is_told(
    tmp_path: Path, now: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadInput, match="leave out --tradeoff-resume") as caught:
        find_run([written(tmp_path / "1")], replace(RUN, **now))
    assert told in str(caught.value)


def test_where_the_work_is_done_and_where_files_go_may_differ(tmp_path: Path) -> None:
    now = replace(
        RUN, options={**RUN.options, "store": "elsewhere", "resume": True}, machine=RUN.machine | {"node": "x"}
    )
    assert find_run([written(tmp_path / "1")], now) is not None


# --- with a run of the suites -----------------------------------------------------------------------

SLOW = """
import time
from pathlib import Path


class Slow(NumpyBackend):
    name = "slow"

    def load(self, job):
        runner = super().load(job)
        bind = runner.bind

        def slowly(batch):
            time.sleep(0.3)
            return bind(batch)

        runner.bind = slowly
        return runner


class Broken(NumpyBackend):
    name = "broken"

    def load(self, job):
        with (Path(__file__).parent / "tried").open("a") as stream:
            stream.write("once more")
        raise ValueError("always")


@tradeoff.hookimpl(specname="tradeoff_backends")
def more_backends():
    return [Slow(), Broken()]
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *SUITE, *QUICK, "--tradeoff-models=dense", *arguments]


def rows(folder: Path) -> dict[str, str]:
    """Each cell's status in the JSON, after a check that none is there twice."""
    records = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))["tradeoff"]["records"]
    cells = [record["cell"] for record in records]
    assert len(set(cells)) == len(cells)
    return {record["cell"]: record["status"] for record in records}


def journalled(folder: Path) -> list[str]:
    """The cells that the journal says have ended, in order; its last line may be cut."""
    if not (folder / NAME).exists():
        return []
    whole = [line for line in (folder / NAME).read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [line["record"]["cell"] for line in map(json.loads, whole) if "record" in line]


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def killed(project: Project, folder: Path, cells: int, *arguments: str) -> None:
    """A run that is killed with -9 when so many cells have ended."""
    process = subprocess.Popen(
        command(f"--tradeoff-output={folder}", *arguments), cwd=project.pytester.path, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: process.poll() is not None or len(journalled(folder)) >= cells)
    finally:
        process.kill()
        process.wait()


def test_only_the_rest_is_done_and_the_files_are_whole(project: Project, tmp_path: Path) -> None:
    folder, tried = tmp_path / "run", project.pytester.path / "tried"
    some = (LOADS, "--tradeoff-backends=broken,slow", "--tradeoff-techniques=baseline")
    project.conftest(SLOW)
    killed(project, folder, 10, *some)
    before = journalled(folder)
    assert 10 <= len(before) < 16
    assert not (folder / "benchmark.json").exists()

    tried.unlink()
    result = project.run(
        *some, f"--tradeoff-output={folder}", "--tradeoff-resume", "--tradeoff-models=dense", cells=None
    )
    result.stdout.fnmatch_lines([f"*going on with run run: {len(before)} of 16 cells had ended and are kept*"])
    # What had failed fails again, without being tried again.
    result.assert_outcomes(passed=8, failed=8)
    assert not tried.exists()
    assert journalled(folder)[: len(before)] == before
    assert len(journalled(folder)) == 16
    found = rows(folder)
    assert [found[f"dense/baseline/{name}/host-cpu/b1"] for name in ("broken", "slow")] == ["failed", "measured"]
    benchmarks = json.loads((folder / "benchmark.json").read_text())["benchmarks"]
    assert len(benchmarks) == 8
    assert all(benchmark["stats"]["data"] for benchmark in benchmarks)


def test_a_run_that_ended_is_shown_again_with_the_same_samples(project: Project) -> None:
    project.run()
    first = project.json()
    result = project.run("--tradeoff-resume")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*1 of 1 cells had ended and are kept*", "*kept: *accuracy*"])
    again = project.json()
    assert [b["stats"] for b in again["benchmarks"]] == [b["stats"] for b in first["benchmarks"]]
    assert again["tradeoff"] == first["tradeoff"]
    assert len(list((project.pytester.path / ".tradeoff" / "runs").iterdir())) == 1


def test_without_a_run_to_go_on_with_a_new_one_begins_and_says_so(project: Project) -> None:
    result = project.run("--tradeoff-resume")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*no run to go on with: * begins anew*"])


def test_another_selection_is_not_taken_for_the_rest(project: Project, tmp_path: Path) -> None:
    project.run(f"--tradeoff-output={tmp_path / 'run'}")
    result = project.run(f"--tradeoff-output={tmp_path / 'run'}", "--tradeoff-resume", "--tradeoff-seed=1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*seed was 0 and is 1*leave out --tradeoff-resume*"])


def test_a_run_that_still_goes_on_is_left_alone(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # So slow that it goes on whatever else this machine has to do.
    project.conftest(SLOW.replace("sleep(0.3)", "sleep(1)"))
    some = ("--tradeoff-backends=slow", LOADS, "--tradeoff-techniques=baseline", f"--tradeoff-output={folder}")
    process = subprocess.Popen(command(*some), cwd=project.pytester.path, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: journalled(folder))
        result = project.run(*some, "--tradeoff-resume", "--tradeoff-models=dense", cells=None)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*is still going on in another process*"])
    finally:
        process.kill()
        process.wait()


def test_the_json_of_a_killed_run_is_made_from_its_journal(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    project.conftest(SLOW)
    killed(project, folder, 2, LOADS, "--tradeoff-backends=slow", "--tradeoff-techniques=baseline")
    made = project.pytester.run(sys.executable, "-m", "tradeoff", "recover", str(folder))
    assert made.ret == 0
    found = rows(folder)
    assert len(found) == 8
    assert set(found.values()) == {"measured", "not run"}
    data = json.loads((folder / "benchmark.json").read_text())
    assert data["machine_info"]["cpu"]
    measured = [cell for cell, status in found.items() if status == "measured"]
    assert [benchmark["fullname"] for benchmark in data["benchmarks"]] == measured
    assert all(b["extra_info"]["tradeoff"]["measurements"] for b in data["benchmarks"])
    assert (folder / "table.csv").exists()
    again = project.pytester.run(sys.executable, "-m", "tradeoff", "recover", str(folder))
    assert again.ret == 2
    again.stderr.fnmatch_lines(["*is there already*"])


@pytest.mark.deep
def test_fifty_kills_at_any_moment_lose_no_finished_cell(project: Project, tmp_path: Path) -> None:
    """Each kill falls somewhere between start-up and the last file; each time the run is gone on with."""
    some = (LOADS, "--tradeoff-backends=numpy", "--tradeoff-techniques=baseline,fp16", "--tradeoff-resume")
    store = os.environ["TRADEOFF_STORE"]
    chance = random.Random(8)
    kills = runs = 0
    while kills < 50:
        folder, before = tmp_path / f"run{runs}", list[str]()
        runs += 1
        for _ in range(100):
            process = subprocess.Popen(
                command(*some, f"--tradeoff-output={folder}"), cwd=project.pytester.path, stdout=subprocess.PIPE
            )
            try:
                output, _ = process.communicate(timeout=chance.uniform(0.3, 4.0))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
            else:
                assert process.returncode == 0, output.decode()
                break
            finished = journalled(folder)
            assert finished[: len(before)] == before, "a finished cell is lost"
            assert len(set(finished)) == len(finished), "a finished cell was done twice"
            before = finished
        else:
            pytest.fail("a hundred attempts did not end the run")
        assert sorted(set(rows(folder).values())) == ["measured", "skipped"]
        assert len(rows(folder)) == 16
    checked = project.pytester.run(sys.executable, "-m", "tradeoff", "store", "verify", "--store", store)
    assert checked.ret == 0


JUMPING_CLOCK = """
import itertools
import time

_real, _jumps = time.time, itertools.cycle([0.0, 1e7, -1e7, 3.0])
time.time = lambda: _real() + next(_jumps)
"""


def test_a_clock_that_jumps_loses_nothing(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process and in the workers: the time of day decides neither what is kept nor how long it took."""
    monkeypatch.setenv("TRADEOFF_STORE", str(tmp_path / "store"))
    project.conftest(JUMPING_CLOCK + SLOW)
    some = ("--tradeoff-backends=numpy,slow", "--tradeoff-techniques=baseline", f"--tradeoff-output={tmp_path / 'run'}")
    project.run(*some, "--tradeoff-models=dense", cells=None).assert_outcomes(passed=2)
    again = project.run(*some, "--tradeoff-models=dense", "--tradeoff-resume", cells=None)
    again.stdout.fnmatch_lines(["*2 of 2 cells had ended and are kept*"])
    latencies = [record["measurements"]["latency"]["value"] for record in project_records(tmp_path / "run")]
    assert all(0 < seconds < 1 for seconds in latencies)
    verified = project.pytester.run(
        sys.executable, "-m", "tradeoff", "store", "verify", "--store", str(tmp_path / "store")
    )
    verified.stdout.fnmatch_lines(["*, 0 with problems"])


def project_records(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "benchmark.json").read_text())["tradeoff"]["records"]
    return found
