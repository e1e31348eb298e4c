"""The conformance kit: what keeps the contract passes, and each way to break it fails the check that is about it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import broken_plugins
import pytest

from tradeoff.engine import training_environment
from tradeoff.registry import load_registry

SOURCE = Path(broken_plugins.__file__).read_text(encoding="utf-8")
BUILT_IN = load_registry()
BACKENDS = sorted(name for name, origin in BUILT_IN.backends.items())
TECHNIQUES = sorted(name for name, each in BUILT_IN.techniques.items() if each.stage == "model" or name == "int8")
BROKEN = {each.__name__.lower(): (each.__doc__ or "").split() for each in broken_plugins.BROKEN}
#: What an emulated processor runs takes minutes to look at.
EMULATED = ("qemu",)
#: What is looked at in every run of the tests; the others take a minute more.
TELLING = ("overwriting", "dated", "crowded", "littering", "promising")
#: Its import is what is wrong with it, so it has a file of its own.
HEAVY = """
import scipy
import tradeoff
from conftest_of_the_test import Good
class Heavy(Good):
    name = "heavy"
@tradeoff.hookimpl
def tradeoff_backends():
    return [Heavy()]
"""


def run_kit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The kit in a process of its own, as a third party runs it."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "tradeoff.conformance", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [*command, "--junitxml=found.xml", *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def failed(folder: Path, known: Iterable[str] = (*BROKEN, "good", "heavy")) -> dict[str, set[str]]:
    """By what was looked at, the checks that failed."""
    found: dict[str, set[str]] = {}
    for case in ElementTree.parse(folder / "found.xml").iter("testcase"):  # noqa: S314 - pytest wrote it
        match = re.fullmatch(r"(\w+)\[(.+)\]", case.attrib["name"])
        assert match is not None, case.attrib["name"]
        words = set(match[2].split("-"))
        names = found.setdefault(next((word for word in known if word in words), match[2]), set())
        if case.find("failure") is not None or case.find("error") is not None:
            names.add(match[1])
    return found


def expected(told: Mapping[str, str]) -> dict[str, set[str]]:
    return {name: set(checks.split()) for name, checks in told.items()}


def promised(names: Iterable[str]) -> dict[str, set[str]]:
    """The checks that each of the broken backends says it fails."""
    return {name: set(BROKEN[name]) for name in names}


def installed() -> list[str]:
    """Built-in backends that can be looked at here."""
    return [
        name
        for name in BACKENDS
        if name not in EMULATED
        and all(
            need.installed()
            for need in (*BUILT_IN.backends[name].requires, *BUILT_IN.backends[name].converter_requires)
        )
    ]


def in_the_worker_that_trains(name: str) -> bool:
    """Whether requests run in the very worker in which the kit makes its nets."""
    backend = BUILT_IN.backends[name]
    parameters = {one.name: one.default for one in backend.parameters}
    return backend.environment(parameters, "host-cpu") == training_environment()


def look_at(folder: Path, names: Iterable[str]) -> dict[str, set[str]]:
    """What fails of some backends of :mod:`broken_plugins`, all looked at in one run."""
    (folder / "conftest.py").write_text(SOURCE, encoding="utf-8")
    (folder / "conftest_of_the_test.py").write_text(SOURCE, encoding="utf-8")
    (folder / "heavy_plugin.py").write_text(HEAVY, encoding="utf-8")
    done = run_kit(folder, "-p", "heavy_plugin", f"--tradeoff-backend={','.join(names)}")
    assert done.returncode == 1, done.stdout[-5000:] + done.stderr
    return failed(folder)


@pytest.mark.frameworks
@pytest.mark.parametrize("share", [True, False], ids=["in the worker that trains", "in workers of their own"])
def test_the_built_in_backends_keep_the_contract(tmp_path: Path, share: bool) -> None:
    # Two runs of the kit, and not one for each backend: nets and workers are made once, and two cores are busy.
    names = [name for name in installed() if in_the_worker_that_trains(name) == share]
    if not names:
        pytest.skip("none of them is installed")
    done = run_kit(tmp_path, f"--tradeoff-backend={','.join(names)}")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    # Each of them was looked at.
    assert set(names) <= failed(tmp_path, names).keys()


@pytest.mark.frameworks
@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param("not ends_of_its_parameters", id="all but one check"),
        pytest.param("ends_of_its_parameters", id="a training for each value", marks=pytest.mark.deep),
    ],
)
def test_the_built_in_techniques_and_devices_keep_the_contract(tmp_path: Path, chosen: str) -> None:
    done = run_kit(tmp_path, f"--tradeoff-technique={','.join(TECHNIQUES)}", "--tradeoff-device=host-cpu", "-k", chosen)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr


@pytest.mark.frameworks
def test_a_broken_promise_fails_the_check_that_is_about_it_and_no_other(tmp_path: Path) -> None:
    # A backend that keeps the contract passes beside them, and what a plugin imports at its top is told.
    heavy = {"test_importing_the_plugin_imports_no_framework"}
    assert look_at(tmp_path, ["good", "heavy", *TELLING]) == {"good": set(), "heavy": heavy, **promised(TELLING)}


@pytest.mark.frameworks
@pytest.mark.deep
def test_every_other_broken_promise_does_so_too(tmp_path: Path) -> None:
    others = [name for name in BROKEN if name not in TELLING]
    assert look_at(tmp_path, others) == promised(others)


@pytest.mark.frameworks
def test_techniques_are_told_apart_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(SOURCE, encoding="utf-8")
    names = ",".join(broken_plugins.TECHNIQUES)
    done = run_kit(tmp_path, f"--tradeoff-technique={names}")
    assert done.returncode == 1, done.stdout[-5000:] + done.stderr
    found: dict[str, set[str]] = {name: set() for name in broken_plugins.TECHNIQUES}
    for name, checks in failed(tmp_path).items():
        found[next(each for each in found if each in name.split("-"))] |= checks
    assert found == expected(broken_plugins.TECHNIQUES)


def test_devices_are_told_apart_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(SOURCE, encoding="utf-8")
    names = ",".join(broken_plugins.DEVICES)
    done = run_kit(tmp_path, f"--tradeoff-device={names}")
    assert done.returncode == 1, done.stdout[-5000:] + done.stderr
    assert failed(tmp_path) == expected(broken_plugins.DEVICES)


def test_without_a_name_the_kit_says_what_can_be_given(tmp_path: Path) -> None:
    done = run_kit(tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    for text in ("--tradeoff-backend (", "keras", "--tradeoff-technique (", "int8", "--tradeoff-device (", "host-cpu"):
        assert text in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tradeoff-backend=liter"], "unknown backend 'liter'; did you mean 'litert'?"),
        (["--tradeoff-technique=int88"], "unknown technique 'int88'"),
        (["--tradeoff-device=host"], "unknown device 'host'"),
        (["--tradeoff-backend=litert:threads=0"], "litert: threads=0 is not a whole number of at least 1"),
        (["--tradeoff-backend=litert", "--tradeoff-device=moon"], "unknown device 'moon'"),
    ],
)
def test_what_cannot_be_looked_at_is_named(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = run_kit(tmp_path, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert told in done.stderr


def test_collecting_the_checks_imports_no_framework(tmp_path: Path) -> None:
    teller = "import sys\ndef pytest_unconfigure():\n    print('LOADED', *sorted(sys.modules))\n"
    (tmp_path / "teller.py").write_text(teller, encoding="utf-8")
    done = run_kit(tmp_path, "-p", "teller", "--tradeoff-backend=litert", "--collect-only", "-q")
    assert done.returncode == 0, done.stderr
    assert "test_its_answers_are_near_to_those_of_keras[litert-int8]" in done.stdout
    loaded = done.stdout.partition("LOADED ")[2].split()
    assert "tradeoff.conformance.kit" in loaded
    assert not {"tensorflow", "keras", "ai_edge_litert", "numpy"} & {*loaded}
