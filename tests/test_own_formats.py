"""Finished artifacts and data of every kind through a whole run: they stand in one table with what they came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import finished_files as made
import numpy as np
import pytest
from user_project import Project

from tradeoff.errors import BadInput
from tradeoff.options import Settings
from tradeoff.own import read_own
from tradeoff.registry import load_registry

READING = """
class Reading(NumpyBackend):
    name = "reading"
    capabilities = tradeoff.Capabilities(reads=(".dense",))
class Choosy(NumpyBackend):
    '''Takes one sample at a time.'''
    name = "choosy"
    capabilities = tradeoff.Capabilities(reads=(".dense",))
    def load(self, job):
        inner = super().load(job)
        class Runner:
            def bind(self, batch):
                if len(batch) != 1:
                    raise tradeoff.Refused("not supported by format", f"no batch of {len(batch)}")
                return inner.bind(batch)
        return Runner()
@tradeoff.hookimpl
def tradeoff_backends():
    return [Reading(), Choosy(), NumpyBackend()]
"""
DATA = """
import numpy as np
def make():
    x = np.random.default_rng(0).random((60, 4))
    return {"x": x, "y": np.arange(60) % 3}
def raises():
    raise RuntimeError("no disk today")
"""
OWN = ("--tradeoff-data=my_data:make", "--tradeoff-outputs=probabilities")


def dense(path: str, seed: int = 0) -> None:
    """A finished artifact of the backend in NumPy: one dense layer."""
    random = np.random.default_rng(seed)
    with Path(path).open("wb") as stream:
        np.savez(stream, random.normal(size=(4, 3)), random.normal(size=3))


@pytest.fixture
def own(project: Project) -> Project:
    project.conftest(READING)
    (project.pytester.path / "my_data.py").write_text(DATA, encoding="utf-8")
    dense("net.dense")
    dense("other.dense", seed=1)
    return project


def test_finished_artifacts_alone_run_without_keras_and_are_compared_with_the_first(own: Project) -> None:
    result = own.run("--tradeoff-model=net.dense,other.dense", *OWN, "--tradeoff-techniques=baseline,fp16", cells=None)
    records = own.records()
    measured = {name: record for name, record in records.items() if record["status"] == "measured"}
    assert set(measured) == {
        f"{m}.dense/baseline/{b}/host-cpu/b1" for m in ("net", "other") for b in ("reading", "choosy")
    }
    assert not any("keras" in worker["name"] for worker in own.json()["tradeoff"]["workers"])
    net, other = (measured[f"{name}.dense/baseline/reading/host-cpu/b1"] for name in ("net", "other"))
    assert (net["facts"]["finished"], net["facts"].get("baseline")) == (".dense", None)
    assert (other["facts"]["baseline"], other["facts"]["precision"]) == ("net.dense", "as it came")
    assert "speed_up" not in net["measurements"]
    assert other["measurements"]["speed_up"]["value"] > 0
    assert net["measurements"]["top1_agreement"]["value"] == 1.0
    assert other["measurements"]["top1_agreement"]["value"] < 1.0
    assert net["measurements"]["artifact_bytes"]["value"] == Path("net.dense").stat().st_size
    unknown = other["measurements"]["parameters"]
    assert (unknown["provenance"], unknown["note"][:22]) == ("unavailable", "finished when it came;")
    assert records["net.dense/fp16/reading/host-cpu/b1"]["reason"].startswith(
        "not supported by format: .dense is finished"
    )
    assert records["net.dense/baseline/numpy/host-cpu/b1"]["reason"].endswith("numpy reads no finished .dense")
    # All of them stand in one table, with a column that tells them apart.
    result.stdout.fnmatch_lines(["net.dense * host-cpu * b1", "model *technique *", "*other.dense *baseline *"])


def test_the_baseline_that_is_named_decides_over_all_models(own: Project) -> None:
    own.run(
        "--tradeoff-model=net.dense,other.dense", *OWN, "--tradeoff-baseline=other.dense", cells="*/baseline/reading"
    )
    facts = {name.split("/")[0]: record["facts"] for name, record in own.records().items()}
    assert (facts["net.dense"]["baseline"], facts["other.dense"].get("baseline")) == ("other.dense", None)


def test_a_second_run_adopts_nothing_anew_and_a_changed_file_is_another_artifact(own: Project) -> None:
    given = ("--tradeoff-model=net.dense", *OWN)
    own.run(*given, cells="*/baseline/reading")
    (first,) = own.records().values()
    own.run(*given, cells="*/baseline/reading")
    (second,) = own.records().values()
    assert second["facts"]["artifact"] == first["facts"]["artifact"]
    dense("net.dense", seed=2)
    own.run(*given, cells="*/baseline/reading")
    (third,) = own.records().values()
    assert third["facts"]["artifact"] != first["facts"]["artifact"]


@pytest.fixture
def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models and data that do not fit together, or are damaged."""
    monkeypatch.chdir(tmp_path)
    Path("my_data.py").write_text(DATA, encoding="utf-8")
    made.write_onnx(Path("wide.onnx"), shape=("n", 5))
    made.write_onnx(Path("eight.onnx"), shape=(8, 4))
    made.write_onnx(Path("four.onnx"), classes=4)
    made.write_tflite(Path("cut.tflite")).write_bytes(made.tflite_model()[:-30])
    made.write_saved_model(Path("evil"), "PyFunc")
    for name in ("x", "empty"):
        Path(name).mkdir()
    for path in ("net.dense", "x/net.dense"):
        dense(path)


@pytest.mark.usefixtures("spoilt")
@pytest.mark.parametrize(
    ("models", "source", "told"),
    [
        ("net.dense", "my_data:make", "does not say what it gives; say --tradeoff-outputs"),
        ("net.dense", "my_data:raises", "my_data:raises raised RuntimeError: no disk"),
        ("net.dense", "empty", "empty has no folders in it"),
        ("wide.onnx", "my_data:make", "wide.onnx takes samples of shape (5), my_data:make gives (4)"),
        ("eight.onnx", "my_data:make", "eight.onnx takes 8 samples at a time and no other number"),
        ("four.onnx", "my_data:make", "four.onnx gives 4 outputs, my_data:make has 3 classes"),
        ("cut.tflite", "my_data:make", "cut.tflite is a LiteRT model that is damaged"),
        ("evil", "my_data:make", "more than compute: PyFunc"),
        ("net.dense,x/net.dense", "my_data:make", "would both be called 'net.dense'"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_begins(models: str, source: str, told: str) -> None:
    settings = Settings({"model": tuple(models.split(",")), "data": source}, {})
    with pytest.raises(BadInput) as caught:
        read_own(settings, reads=(".dense",))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--tradeoff-model=net.dense", "--tradeoff-data=my_data:raises"), "my_data:raises raised RuntimeError"),
        (("--tradeoff-model=net.dense", *OWN, "--tradeoff-baseline=nat.dense"), "did you mean 'net.dense'?"),
    ],
)
def test_that_is_a_usage_error_of_one_line(own: Project, given: tuple[str, ...], told: str) -> None:
    result = own.run(*given, cells=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.errlines + result.outlines if line.startswith("ERROR: "))
    assert told in line
    assert not (own.pytester.path / ".tradeoff").exists()


def test_a_rerun_calls_a_function_only_when_one_says_so_and_wants_the_same_data(own: Project) -> None:
    own.run("--tradeoff-model=net.dense", *OWN, cells="*/baseline/reading")
    manifest = own.folder / "manifest.json"
    entry = next(file for file in json.loads(manifest.read_text())["files"] if file["role"] == "data")
    assert (entry["path"], len(entry["sha256"])) == ("my_data:make", 64)
    again = (f"--tradeoff-rerun={manifest}",)
    refused = own.run(*again, cells=None)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*the run of then called my_data:make for its data*--allow-code"])
    own.run(*again, "--tradeoff-allow-code", cells=None).assert_outcomes(passed=1)
    (own.pytester.path / "my_data.py").write_text(DATA.replace("default_rng(0)", "default_rng(1)"), encoding="utf-8")
    other = own.run(*again, "--tradeoff-allow-code", cells=None)
    other.stderr.fnmatch_lines(["*my_data:make gives other data than then: it would not be the same run"])


def test_data_called_like_a_task_that_is_registered_leaves_that_task_alone(tmp_path: Path) -> None:
    from tradeoff import Model, Task

    registry = load_registry()
    mine = Task("digits", lambda: pytest.fail("nothing is loaded"))
    found = registry.with_own(mine, [Model("mine", "digits")])
    assert found.tasks["digits"] is registry.tasks["digits"]
    assert found.task_of(found.models["mine"]).load is mine.load
    with pytest.raises(BadInput, match="a model named 'cnn' is registered already"):
        registry.with_own(mine, [Model("cnn", "digits")])


@pytest.mark.frameworks
def test_a_keras_model_its_older_format_and_a_conversion_of_it_stand_in_one_table(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    script = """
import keras, numpy as np, tensorflow as tf
keras.utils.set_random_seed(0)
net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
net.save("net.keras"); net.save("net.h5"); net.export("saved", verbose=False)
open("net.tflite", "wb").write(tf.lite.TFLiteConverter.from_saved_model("saved").convert())
np.savez("my.npz", x=np.random.default_rng(0).random((60, 4)), y=np.arange(60) % 3)
"""
    pytester.makepyfile(make_it=script)
    assert pytester.runpython("make_it.py").ret == 0
    project = Project(pytester)
    result = project.run(
        "--tradeoff-model=net.keras,net.h5,net.tflite,saved", "--tradeoff-data=my.npz", cells="*/baseline/*"
    )
    records: dict[str, Any] = project.records()
    measured = {name for name, record in records.items() if record["status"] == "measured"}
    expected = {
        f"{model}/baseline/{backend}/host-cpu/b1" for model in ("net", "net.h5") for backend in ("keras", "litert")
    }
    assert measured >= expected | {"net.tflite/baseline/litert/host-cpu/b1"}
    finished = records["net.tflite/baseline/litert/host-cpu/b1"]
    assert finished["facts"]["baseline"] == "net"
    assert finished["measurements"]["cosine"]["value"] == pytest.approx(1.0)
    assert finished["measurements"]["speed_up"]["value"] > 0
    # The older format holds the same model: what it becomes is measured once.
    assert records["net.h5/baseline/litert/host-cpu/b1"]["same_as"] == "net/baseline/litert/host-cpu/b1"
    result.stdout.fnmatch_lines(["net * host-cpu * b1", "model *", "net.tflite *"])
