"""``tradeoff compare`` and ``tradeoff history``: exit codes, files, and one message for each mistake."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from compared_runs import latency, record, run, size

from tradeoff.cli import main
from tradeoff.record import JSON_KEY, Run, run_to_json


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and the import path as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def saved(name: str, one: Run) -> str:
    Path(name).write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(one)}), encoding="utf-8")
    return name


def two(factor: float = 1.0) -> tuple[str, str]:
    old, new = (run(record(latency(1e-3 * f) | size(int(1000 * f)))) for f in (1.0, factor))
    return saved("old.json", old), saved("new.json", new)


@pytest.mark.parametrize(
    ("factor", "limits", "status"), [(1.2, "", 0), (1.2, "latency:5%", 1), (1.2, "latency:30%", 0)]
)
def test_the_exit_status_is_one_when_a_limit_is_broken_and_only_then(factor: float, limits: str, status: int) -> None:
    assert main(["compare", *two(factor), *(["--fail", limits] if limits else [])]) == status


def test_runs_that_cannot_be_compared_fail_the_gate_and_force_opens_it(capsys: pytest.CaptureFixture[str]) -> None:
    whole = record(latency(1e-3))
    names = saved("old.json", run(whole)), saved("new.json", run(whole, cores=2))
    assert main(["compare", *names, "--fail", "latency:5%"]) == 1
    assert "cannot be judged: another machine: cores 8 -> 2" in " ".join(capsys.readouterr().out.split())
    assert main(["compare", *names, "--fail", "latency:5%", "--force"]) == 0
    assert "FORCED" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["terminal", "markdown", "csv", "junit"])
def test_every_format_goes_to_a_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *two(1.2), "--format", name, "--output", "out", "--fail", "size:1%"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("tradeoff: size 1 %: broken by cnn/int8/litert/host-cpu/b1")
    assert "cnn/int8/litert" in Path("out").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["old.json", "nothing.json"], "nothing.json: there is no such file"),
        (["old.json", "git:nothing"], "git knows no revision 'nothing' here"),
        (["old.json", "new.json", "--format", "makrdown"], "did you mean 'markdown'"),
        (["old.json", "new.json", "--fail", "latancy:5%"], "did you mean 'latency'"),
        (["old.json", "new.json", "--fail", ""], "name nothing"),
        (["old.json", "new.json", "--output", "no/such/folder"], "cannot be written"),
    ],
)
def test_a_mistake_is_one_message_and_status_two(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    two()
    assert main(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert said in line


def test_a_history_is_told_from_any_number_of_runs(capsys: pytest.CaptureFixture[str]) -> None:
    values = [1.0, 1.0, 1.0, 1.0, 1.5, 1.5]
    names = [
        saved(f"{n}.json", run(record(latency(value)), name=f"run{n}", started=f"2026-01-0{n + 1}T00:00:00"))
        for n, value in enumerate(values)
    ]
    assert main(["history", *names, "--cell", "cnn/*"]) == 0
    assert "+50.0 %" in capsys.readouterr().out
    assert main(["history", *names, "--measurement", "size"]) == 2
    assert "unknown measurement" in capsys.readouterr().err
