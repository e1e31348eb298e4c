"""The emulated system: what is said where it is missing, how it is made, and the program that runs in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tradeoff.backends.qemu import guest, place, prepare
from tradeoff.backends.qemu.backend import CORES, QEMUBackend
from tradeoff.errors import BadInput
from tradeoff.registry import load_registry


@pytest.fixture
def no_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(place.VARIABLE, str(tmp_path / "nothing"))
    return tmp_path / "nothing"


def program(folder: Path, name: str) -> None:
    """Something by that name which can be found and run."""
    path = folder / name
    path.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_qemu_the_debian_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refusal = place.why_not()
    assert refusal is not None
    assert refusal.reason == "not installed"
    assert "apt-get install qemu-user gcc; then python -m tradeoff.backends.qemu.prepare" in refusal.detail


def test_without_the_system_the_folder_and_the_command_that_makes_it_are_named(
    no_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, place.QEMU)
    monkeypatch.setenv("PATH", str(tmp_path))
    refusal = place.why_not()
    assert refusal is not None
    assert str(no_system) in refusal.detail
    assert "python -m tradeoff.backends.qemu.prepare" in refusal.detail


def test_its_devices_say_so_and_every_one_is_registered(no_system: Path) -> None:
    registry = load_registry()
    for core in CORES:
        refusal = registry.devices[f"{core}@qemu"].present()
        assert refusal is not None
        assert refusal.reason == "not installed"


def test_it_is_looked_for_where_the_variable_says_or_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(place.VARIABLE, str(tmp_path))
    assert place.chosen_folder() == tmp_path
    monkeypatch.delenv(place.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert place.chosen_folder() == tmp_path / "tradeoff" / "aarch64"


def test_a_system_that_is_not_whole_is_none(no_system: Path) -> None:
    no_system.mkdir()
    (no_system / place.READY).write_text(json.dumps({"qemu": "7.2"}), encoding="utf-8")
    assert place.found_system() is None
    (no_system / place.COUNTER).touch()
    assert place.found_system() is not None
    (no_system / place.READY).write_text("{", encoding="utf-8")
    assert place.found_system() is None


def test_what_is_stored_depends_on_the_core_and_on_what_runs_on_it(no_system: Path) -> None:
    backend = QEMUBackend()
    no_system.mkdir()
    (no_system / place.COUNTER).touch()
    environments = set()
    for runtime in ("2.1.6", "2.1.7"):
        told = json.dumps({"ai-edge-litert": runtime, "qemu": "7.2"})
        (no_system / place.READY).write_text(told, encoding="utf-8")
        environments |= {backend.environment({}, device) for device in backend.capabilities.devices}
    assert len(environments) == 2 * len(CORES)


def test_the_guests_python_is_not_told_of_the_one_here(no_system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "here.py")
    monkeypatch.setenv("LD_PRELOAD_OF_A_TEST", "here.so")
    found = place.System(no_system, {"interpreter": "python3.11"})
    told = found.environment()
    assert "PYTHONSTARTUP" not in told
    assert "LD_PRELOAD_OF_A_TEST" not in told
    assert told["PYTHONPATH"] == str(no_system / "site")
    command = found.command("cortex-a72", "serve")
    assert command[:5] == [place.QEMU, "-cpu", "cortex-a72", "-L", str(no_system / "root")]


def test_preparing_without_the_tools_names_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"qemu-aarch64, cc, .*: not found; apt-get install qemu-user gcc apt"):
        prepare.prepare(tmp_path / "made")


def test_preparing_does_not_replace_a_folder_with_other_things_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in prepare.TOOLS:
        program(tmp_path, tool)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(BadInput, match="mine has other things in it: name an empty or a new folder"):
        prepare.prepare(tmp_path / "mine")


def test_preparing_that_fails_leaves_no_folder_and_tells_whose_words_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in prepare.TOOLS:
        program(tools, tool)
    (tools / "apt-get").write_text("#!/bin/sh\necho there is no network >&2\nexit 100\n", encoding="utf-8")
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), os.environ["PATH"]]))
    assert prepare.main([str(tmp_path / "made")]) == 2
    assert "apt-get failed (100): there is no network" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["tools"]


@pytest.mark.parametrize("words", [["--help"], ["one", "two"]])
def test_the_command_takes_a_folder_and_nothing_else(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(words) == 2
    assert "usage: python -m tradeoff.backends.qemu.prepare [FOLDER]" in capsys.readouterr().err


# The guest's program is plain Python, and any LiteRT will do to see what it answers.


def run(*words: str, given: bytes = b"") -> bytes:
    command = [sys.executable, "-P", "-B", str(guest.__file__), *words]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def test_the_guests_program_tells_its_versions() -> None:
    pytest.importorskip("ai_edge_litert")
    assert json.loads(run("versions"))["ai-edge-litert"] == version("ai-edge-litert")


def test_the_guests_program_tells_what_litert_raises_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "foreign.tflite"
    path.write_bytes(b"This is no model.\n")
    order = json.dumps({"do": "load", "path": str(path), "kernels": "AUTO", "bytes": 0}).encode() + b"\n"
    answers = [json.loads(line) for line in run("serve", given=order * 2).splitlines()]
    assert len(answers) == 2
    assert all(answer["raised"] == "ValueError" and answer["text"] for answer in answers)
