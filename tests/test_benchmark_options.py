"""Each of pytest-benchmark's options, one by one: what it does to cells, as the reference says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark import plugin as pytest_benchmark_plugin
from user_project import SUITE, Project

from tradeoff.benchmark_options import FORWARDED, REFUSED

REFERENCE = Path(__file__).parent.parent / "docs" / "benchmark-options.md"
CELL = "dense/baseline/numpy/host-cpu/b1"


def options_of_pytest_benchmark() -> set[str]:
    source = Path(pytest_benchmark_plugin.__file__).read_text(encoding="utf-8")
    names = re.findall(r"""f?['"]--(?:benchmark-|\{prefix\})([a-z-]+)['"]""", source)
    return {f"--benchmark-{name}" for name in names} - {"--benchmark-csv", "--benchmark-import-mode"}


def test_the_reference_speaks_of_every_option_there_is() -> None:
    told = set(re.findall(r"^\| `(--benchmark-[a-z-]+)", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == options_of_pytest_benchmark()
    assert told > FORWARDED.keys() | REFUSED.keys()


def run(project: Project, *arguments: str) -> pytest.RunResult:
    """As :meth:`Project.run`, with nothing of pytest-benchmark's set but what the test sets."""
    return project.pytester.runpytest_subprocess(*SUITE, f"--tradeoff-cells={CELL}", *arguments)


def benchmark(project: Project) -> dict[str, Any]:
    (found,) = project.json()["benchmarks"]
    return found


def rounds(project: Project) -> int:
    """All that were timed; those that were disturbed do not reach pytest-benchmark."""
    found: int = project.records()[CELL]["facts"]["rounds_timed"]
    return found


def test_min_rounds_and_max_time(project: Project) -> None:
    run(project, "--benchmark-min-rounds=33", "--benchmark-max-time=0.0001")
    assert rounds(project) >= 33
    assert benchmark(project)["options"]["min_rounds"] == 33


def test_min_time_lengthens_a_round(project: Project) -> None:
    run(project, "--benchmark-min-time=0.01", "--benchmark-max-time=0.1")
    stats = benchmark(project)["stats"]
    # A round of half a millisecond is the default. How many calls make one is decided once, and these may get quicker.
    assert stats["median"] * stats["iterations"] > 0.002


def test_a_tiny_min_time_makes_rounds_of_one_call(project: Project) -> None:
    run(project, "--benchmark-min-time=0.0000001", "--benchmark-calibration-precision=1", "--benchmark-max-time=0.01")
    assert benchmark(project)["stats"]["iterations"] == 1


def test_calibration_precision(project: Project) -> None:
    run(project, "--benchmark-calibration-precision=10000000", "--benchmark-max-time=0.02")
    stats = benchmark(project)["stats"]
    # A round of half a millisecond is the default. How many calls make one is decided once, and these may get quicker.
    assert stats["median"] * stats["iterations"] > 0.002


def test_options_in_addopts_count_like_those_on_the_command_line(project: Project) -> None:
    project.pytester.makeini("[pytest]\naddopts = --benchmark-min-rounds=33 --benchmark-max-time=0.0001")
    run(project)
    assert rounds(project) >= 33


def test_warmup_and_its_iterations_and_disable_gc_reach_the_worker(project: Project) -> None:
    project.conftest(
        """
import gc, os
from tradeoff.measure import timing as measuring
TOLD, warm_up = os.path.join(os.getcwd(), "told.txt"), measuring.warm_up
def telling(call, timing):
    with open(TOLD, "a") as stream:
        stream.write(f"{timing.warmup_iterations} {gc.isenabled()},")
    warm_up(call, timing)
measuring.warm_up = telling
"""
    )
    told = project.pytester.path / "told.txt"
    run(project, "--benchmark-max-time=0.01", "--benchmark-warmup=off")
    assert not told.exists()
    run(project, "--benchmark-max-time=0.01", "--benchmark-warmup=on", "--benchmark-warmup-iterations=7")
    assert set(told.read_text().split(",")) == {"7 True", ""}
    told.unlink()
    run(project, "--benchmark-max-time=0.01", "--benchmark-disable-gc")
    assert set(told.read_text().split(",")) == {"1000 False", ""}


def test_precision_and_confidence_end_a_measurement_early(project: Project) -> None:
    run(
        project,
        "--benchmark-precision=0.9",
        "--benchmark-confidence=0.5",
        "--benchmark-min-rounds=2",
        "--benchmark-max-time=5",
    )
    assert benchmark(project)["stats"]["total"] < 2
    assert benchmark(project)["options"]["confidence"] == 0.5


@pytest.mark.parametrize("flag", sorted(REFUSED))
def test_what_cannot_work_in_another_process_is_refused_in_words(project: Project, flag: str) -> None:
    value = {"--benchmark-timer": "=time.time", "--benchmark-cprofile": "=cumtime"}.get(flag, "=1")
    result = run(project, flag + value)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{flag} does not work with tradeoff's benchmarks: *"])


def test_skip_skips_every_cell(project: Project) -> None:
    result = project.pytester.runpytest_subprocess(
        "--pyargs", "tradeoff.suites", f"--tradeoff-cells={CELL}", "--benchmark-skip"
    )
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "--benchmark-skip" in project.records()[CELL]["reason"]


def test_disable_runs_each_cell_once_and_times_nothing(project: Project) -> None:
    result = project.pytester.runpytest_subprocess(
        "--pyargs", "tradeoff.suites", f"--tradeoff-cells={CELL}", "--benchmark-disable"
    )
    result.assert_outcomes(passed=1)
    record = project.records()[CELL]
    assert "latency" not in record["measurements"]
    assert record["measurements"]["accuracy"]["value"] > 0.9


def test_enable_overrides_disable(project: Project) -> None:
    run(project, "--benchmark-disable", "--benchmark-enable", "--benchmark-max-time=0.01")
    assert benchmark(project)["stats"]["rounds"] > 1


def test_save_autosave_save_data_and_storage(project: Project) -> None:
    fast = ("--benchmark-max-time=0.01", "--benchmark-storage=file://kept")
    run(project, *fast, "--benchmark-save=first", "--benchmark-save-data")
    run(project, *fast, "--benchmark-autosave")
    first, second = sorted((project.pytester.path / "kept").rglob("*.json"))
    saved = json.loads(first.read_text())
    assert saved["benchmarks"][0]["stats"]["data"]
    assert saved["tradeoff"]["records"][0]["cell"] == CELL
    assert json.loads(second.read_text())["benchmarks"][0]["fullname"] == CELL


def test_json_has_the_whole_run(project: Project) -> None:
    run(project, "--benchmark-json=out.json", "--benchmark-max-time=0.01")
    data = json.loads((project.pytester.path / "out.json").read_text())
    assert data["tradeoff"]["records"][0]["status"] == "measured"
    assert data["benchmarks"][0]["extra_info"]["tradeoff"]["cell"] == CELL


def test_compare_finds_the_cell_again_and_compare_fail_fails(project: Project) -> None:
    fast = ("--benchmark-max-time=0.01", "--benchmark-storage=file://kept")
    run(project, *fast, "--benchmark-save=first")
    (saved,) = (project.pytester.path / "kept").rglob("*.json")
    data = json.loads(saved.read_text())
    data["benchmarks"][0]["stats"]["median"] /= 1000
    saved.write_text(json.dumps(data))
    compared = run(project, *fast, "--benchmark-compare=0001")
    assert "(NOW)" in compared.stdout.str()
    assert "(0001_fi" in compared.stdout.str()
    failed = run(project, *fast, "--benchmark-compare=0001", "--benchmark-compare-fail=median:5%")
    assert failed.ret != 0
    assert "Performance has regressed" in failed.stdout.str() + failed.stderr.str()


def test_group_by_sort_columns_name_and_time_unit(project: Project) -> None:
    result = run(
        project,
        "--benchmark-max-time=0.01",
        "--benchmark-group-by=param:model,param:load",
        "--benchmark-sort=name",
        "--benchmark-columns=min,max",
        "--benchmark-name=short",
        "--benchmark-time-unit=ns",
    )
    result.stdout.fnmatch_lines(["*benchmark 'model=dense load=b1'*", "Name (time in ns)*Min*Max*"])


def test_the_table_is_narrow_unless_columns_are_chosen(project: Project) -> None:
    result = run(project, "--benchmark-max-time=0.01")
    result.stdout.fnmatch_lines(["Name (time in us)*Median*IQR*Rounds*Iterations"])


def test_histogram_is_drawn_or_its_missing_library_named(project: Project) -> None:
    result = run(project, "--benchmark-max-time=0.01", "--benchmark-histogram=drawn")
    drawn = list(project.pytester.path.glob("drawn*.svg"))
    assert drawn or "pygal" in result.stdout.str() + result.stderr.str()


def test_quiet_and_verbose(project: Project) -> None:
    quiet = run(project, "--benchmark-max-time=0.01", "--benchmark-quiet")
    assert "benchmark 'dense on host-cpu" not in quiet.stdout.str()
    assert "tradeoff" in quiet.stdout.str()
    run(project, "--benchmark-max-time=0.01", "--benchmark-verbose").assert_outcomes(passed=1)


def test_netrc_changes_nothing_for_files(project: Project) -> None:
    run(project, "--benchmark-max-time=0.01", "--benchmark-netrc=").assert_outcomes(passed=1)
