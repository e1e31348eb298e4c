"""The command line: tables from saved runs, what there is, the store; every mistake is one message and status 2."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from tradeoff.cli import main
from tradeoff.record import JSON_KEY, Axes, Measurement, Record, Run, run_to_json
from tradeoff.runs.journal import Journal
from tradeoff.store import Store

MEASURED = Record(
    Axes.parse("dense/int8/litert/host-cpu/b1"),
    status="measured",
    measurements={"latency": Measurement(4.2e-6, "s", "lower"), "artifact_bytes": Measurement(64_800, "B", "lower")},
    facts={"threads": 1},
)
PLANNED = Record(Axes.parse("dense/fp16/litert/host-cpu/b1"))
RUN = Run("the run", "2026-01-01T00:00:00+00:00", {"node": "my laptop", "cores": 2}, records=(MEASURED, PLANNED))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and the import path as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRADEOFF_STORE", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))


def saved(name: str = "run.json", run: Run = RUN) -> str:
    Path(name).write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(run)}), encoding="utf-8")
    return name


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message of a command that fails."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("tradeoff: ")
    return line


# --- report -----------------------------------------------------------------------------------------


def test_a_report_is_made_from_a_file_or_from_the_folder_it_lies_in(capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    for name in (saved(), str(Path(saved("folder/benchmark.json")).parent)):
        assert main(["report", name]) == 0
        out = capsys.readouterr().out
        assert "int8" in out
        assert "my laptop" in out
        assert "\x1b" not in out


def test_a_killed_run_is_reported_from_its_journal(capsys: pytest.CaptureFixture[str]) -> None:
    Path("killed").mkdir()
    Journal.begin(Path("killed"), RUN).write(MEASURED)
    for name in ("killed", "killed/journal.jsonl"):
        assert main(["report", name]) == 0
        out = capsys.readouterr().out
        assert "int8" in out
        assert "dense/fp16/litert/host-cpu/b1" in out
        assert "not run" in out


def test_runs_of_two_machines_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    other = Run("another run", RUN.started, {"node": "a server", "cores": 64}, records=RUN.records)
    assert main(["report", saved(), saved("other.json", other), "--width", "120"]) == 0
    out = capsys.readouterr().out
    for told in ("my laptop", "a server", "run.json", "other.json"):
        assert told in out


def test_a_report_goes_to_a_file_and_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", saved(), "--format", "markdown", "--output", "table.md"]) == 0
    assert capsys.readouterr().out == ""
    assert "| int8 |" in Path("table.md").read_text(encoding="utf-8")
    assert main(["report", "run.json", "--format", "csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert "latency_s" in header.split(",")
    assert len(rows) == len(RUN.records)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is not JSON, or is cut short"),
        ('{"benchmarks": [', "is not JSON, or is cut short"),
        ('{"benchmarks": []}', "was not written by"),
        ("[]", "was not written by"),
        (json.dumps({JSON_KEY: {"schema": 99}}), "has schema version 99, this tradeoff reads up to 1"),
        (json.dumps({JSON_KEY: {"schema": 1}}), "does not have the shape of schema 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str], content: str, told: str) -> None:
    Path("wrong.json").write_text(content, encoding="utf-8")
    saved()
    line = failing(capsys, "report", "run.json", "wrong.json")
    assert "wrong.json" in line
    assert told in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("report", "nowhere.json"), "nowhere.json: there is no such file"),
        (("report", "."), "benchmark.json: there is no such file"),
        (("report", "run.json", "--format", "markdwn"), "did you mean 'markdown'?"),
        (("report", "run.json", "--output", "missing/table.md"), "missing/table.md cannot be written"),
        (("list", "--conftest", "nowhere.py"), "nowhere.py: there is no such file"),
        (("doctor", "--preset", "quik"), "did you mean 'quick'?"),
        (("doctor", "--data", "nowhere.npz"), "nowhere.npz: there is no such file"),
        (("store", "prune"), "say what to remove"),
        (("store", "prune", "--keep", "-1"), "--keep -1 is out of range"),
        (("store", "prune", "--older-than", "nan"), "--older-than nan is out of range"),
        (("store", "prune", "--keep", "0", "--kind", "varient"), "did you mean 'variant'?"),
        (("store", "list", "--store", "run.json"), "is a file"),
    ],
)
def test_a_mistake_is_one_message(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str) -> None:
    saved()
    assert told in failing(capsys, *arguments)


@pytest.mark.parametrize("arguments", [(), ("reprot",), ("store", "lst"), ("report",), ("report", "x", "--width", "w")])
def test_wrong_usage_is_explained(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: tradeoff" in capsys.readouterr().err


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "tradeoff", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == 0


# --- list -------------------------------------------------------------------------------------------


def test_everything_there_is_is_listed_with_who_brought_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("conftest.py").write_text(
        "import tradeoff\n@tradeoff.hookimpl\n"
        "def tradeoff_devices():\n    return [tradeoff.Device('my-board', summary='on my desk')]\n",
        encoding="utf-8",
    )
    Path("pyproject.toml").write_text('[tool.tradeoff.presets.mine]\nmodels = ["cnn"]\n', encoding="utf-8")
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("cnn", "digits", "baseline", "int8", "litert", "host-cpu", "markdown", "quick", "mine"):
        assert any(line.split()[:1] == [name] for line in lines), name
    assert any("on my desk" in line and "conftest" in line for line in lines)


def test_a_device_that_is_not_there_is_listed_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    Path("conftest.py").write_text(
        "import tradeoff\n"
        "away = tradeoff.Refusal('no such device', 'my-board: unplugged')\n"
        "boards = [tradeoff.Device('my-board', present=lambda: away), tradeoff.Device('here', present=lambda: None)]\n"
        "@tradeoff.hookimpl\ndef tradeoff_devices():\n    return boards\n",
        encoding="utf-8",
    )
    assert main(["list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.split()}
    assert "no such device: my-board: unplugged" in lines["my-board"]
    assert "no such device" not in lines["here"] + lines["host-cpu"]


def test_a_plugin_can_be_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "-p", "no:keras"]) == 0
    assert not any(line.split()[:1] == ["keras"] for line in capsys.readouterr().out.splitlines())


def test_a_broken_conftest_is_named_and_the_rest_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("conftest.py").write_text("raise OSError('unplugged')\n", encoding="utf-8")
    assert main(["list"]) == 0
    captured = capsys.readouterr()
    assert "conftest.py could not be loaded: OSError: unplugged" in captured.err
    assert "litert" in captured.out


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"tradeoff {version('tradeoff')}\n"


# --- store ------------------------------------------------------------------------------------------


def stored(root: str = ".tradeoff/store") -> Path:
    """A store with one variant in it; gives its payload file."""

    def build(folder: Path) -> dict[str, int]:
        (folder / "model.keras").write_bytes(b"x" * 5000)
        return {"parameters": 1}

    inputs = {"model": "cnn", "seed": 0, "steps": [{"spelling": "prune:0.5"}]}
    return Store(Path(root)).make("variant", inputs, build).path / "model.keras"


def test_the_store_is_listed_in_the_words_of_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    stored()
    assert main(["store", "list"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("variant")
    assert first.endswith("cnn/prune:0.5 seed 0")
    assert "1 entries" in last
    assert main(["store", "list", "--kind", "result"]) == 0
    assert "empty" in capsys.readouterr().out


def test_a_flipped_byte_is_found_and_makes_the_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    payload = stored()
    assert main(["store", "verify"]) == 0
    payload.write_bytes(b"x" * 4999 + b"y")
    assert main(["store", "verify"]) == 1
    out = capsys.readouterr().out
    assert "model.keras has other bytes than were written" in out
    assert "1 entries, 1 with problems" in out
    assert payload.exists()


def test_pruning_tells_first_and_removes_then(capsys: pytest.CaptureFixture[str]) -> None:
    payload = stored()
    assert main(["store", "prune", "--keep", "0", "--dry-run"]) == 0
    assert "would remove 1 entries" in capsys.readouterr().out
    assert main(["store", "prune", "--older-than", "1"]) == 0
    assert payload.exists()
    assert main(["store", "prune", "--keep", "0"]) == 0
    assert "removed variant" in capsys.readouterr().out
    assert not payload.exists()


def test_the_store_is_looked_for_where_a_run_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def found(*arguments: str) -> str:
        assert main(["store", "list", *arguments]) == 0
        return capsys.readouterr().out.splitlines()[-1].partition(": ")[0]

    assert Path(found()).resolve() == tmp_path / ".tradeoff" / "store"
    Path("pyproject.toml").write_text('[tool.tradeoff]\nstore = "of-the-table"\n', encoding="utf-8")
    assert found() == str(tmp_path / "of-the-table")
    monkeypatch.setenv("TRADEOFF_STORE", str(tmp_path / "of-the-environment"))
    assert found() == str(tmp_path / "of-the-environment")
    assert found("--store", "of-the-command") == "of-the-command"


# --- doctor -----------------------------------------------------------------------------------------


def test_the_doctor_explains_data_alone(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("my.npz", x=np.zeros((40, 3), "float32"), y=np.arange(40) % 2)
    assert main(["doctor", "--data", "my.npz"]) == 0
    out = capsys.readouterr().out
    assert "x: shape (40, 3), float32" in out
    assert "judged by accuracy" in out
    assert "machine" not in out.splitlines()


def test_when_no_cell_can_run_the_doctors_status_is_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor", "--techniques", "int8", "--backends", "keras"]) == 1
    assert "cells: 0 of 3 can run" in capsys.readouterr().out
