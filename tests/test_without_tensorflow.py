"""With a framework absent the rest runs: what is missing is a visible skip with the line that would install it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from trained import NOISE
from user_project import Project

from tradeoff.formats import keras_files

pytest.importorskip("jax", exc_type=ImportError)
pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
#: Python reads it at its start, in the process that plans and in every worker: the import system finds no such module.
BLOCKER: Final = """
from importlib.machinery import PathFinder

ABSENT = {absent!r}
find = PathFinder.find_spec.__func__


def find_spec(cls, fullname, path=None, target=None):
    return None if fullname.partition(".")[0] in ABSENT else find(cls, fullname, path, target)


PathFinder.find_spec = classmethod(find_spec)
"""


@pytest.fixture
def without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """From here on new processes have neither TensorFlow nor what comes with it."""
    folder = tmp_path / "absent"
    folder.mkdir()
    absent = {"tensorflow", "ai_edge_litert", "torch"}
    (folder / "sitecustomize.py").write_text(BLOCKER.format(absent=absent), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("KERAS_HOME", str(folder))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A net that needs no training, and data for it.

    Made before any test begins: pytester forgets what was imported in one, and TensorFlow aborts at its second import.
    """
    import keras

    folder = tmp_path_factory.mktemp("own")
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(400, 6)).astype(np.float32), generator.integers(0, 3, 400)
    keras.utils.set_random_seed(0)
    layers = [keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")]
    keras_files.save_model(keras.Sequential(layers), folder / "given.keras")
    np.savez(folder / "data.npz", x=x, y=y)
    return f"--tradeoff-model={folder / 'given.keras'}", f"--tradeoff-data={folder / 'data.npz'}"


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize("module", ["tensorflow", "ai_edge_litert"])
def test_what_these_tests_call_absent_is_so(module: str) -> None:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is not None)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert subprocess.run([sys.executable, "-c", f"import {module}"], check=False, capture_output=True).returncode == 1


@pytest.mark.usefixtures("without")
def test_keras_and_jax_cells_run_on_jax_unasked_and_the_rest_is_skipped_with_what_to_install(
    project: Project, own: tuple[str, ...]
) -> None:
    backends = "--tradeoff-backends=jax,keras,keras:engine=tensorflow,keras:engine=torch,litert"
    result = project.run(*own, backends, "--tradeoff-techniques=baseline", cells=None)
    records = {cell.split("/")[2]: record for cell, record in project.records().items()}
    assert {name for name, record in records.items() if record["status"] == "measured"} == {"jax", "keras"}
    assert records["keras"]["facts"]["engine"] == "jax"
    reasons = {name: str(record) for name, record in records.items() if record["status"] == "skipped"}
    assert "tensorflow: pip install tensorflow" in reasons["keras:engine=tensorflow"]
    assert "torch: pip install torch" in reasons["keras:engine=torch"]
    assert "pip install 'tradeoff[litert]'" in reasons["litert"]
    result.assert_outcomes(passed=2, skipped=3)


@pytest.mark.deep
@pytest.mark.usefixtures("without")
def test_a_built_in_model_is_trained_and_measured_where_jax_is_asked_for(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    options = (f"--tradeoff-store={tmp_path / 'store'}", "--tradeoff-backends=jax,keras")
    techniques = "--tradeoff-techniques=baseline,fp16,bf16"
    project.run(*options, techniques, cells="dense/*").assert_outcomes(passed=6)
    accuracy = {record["measurements"]["accuracy"]["value"] for record in project.records().values()}
    assert min(accuracy) >= 0.95
