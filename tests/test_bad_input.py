"""Whatever a person hands in: one message that says what to do, the exit status pytest has for it, and nothing lost."""

from __future__ import annotations

import importlib.util
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from user_project import Project

CELL = "dense/baseline/numpy/host-cpu/b1"
X = np.random.default_rng(0).random((60, 4), dtype="float32")
Y = np.arange(60) % 3
#: A layer that carries code.
LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "mine", "function": {"class_name": "x"}}}
DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"name": "dense", "units": 3, "activation": "softmax"},
}


def model(layer: dict[str, Any], path: str = "my.keras") -> None:
    """A ``.keras`` file that takes four numbers, made by hand."""
    taken = {"module": "keras.layers", "class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}}
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": [taken, layer]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", b"numbers")


def data(**arrays: Any) -> None:
    np.savez("my.npz", **{"x": X, "y": Y, **arrays})


def truncated(path: str) -> None:
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])


def with_nan() -> None:
    x = X.copy()
    x[7, 2] = np.nan
    data(x=x)


def pickled() -> None:
    data(y=np.array([1, "a", None] * 20, dtype=object))


def truncated_model() -> None:
    data()
    truncated("my.keras")


def other_shape() -> None:
    np.savez("my.npz", x_train=X, y_train=Y, x_test=X[:, :3], y_test=Y)


def carrying_code() -> None:
    data()
    model(LAMBDA)


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (with_nan, "x has 1 values that are NaN or infinite, the first nan at index (7, 2)"),
        (pickled, "pickled Python objects, which are never loaded"),
        (other_shape, "all inputs need the same shape"),
        (truncated_model, "is not a .keras file, or is cut short or damaged"),
        (carrying_code, "say --tradeoff-allow-code"),
    ],
)
def test_a_model_or_data_that_cannot_be_used_is_a_usage_error_of_one_line(
    project: Project, prepare: Callable[[], None], told: str
) -> None:
    model(DENSE)
    prepare()
    result = project.run("--tradeoff-model=my.keras", "--tradeoff-data=my.npz", cells=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.errlines + result.outlines if line.startswith("ERROR: "))
    assert told in line
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not (project.pytester.path / ".tradeoff").exists()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('prest = "quick"', "'prest'; did you mean 'preset'?"),
        ("models = [1.5]", "models = [1.5]: expected a list of strings"),
        ("preset =", "pyproject.toml: "),
    ],
)
def test_a_mistake_in_the_table_is_told_with_the_file(project: Project, table: str, told: str) -> None:
    (project.pytester.path / "pyproject.toml").write_text(f"[tool.tradeoff]\n{table}\n", encoding="utf-8")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stdout.str() + result.stderr.str()
    assert told in text
    assert "Traceback" not in text


@pytest.mark.skipif(importlib.util.find_spec("jax") is not None, reason="JAX is installed here")
def test_an_engine_that_is_not_installed_is_a_visible_skip(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    result = project.run(cells="dense/baseline/keras")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["*not installed: jax*pip install*", "*every selected cell is a skip*"])


# --- the store, and the folder of the files ---------------------------------------------------------


@pytest.fixture
def own_store(project: Project, warm_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the warm store, to be spoilt."""
    store = project.pytester.path / "store"
    shutil.copytree(warm_store, store)
    monkeypatch.setenv("TRADEOFF_STORE", str(store))
    return store


@pytest.mark.parametrize(("more", "warned"), [((), 1), (("-Werror",), 0)])
def test_a_flipped_byte_is_noticed_named_and_mended(
    project: Project, own_store: Path, more: tuple[str, ...], warned: int
) -> None:
    project.conftest("""
class Light(NumpyBackend):
    version = "light"
    def conversion_environment(self, parameters):
        return self.environment(parameters, "host-cpu")
    def convert(self, job):
        np.savez(job.folder / "light.npz", np.zeros((64, 10)), np.arange(10.0))
        return job.folder / "light.npz"
@tradeoff.hookimpl
def tradeoff_backends():
    return [Light()]
""")
    project.run().assert_outcomes(passed=1)
    (payload,) = own_store.glob("artifact/*/light.npz")
    whole = payload.read_bytes()
    payload.write_bytes(whole[:1000] + bytes([whole[1000] ^ 0xFF]) + whole[1001:])
    result = project.run(*more)
    result.assert_outcomes(passed=1, warnings=warned)
    result.stdout.fnmatch_lines([f"*{payload.parent.name} is corrupted: light.npz has other bytes than were *"])
    assert project.records()[CELL]["status"] == "measured"
    assert payload.read_bytes() == whole
    assert len(list((own_store / "set-aside").iterdir())) == 1


def test_a_store_where_nothing_can_be_written_costs_the_cells_that_are_not_in_it_yet(
    project: Project, own_store: Path
) -> None:
    shutil.rmtree(own_store / "locks")
    # Where the locks would lie is a file: nothing can be made, and what is there can be read.
    (own_store / "locks").write_text("no folder")
    project.conftest("""
class Other(NumpyBackend):
    name = "other"
@tradeoff.hookimpl
def tradeoff_backends():
    return [NumpyBackend(), Other()]
""")
    result = project.run("--tradeoff-backends=numpy,other", cells="dense/baseline/[no]*")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)
    record = project.records()["dense/baseline/other/host-cpu/b1"]
    assert record["status"] == "failed"
    assert "a file is where a folder should be. Choose a folder that can be written" in record["reason"]


def test_a_full_disk_is_told_as_one_wherever_it_is_noticed(project: Project, own_store: Path) -> None:
    project.conftest("""
class Filling(NumpyBackend):
    name = "filling"
    def conversion_environment(self, parameters):
        return self.environment(parameters, "host-cpu")
    def convert(self, job):
        (job.folder / "half").write_text("half of it")
        raise OSError(28, "No space left on device")
@tradeoff.hookimpl
def tradeoff_backends():
    return [Filling()]
""")
    project.run(cells="dense/baseline/filling").assert_outcomes(failed=1)
    (record,) = project.records().values()
    assert "the disk is full. Make room" in record["reason"]
    assert list((own_store / "temporary").iterdir()) == []


def test_an_output_folder_that_cannot_be_made_is_a_usage_error(project: Project) -> None:
    Path("file").write_text("no folder")
    result = project.run("--tradeoff-output=file/run")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: the output folder *file/run cannot be made: *--tradeoff-output FOLDER"])
