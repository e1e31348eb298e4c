"""Planning and collecting a matrix of dummies: quick, and growing no faster than the matrix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from figures import Action, Note, python

from tradeoff.matrix import plan
from tradeoff.options import Settings
from tradeoff.registry import PluginSources, load_registry

CHAINS = 50
SIZES = (2_500, 5_000, 10_000)
DUMMIES = """
import os
import tradeoff

class Dummy(tradeoff.Backend):
    name = "dummy"
    def convert(self, job): raise AssertionError
    def load(self, job): raise AssertionError

@tradeoff.hookimpl
def tradeoff_tasks():
    return [tradeoff.Task("nothing", lambda: None)]

@tradeoff.hookimpl
def tradeoff_models():
    return [tradeoff.Model(f"dummy{number}", "nothing") for number in range(1000)]

@tradeoff.hookimpl
def tradeoff_techniques():
    return [tradeoff.Technique(f"dummy{number}", "model") for number in range(1000)]

@tradeoff.hookimpl
def tradeoff_backends():
    return [Dummy()]
"""
BARE = ("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
SUITES = (*BARE, "--pyargs", "tradeoff.suites", "--benchmark-only")


def dummies(count: int) -> str:
    return ",".join(f"dummy{number}" for number in range(count))


def selection(cells: int) -> tuple[str, ...]:
    """The options that select so many cells."""
    return (
        f"--tradeoff-models={dummies(cells // CHAINS)}",
        f"--tradeoff-techniques={dummies(CHAINS)}",
        "--tradeoff-backends=dummy",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder whose conftest brings dummies; the folder's own settings keep the checkout's away."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(DUMMIES)
    return tmp_path


@pytest.mark.benchmark(group="planning 10,000 cells")
def test_planning(compare: Callable[..., list[float]], figure: Note, folder: Path) -> None:
    registry = load_registry(PluginSources(conftests=(str(folder / "conftest.py"),)))

    def planned(cells: int) -> Action:
        words = {name: tuple(value.split(",")) for name, value in named(selection(cells)).items()}
        return lambda: plan(Settings(words, {}), registry)

    small, _, large = compare(*(planned(cells) for cells in SIZES))
    figure("plan 10,000 cells", large, 1.0)
    figure("plan: 10,000 cells against 2,500, per cell", large / small / 4, 1.5, "x")


def named(options: tuple[str, ...]) -> dict[str, str]:
    """Name to value of ``--tradeoff-NAME=VALUE``."""
    return {name.removeprefix("--tradeoff-"): value for name, _, value in (o.partition("=") for o in options)}


@pytest.mark.benchmark(group="collecting 10,000 cells")
def test_collecting(compare: Callable[..., list[float]], figure: Note, folder: Path) -> None:
    def collected(cells: int) -> Action:
        return lambda: python(*SUITES, *selection(cells), folder=folder)

    one, small, middle, large = compare(*(collected(cells) for cells in (CHAINS, *SIZES)), rounds=3)
    figure("pytest --collect-only of 10,000 cells", large, 10.0)
    figure("collect: 10,000 cells against 2,500, per cell", (large - one) / (small - one) / 4, 1.5, "x")
    figure("collect: 10,000 cells against 5,000, per cell", (large - one) / (middle - one) / 2, 1.5, "x")


@pytest.mark.benchmark(group="starting")
def test_collecting_the_preset(compare: Callable[..., list[float]], figure: Note, folder: Path) -> None:
    (folder / "conftest.py").unlink()
    (took,) = compare(lambda: python(*SUITES, folder=folder))
    figure("pytest --collect-only of preset quick", took, 3.0)


@pytest.mark.benchmark(group="starting")
def test_what_the_plugin_adds_to_a_session_without_cells(
    compare: Callable[..., list[float]], figure: Note, tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    without, with_plugin = compare(
        lambda: python(*BARE, "-p", "no:tradeoff", folder=tmp_path),
        lambda: python(*BARE, folder=tmp_path),
        rounds=9,
    )
    figure("what the plugin adds to a pytest start", with_plugin - without, 0.15)


@pytest.mark.benchmark(group="starting")
def test_the_registry(compare: Callable[..., list[float]], figure: Note, tmp_path: Path) -> None:
    code = "import tradeoff.registry as registry; registry.load_registry()"
    bare, loaded = compare(
        lambda: python("-c", "pass", folder=tmp_path), lambda: python("-c", code, folder=tmp_path), rounds=9
    )
    figure("the registry, in a fresh process", loaded - bare, 0.5)
