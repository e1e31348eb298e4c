"""A run that is compared with an earlier one as soon as it has ended."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from user_project import Project

from tradeoff.record import JSON_KEY


def kept(project: Project, **changed: float) -> Path:
    """A run with the given numbers in the place of what was measured."""
    assert project.run("--tradeoff-output=old").ret == 0
    path = project.pytester.path / "old" / "benchmark.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    for record in data[JSON_KEY]["records"]:
        for name, value in changed.items():
            record["measurements"][name]["value"] = value
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_a_run_that_is_worse_than_its_limit_fails_and_the_comparison_stands_below_the_tables(project: Project) -> None:
    kept(project, artifact_bytes=1000)
    result = project.run("--tradeoff-output=new", "--tradeoff-compare=old", "--tradeoff-fail=size:5%,accuracy:1pt")
    assert result.ret == 1
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["files: *", "*tradeoff: compared*", "Worse", "FAILED: size 5 %: broken by dense/*"])
    assert (project.pytester.path / "new" / "benchmark.json").is_file()


def test_a_run_that_keeps_its_limits_passes(project: Project) -> None:
    kept(project)
    result = project.run("--tradeoff-compare=old", "--tradeoff-fail=size:5%,accuracy:1pt")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*tradeoff: compared*", "*yes*size 5 %: kept by 1 number*"])


def test_without_limits_it_is_shown_and_decides_nothing(project: Project) -> None:
    kept(project, artifact_bytes=1000)
    result = project.run("--tradeoff-compare=old/benchmark.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["Worse"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tradeoff-compare=nothing",), "*--tradeoff-compare=*nothing: *there is no such file*"),
        (("--tradeoff-fail=size:5%",), "*--tradeoff-fail needs --tradeoff-compare=OLD*"),
        (("--tradeoff-compare=git:nothing",), "*git knows no revision 'nothing' here*"),
    ],
)
def test_what_cannot_be_read_is_told_before_anything_is_run(
    project: Project, arguments: tuple[str, ...], said: str
) -> None:
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
    assert not (project.pytester.path / ".tradeoff").exists()


def test_pytests_own_junit_file_tells_the_numbers_of_each_cell(project: Project) -> None:
    assert project.run("--junitxml=junit.xml").ret == 0
    root = ElementTree.parse(project.pytester.path / "junit.xml").getroot()  # noqa: S314
    told = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert told["tradeoff"] == "dense/baseline/numpy/host-cpu/b1"
    assert float(told["tradeoff.accuracy"] or 0) > 0.9
    assert int(told["tradeoff.artifact_bytes"] or 0) > 1000
