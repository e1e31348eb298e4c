"""The whole corridor with the real TensorFlow and LiteRT: from an empty store to a table; and one's own models."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from user_project import QUICK, SUITE, heeding_interrupts

pytestmark = pytest.mark.frameworks
TELL_IMPORTS = """
import json, pathlib, sys
def pytest_unconfigure():
    found = [name for name in ("tensorflow", "keras", "ai_edge_litert", "sklearn", "jax") if name in sys.modules]
    pathlib.Path("imported.json").write_text(json.dumps(found))
"""


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    folder: Path
    status: int
    output: str

    @property
    def data(self) -> dict[str, Any]:
        """What it wrote."""
        found: dict[str, Any] = json.loads((self.folder / "benchmark.json").read_text(encoding="utf-8"))
        return found

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        """By cell."""
        return {record["cell"]: record for record in self.data["tradeoff"]["records"]}

    def values(self, name: str) -> dict[str, float]:
        """One measurement of every measured cell, by the cell without its device."""
        return {
            cell.replace("/host-cpu", ""): record["measurements"][name]["value"]
            for cell, record in self.records.items()
            if record["status"] == "measured"
        }

    @property
    def workers(self) -> list[str]:
        """The workers it needed, in the order of their start."""
        return [worker["name"] for worker in self.data["tradeoff"]["workers"]]


#: What is counted here; other backends have tests of their own.
TWO = "--tradeoff-backends=keras,litert"


def run(folder: Path, *arguments: str) -> Finished:
    """Run the installed suites in ``folder``, on the store that lies there."""
    output = folder / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "pytest", *SUITE, *QUICK, f"--tradeoff-output={output}", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    return Finished(output, done.returncode, done.stdout + done.stderr)


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TRADEOFF_STORE": str(folder / "store"), "COLUMNS": "80"}


def entries(folder: Path) -> dict[str, int]:
    """Every entry of the store with the time at which it was sealed."""
    return {str(path.parent): path.stat().st_mtime_ns for path in (folder / "store").glob("*/*/manifest.json")}


# --- the built-in task ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The dense net in every precision on both backends, from an empty store."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "conftest.py").write_text(TELL_IMPORTS, encoding="utf-8")
    finished = run(folder, "--tradeoff-models=dense", TWO)
    assert finished.status == 0, finished.output
    return finished


def test_every_cell_that_can_exist_is_measured_and_the_others_say_why_not(cold: Finished) -> None:
    statuses = {cell: record["status"] for cell, record in cold.records.items()}
    skipped = {"dense/dynamic/keras/host-cpu/b1", "dense/int8/keras/host-cpu/b1"}
    assert len(statuses) == 8
    assert {cell for cell, status in statuses.items() if status == "skipped"} == skipped
    assert set(statuses.values()) == {"measured", "skipped"}
    assert all("not implemented here" in cold.records[cell]["reason"] for cell in skipped)
    assert cold.workers == ["keras on tensorflow", "keras on tensorflow, alone", "litert", "litert, alone"]


def test_the_process_that_plans_has_imported_no_framework(cold: Finished) -> None:
    assert json.loads((cold.folder.parent / "imported.json").read_text()) == []


def test_quantizing_makes_it_smaller_and_keeps_what_it_answers(cold: Finished) -> None:
    size = cold.values("artifact_bytes")
    assert size["dense/fp16/litert/b1"] < 0.6 * size["dense/baseline/litert/b1"]
    assert size["dense/int8/litert/b1"] < 0.4 * size["dense/baseline/litert/b1"]
    assert size["dense/dynamic/litert/b1"] < 0.4 * size["dense/baseline/litert/b1"]
    assert all(value >= 0.95 for value in cold.values("accuracy").values())
    agreement = cold.values("top1_agreement")
    assert agreement["dense/baseline/keras/b1"] == agreement["dense/baseline/litert/b1"] == 1.0
    assert all(value >= 0.97 for value in agreement.values())
    assert all(value > 0.99 for value in cold.values("cosine").values())


def test_every_number_says_where_it_comes_from(cold: Finished) -> None:
    for record in cold.records.values():
        for name, item in record["measurements"].items():
            known = "modelled" if name in ("native_bytes", "activations_bytes") else "measured"
            assert item["provenance"] == ("unavailable" if item["value"] is None else known), name
            assert item["unit"], name
    latencies = [record["measurements"].get("latency") for record in cold.records.values()]
    found = [item for item in latencies if item is not None]
    assert len(found) == 6
    assert all(item["low"] <= item["value"] <= item["high"] for item in found)


def test_parameters_and_operations_are_those_of_the_net(cold: Finished) -> None:
    layers = ((64, 300), (300, 100), (100, 10))
    assert set(cold.values("parameters").values()) == {sum((taken + 1) * given for taken, given in layers)}
    assert set(cold.values("macs").values()) == {sum(taken * given for taken, given in layers)}


def test_the_tables_on_the_disk_tell_of_the_same_cells(cold: Finished) -> None:
    rows = {row["cell"]: row for row in csv.DictReader(io.StringIO((cold.folder / "table.csv").read_text("utf-8")))}
    assert {cell: row["status"] for cell, row in rows.items()} == {
        cell: record["status"] for cell, record in cold.records.items()
    }
    for cell, value in cold.values("artifact_bytes").items():
        model, chain, backend, load = cell.split("/")
        assert float(rows[f"{model}/{chain}/{backend}/host-cpu/{load}"]["artifact_bytes"]) == value
    assert "accuracy" in cold.output
    assert "int8" in (cold.folder / "table.md").read_text("utf-8")


def test_a_second_run_builds_and_converts_nothing(cold: Finished) -> None:
    folder = cold.folder.parent
    before = entries(folder)
    again = run(folder, "--tradeoff-models=dense", TWO)
    assert again.status == 0, again.output
    assert entries(folder) == before
    kept = ("accuracy", "artifact_bytes", "loss", "build_seconds", "conversion_seconds", "peak_bytes", "load_seconds")
    for name in kept:
        assert again.values(name) == cold.values(name)


def test_what_is_in_the_store_needs_no_tensorflow(cold: Finished) -> None:
    again = run(cold.folder.parent, "--tradeoff-cells=dense/*/litert", "--tradeoff-loads=b1,b8")
    assert again.status == 0, again.output
    assert again.workers == ["litert", "litert, alone"]
    assert len(again.values("latency")) == 8


def test_threads_of_the_runtime_are_told_and_make_no_second_artifact(cold: Finished) -> None:
    folder = cold.folder.parent
    before = {entry for entry in entries(folder) if "/artifact/" in entry}
    finished = run(folder, "--tradeoff-cells=dense/int8/*", "--tradeoff-backends=litert:threads=2")
    assert finished.status == 0, finished.output
    (record,) = finished.records.values()
    assert record["facts"]["threads"] == 2
    assert finished.workers == ["litert", "litert, alone"]
    assert {entry for entry in entries(folder) if "/artifact/" in entry} == before


# --- models of one's own ----------------------------------------------------------------------------

MAKE_OWN = """
import json
import keras, numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(0)
digits = load_digits()
images, labels = (digits.images / 16).astype("float32"), digits.target
train, test = slice(0, 1200), slice(1200, None)
told = {}

def save(name, model, x, y, loss, measure):
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(x[train], y[train], epochs=6, batch_size=64, verbose=0)
    model.save(name + ".keras")
    np.savez(name + ".npz", x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])
    told[name] = float(measure(np.asarray(model.predict(x[test], verbose=0)), y[test]))

# Of open sizes, with BatchNorm, without softmax.
taken = keras.Input((None, None, 1))
inner = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2)(taken)))
given = layers.Dense(10)(layers.GlobalMaxPooling2D()(inner))
save("open", keras.Model(taken, given), images[..., None], labels,
     keras.losses.SparseCategoricalCrossentropy(from_logits=True), lambda out, y: (out.argmax(1) == y).mean())
# One sigmoid for two classes, flattened.
flat = [layers.Input((8, 8)), layers.Flatten(), layers.Dense(16, activation="relu")]
save("odd", keras.Sequential([*flat, layers.Dense(1, activation="sigmoid")]), images, labels % 2,
     "binary_crossentropy", lambda out, y: ((out[:, 0] > 0.5) == y).mean())
# Two values for each sample.
values = np.stack([images.mean((1, 2)), images.std((1, 2))], 1)
save("ink", keras.Sequential([*flat, layers.Dense(2)]), images, values,
     "mse", lambda out, y: np.abs(out - y).mean())
# Code inside.
keras.Sequential([layers.Input((8, 8)), layers.Lambda(lambda x: 2 * x), layers.Flatten(),
                  layers.Dense(10, activation="softmax")]).save("code.keras")
json.dump(told, open("told.json", "w"))
"""


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models and data of a user's, and what Keras itself says of their quality."""
    folder = tmp_path_factory.mktemp("own")
    quiet = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", MAKE_OWN], cwd=folder, env=quiet, check=True, stderr=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize(
    ("name", "metric"),
    [("open", "accuracy"), ("ink", "mae"), pytest.param("odd", "accuracy", marks=pytest.mark.deep)],
)
def test_a_model_of_ones_own_is_as_good_as_keras_says_on_every_backend_and_at_every_load(
    own: Path, name: str, metric: str
) -> None:
    finished = run(
        own,
        f"--tradeoff-model={name}.keras",
        f"--tradeoff-data={name}.npz",
        "--tradeoff-techniques=baseline,int8",
        "--tradeoff-loads=b1,b7",
        TWO,
    )
    assert finished.status == 0, finished.output
    assert sorted(finished.values("latency")) == [
        f"{name}/{cell}" for cell in (
            "baseline/keras/b1", "baseline/keras/b7", "baseline/litert/b1", "baseline/litert/b7",
            "int8/litert/b1", "int8/litert/b7",
        )
    ]  # fmt: skip
    told = json.loads((own / "told.json").read_text())[name]
    found = finished.values(metric)
    for cell, value in found.items():
        assert value == pytest.approx(told, abs=0.03 if "int8" in cell else 1e-5), cell


@pytest.mark.deep
def test_the_test_split_judges_and_is_seen_by_nothing_else(own: Path) -> None:
    """Calibration on other samples gives another artifact; other test samples give the same."""
    import numpy as np

    with np.load(own / "odd.npz") as file:
        arrays = dict(file)
    np.savez(own / "shuffled.npz", **{**arrays, "x_test": arrays["x_test"][::-1], "y_test": arrays["y_test"][::-1]})
    contents = set()
    for data in ("odd", "shuffled"):
        finished = run(
            own, "--tradeoff-model=odd.keras", f"--tradeoff-data={data}.npz", "--tradeoff-cells=odd/int8/litert"
        )
        (record,) = finished.records.values()
        assert record["status"] == "measured", finished.output
        contents.add(record["facts"]["content"])
    assert len(contents) == 1


@pytest.mark.deep
def test_code_in_a_model_is_run_only_when_one_says_so(own: Path) -> None:
    import numpy as np

    with_code = ("--tradeoff-model=code.keras", "--tradeoff-data=flat.npz", "--tradeoff-techniques=baseline")
    with np.load(own / "odd.npz") as file:
        arrays = dict(file)
    labels = {"y_train": np.arange(len(arrays["y_train"])) % 10, "y_test": np.arange(len(arrays["y_test"])) % 10}
    np.savez(own / "flat.npz", **{**arrays, **labels})
    refused = run(own, *with_code)
    assert refused.status == pytest.ExitCode.USAGE_ERROR
    assert "say --tradeoff-allow-code" in refused.output
    allowed = run(own, *with_code, "--tradeoff-allow-code", "--tradeoff-backends=litert")
    assert allowed.status == 0, allowed.output
    assert allowed.values("accuracy")["code/baseline/litert/b1"] < 0.5


# --- runs that are ended from outside ---------------------------------------------------------------


def interrupted(folder: Path, when: str, how: Callable[[subprocess.Popen[str]], None], *arguments: str) -> Finished:
    """A run that is ended once it has printed ``when``."""
    output = folder / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "pytest", *SUITE, f"--tradeoff-output={output}", *arguments]
    # A file, because a pipe that nobody reads in time would hold the run up.
    printed = folder / f"{output.name}.txt"
    with (
        printed.open("w") as stream,
        subprocess.Popen(
            heeding_interrupts(command),
            cwd=folder,
            env=environment(folder),
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        end = time.monotonic() + 120
        while when not in printed.read_text():
            assert process.poll() is None, printed.read_text()
            assert time.monotonic() < end, printed.read_text()
            time.sleep(0.05)
        how(process)
        process.wait(timeout=30)
    return Finished(output, process.returncode, printed.read_text())


def workers_in(folder: Path) -> list[str]:
    """The processes whose output goes into ``folder``: they live as long as they hold it open."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and str((process / "fd" / "1").readlink()).startswith(str(folder)):
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder without a store."""
    return tmp_path


@pytest.mark.deep
@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.parametrize(
    ("how", "status"), [(signal.SIGINT, pytest.ExitCode.INTERRUPTED), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_training_that_is_stopped_leaves_no_worker_and_no_half_model(empty: Path, how: int, status: int) -> None:
    stopped = interrupted(
        empty, "epoch 1", lambda process: process.send_signal(how), "--tradeoff-cells=cnn/baseline/litert"
    )
    assert stopped.status == status
    end = time.monotonic() + 5
    while workers_in(stopped.folder):
        assert time.monotonic() < end, "a worker outlived its run"
        time.sleep(0.05)
    assert not any("/variant/" in entry for entry in entries(empty))
    if how == signal.SIGINT:
        assert stopped.records["cnn/baseline/litert/host-cpu/b1"]["status"] == "interrupted"
    after = run(empty, "--tradeoff-cells=dense/baseline/litert")
    assert after.status == 0, after.output
    assert list((empty / "store" / "temporary").iterdir()) == []


@pytest.mark.deep
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_fine_tuning_that_is_stopped_begins_anew_and_ends_as_if_it_had_not_been(empty: Path, how: int) -> None:
    cells = "--tradeoff-cells=dense/prune:epochs=40/litert"
    interrupted(empty, "prune: epoch 1 of 40", lambda process: process.send_signal(how), cells)
    assert sum("/variant/" in entry for entry in entries(empty)) == 1
    again, anew = run(empty, cells), run(fresh(empty), cells)
    (found,), (wanted,) = again.records.values(), anew.records.values()
    assert (found["status"], found["facts"]["content"]) == ("measured", wanted["facts"]["content"])


def fresh(folder: Path) -> Path:
    """A folder beside it, with no store."""
    made = folder / "fresh"
    made.mkdir()
    return made


@pytest.mark.deep
def test_what_a_killed_run_had_finished_can_be_reported(cold: Finished) -> None:
    folder = cold.folder.parent
    killed = interrupted(
        folder, "[2/4]", lambda process: process.kill(), "--tradeoff-cells=dense/*/litert", "--benchmark-max-time=3"
    )
    assert not (killed.folder / "benchmark.json").exists()
    report = subprocess.run(
        [sys.executable, "-m", "tradeoff", "report", str(killed.folder), "--format", "csv"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    statuses = [row["status"] for row in csv.DictReader(io.StringIO(report.stdout))]
    assert statuses[0] == "measured"
    assert statuses[2:] == ["not run", "not run"]


@pytest.mark.deep
def test_the_same_seed_gives_the_same_accuracy_and_another_gives_another_model(tmp_path: Path) -> None:
    found = []
    for store, seed in (("one", 5), ("two", 5), ("one", 6)):
        folder = tmp_path / store
        folder.mkdir(exist_ok=True)
        finished = run(folder, "--tradeoff-cells=ds_cnn/baseline/litert", f"--tradeoff-seed={seed}")
        assert finished.status == 0, finished.output
        (record,) = finished.records.values()
        found.append((record["facts"]["content"], record["measurements"]["accuracy"]["value"]))
    assert found[0] == found[1]
    assert found[2][0] != found[0][0]
    assert all(accuracy >= 0.95 for _, accuracy in found)
