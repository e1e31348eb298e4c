"""The doctor: what is installed, what can run because of it, and where things are kept."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from finished_files import write_tflite

from tradeoff.doctor import examine
from tradeoff.options import Settings
from tradeoff.registry import PluginSources

CONFTEST = """
import pathlib, tradeoff
class Gone(tradeoff.Backend):
    name = "gone"
    requires = (tradeoff.Requirement("no_such_module", "no-such-package"),)
    install = "tradeoff[gone]"
    def convert(self, job): ...
    def load(self, job): ...
@tradeoff.hookimpl
def tradeoff_backends():
    return [Gone()]
"""


def told(*blocked: str, conftest: Path | None = None, **values: Any) -> tuple[str, bool]:
    conftests = (str(conftest),) if conftest else ()
    lines, healthy = examine(Settings(values, {}), PluginSources(conftests=conftests, blocked=blocked))
    return "\n".join(lines), healthy


def cells(text: str) -> int:
    """How many the doctor counts."""
    found = re.search(r"cells: \d+ of (\d+) can run", text)
    assert found
    return int(found[1])


def test_versions_of_what_is_installed_are_told() -> None:
    text, healthy = told(models=("dense",), backends=("keras", "litert"))
    assert healthy
    assert f"ai-edge-litert {version('ai-edge-litert')}" in text
    assert "cells: 6 of 8 can run" in text
    assert "2 skipped  not implemented here" in text


def test_what_is_missing_is_told_with_the_line_that_would_mend_it(tmp_path: Path) -> None:
    conftest = tmp_path / "conftest.py"
    conftest.write_text(CONFTEST, encoding="utf-8")
    text, healthy = told(conftest=conftest, backends=("gone",), models=("dense",), techniques=("baseline",))
    assert not healthy
    assert re.search(r"backend gone +not installed: no-such-package; pip install 'tradeoff\[gone\]'", text)
    assert "1 skipped  not installed: no-such-package: pip install 'tradeoff[gone]'" in text


def test_a_broken_plugin_is_a_problem_that_is_named(tmp_path: Path) -> None:
    conftest = tmp_path / "conftest.py"
    conftest.write_text("raise OSError('unplugged')", encoding="utf-8")
    text, healthy = told(conftest=conftest)
    assert healthy
    assert "problem: conftest" in text
    assert "OSError: unplugged" in text


def test_a_plugin_that_is_switched_off_brings_no_cells() -> None:
    text, _ = told(models=("dense",))
    assert "backend litert " in text
    assert "backend keras " in text
    fewer, _ = told("litert", models=("dense",))
    assert "backend litert " not in fewer
    assert "backend keras " in fewer
    assert cells(text) - cells(fewer) == 4


def test_a_model_alone_is_explained(tmp_path: Path) -> None:
    text, healthy = told(model=(str(write_tflite(tmp_path / "net.tflite")),))
    assert healthy
    assert text.splitlines() == [
        f"model {tmp_path}/net.tflite, called net.tflite",
        "  a finished artifact (.tflite): no technique changes it",
        "  takes samples of (4), float32",
        "  gives 3 outputs; what it ends with: softmax",
    ]


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    assert "  writable, " in told(store=str(tmp_path / "not" / "there" / "yet"))[0]
    (tmp_path / "file").write_text("no folder")
    assert "  cannot be written: " in told(store=str(tmp_path / "file" / "store"))[0]


ELSEWHERE = """
import tradeoff
class Away(tradeoff.Backend):
    name = "away"
    capabilities = tradeoff.Capabilities(devices=("moon",))
    def convert(self, job): ...
    def load(self, job): ...
@tradeoff.hookimpl
def tradeoff_backends():
    return [Away()]
@tradeoff.hookimpl
def tradeoff_devices():
    return [tradeoff.Device("moon", present=lambda: tradeoff.Refusal("not installed", "a rocket: apt-get install it"))]
"""


def test_a_backend_none_of_whose_devices_is_there_says_what_they_need(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(ELSEWHERE, encoding="utf-8")
    text, _ = told(models=("dense",), backends=("keras",), conftest=tmp_path / "conftest.py")
    assert re.search(r"backend away +nothing needed; not installed: a rocket: apt-get install it", text)
