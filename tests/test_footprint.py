"""What loading and running takes: a known amount is found again, and what was there before does not count."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from user_project import Project

from tradeoff import Environment
from tradeoff.processes.workers import InProcessWorkers, NotAlone, ProcessWorkers, WorkerFailed
from tradeoff.registry import PluginSources, plugin_sources_to_json

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at processes")
MB = 1_000_000
#: Backends that take 200 MB, each in its own way.
BACKENDS = """
import ctypes, mmap, os
from pathlib import Path
import numpy as np
import tradeoff

BYTES = 200_000_000
def array():
    return np.ones(BYTES // 8)
def mapped():
    memory = mmap.mmap(-1, BYTES)
    for place in range(0, BYTES, mmap.PAGESIZE):
        memory[place] = 1
    return memory
def native():
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    memory = library.malloc(ctypes.c_size_t(BYTES))
    library.memset(ctypes.c_void_p(memory), 1, ctypes.c_size_t(BYTES))
    return memory

class Taking(tradeoff.Backend):
    def __init__(self, name, take, when):
        self.name, self.take, self.when = name, take, when
    def environment(self, parameters, device):
        return tradeoff.Environment(self.name)
    def convert(self, job):
        raise NotImplementedError
    def load(self, job):
        if self.name == "broken":
            raise RuntimeError("will not load")
        return Runner(self)

class Runner:
    def __init__(self, backend):
        self.backend, self.kept = backend, backend.take() if backend.when == "load" else None
        if backend.when == "load and free":
            backend.take()
    def bind(self, batch):
        if self.backend.when == "bind":
            self.kept = self.backend.take()
        def call():
            if self.backend.when == "third request":
                self.count = getattr(self, "count", 0) + 1
                if self.count == 3:
                    self.backend.take()
            return batch
        return call

class Telling(Taking):
    def anatomy(self, job, samples):
        return tradeoff.Anatomy(weights_bytes=12, activations_bytes=34 * samples)

@tradeoff.hookimpl
def tradeoff_backends():
    return [
        Taking("array", array, "load"), Taking("mapped", mapped, "load"), Taking("native", native, "load"),
        Taking("freed", array, "load and free"), Taking("bound", array, "bind"),
        Taking("late", array, "third request"), Taking("nothing", array, "never"), Taking("broken", array, "never"),
        Telling("telling", array, "never"),
    ]

def data():
    split = tradeoff.Split(np.zeros((4, 2)), np.arange(4) % 2)
    return tradeoff.Splits(split, split, split, split)
@tradeoff.hookimpl
def tradeoff_tasks():
    return [tradeoff.Task("data", load=data)]
"""
Footprints = Callable[..., dict[str, Any]]


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessWorkers]:
    (tmp_path / "conftest.py").write_text(BACKENDS, encoding="utf-8")
    (tmp_path / "heavy.py").write_text("hoard = b'x' * 100_000_000\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sources = PluginSources(conftests=(str(tmp_path / "conftest.py"),))
    made = ProcessWorkers({"plugins": plugin_sources_to_json(sources)}, tmp_path, timeout=60)
    yield made
    made.close()


@pytest.fixture
def footprint(workers: ProcessWorkers, tmp_path: Path) -> Footprints:
    folder = tmp_path / "data"
    folder.mkdir()
    workers.ask(Environment("data"), {"stage": "data", "task": "data", "folder": str(folder)}, silent)

    def asked(backend: str, batch: int = 1, modules: tuple[str, ...] = ()) -> dict[str, Any]:
        request = {
            "stage": "footprint", "backend": backend, "parameters": {}, "device": "host-cpu",
            "artifact": "none", "data": str(folder), "batch": batch,
        }  # fmt: skip
        found: dict[str, Any] = workers.ask_alone(Environment(backend, modules=modules), request, silent)
        return found

    return asked


def silent(text: str, done: float) -> None:
    """Nobody looks."""


@pytest.mark.parametrize("backend", ["array", "mapped", "native", "freed", "bound", "late"])
def test_what_a_plugin_takes_is_found_within_three_per_cent(footprint: Footprints, backend: str) -> None:
    found = footprint(backend)
    assert found["peak_bytes"] == pytest.approx(200 * MB, rel=0.03)
    assert found["process_bytes"] > found["peak_bytes"]
    assert found["load_seconds"] > 0
    assert found["first_seconds"] > 0


def test_python_and_native_memory_are_told_apart(footprint: Footprints) -> None:
    assert footprint("array")["python_bytes"] == pytest.approx(200 * MB, rel=0.03)
    assert footprint("native")["python_bytes"] < MB


def test_imports_are_in_the_process_and_not_in_the_peak(footprint: Footprints) -> None:
    without, heavy = footprint("nothing"), footprint("nothing", modules=("heavy",))
    assert heavy["process_bytes"] - without["process_bytes"] == pytest.approx(100 * MB, rel=0.03)
    assert heavy["peak_bytes"] < MB
    assert heavy["imported"] == 0


def test_a_backend_that_says_what_it_consists_of_is_quoted(footprint: Footprints) -> None:
    told, silent_one = footprint("telling", batch=2), footprint("nothing")
    assert (told["weights_bytes"], told["activations_bytes"]) == (12, 68)
    assert (silent_one["weights_bytes"], silent_one["activations_bytes"]) == (None, None)


def test_each_has_a_process_of_its_own_and_one_line_tells_what_all_of_them_cost(
    footprint: Footprints, workers: ProcessWorkers
) -> None:
    first = footprint("array")
    (report,) = [report for report in workers.reports if report.name == "array, alone"]
    # In the process of the first the memory would be there already.
    assert footprint("array")["peak_bytes"] == pytest.approx(first["peak_bytes"], rel=0.03)
    (summed,) = [report for report in workers.reports if report.name == "array, alone"]
    assert (report.processes, summed.processes) == (1, 2)
    assert summed.start_seconds > report.start_seconds
    assert {Path(told.log).name for told in workers.reports} == {path.name for path in Path().glob("worker-*.log")}


def test_one_that_does_not_load_leaves_no_process_and_its_log(footprint: Footprints, workers: ProcessWorkers) -> None:
    with pytest.raises(WorkerFailed, match="will not load"):
        footprint("broken")
    assert not [environment for environment in workers._running if environment.name == "broken, alone"]
    assert [Path(report.log).exists() for report in workers.reports] == [True, True]


def test_there_is_none_without_processes() -> None:
    with pytest.raises(NotAlone, match="--tradeoff-in-process"):
        InProcessWorkers({}, None).ask_alone(Environment("here"), {}, silent)  # type: ignore[arg-type]


# --- in a run ---------------------------------------------------------------------------------------

CELL = "dense/baseline/numpy/host-cpu/b1"
NAMES = (
    "load_seconds", "first_seconds", "peak_bytes", "process_bytes", "python_bytes", "native_bytes", "device_bytes",
    "weights_bytes", "activations_bytes",
)  # fmt: skip


def test_a_second_run_has_all_of_it_from_the_store(project: Project) -> None:
    project.run("--tradeoff-rebuild").assert_outcomes(passed=1)
    first = project.json()["tradeoff"]
    project.run().assert_outcomes(passed=1)
    again = project.json()["tradeoff"]
    taken, kept = ({name: run["records"][0]["measurements"][name] for name in NAMES} for run in (first, again))
    assert taken == kept
    assert taken["peak_bytes"]["value"] > 100_000
    assert taken["peak_bytes"]["provenance"] == "measured"
    assert taken["native_bytes"]["provenance"] == "modelled"
    assert taken["weights_bytes"]["provenance"] == "unavailable"
    assert taken["weights_bytes"]["note"] == "backend numpy does not say"
    assert "numpy, alone" in [worker["name"] for worker in first["workers"]]
    assert "numpy, alone" not in [worker["name"] for worker in again["workers"]]


def test_another_batch_is_another_footprint(project: Project) -> None:
    project.run("--tradeoff-loads=b1,b64").assert_outcomes(passed=2)
    alone = [worker for worker in project.json()["tradeoff"]["workers"] if worker["name"] == "numpy, alone"]
    assert len(alone) == 1
    assert len(project.records()) == 2


def test_in_one_process_it_is_unavailable_and_says_why(project: Project) -> None:
    project.run("--tradeoff-in-process", "--tradeoff-loads=b37").assert_outcomes(passed=1)
    (record,) = project.records().values()
    for name in NAMES:
        found = record["measurements"][name]
        assert (found["value"], found["provenance"]) == (None, "unavailable")
        assert "--tradeoff-in-process" in found["note"]


def test_without_timing_it_is_taken_all_the_same(project: Project) -> None:
    project.pytester.runpytest_subprocess(
        "--pyargs", "tradeoff.suites", "--benchmark-disable", "-p", "no:cacheprovider", f"--tradeoff-cells={CELL}"
    ).assert_outcomes(passed=1)
    assert project.records()[CELL]["measurements"]["load_seconds"]["value"] > 0


# --- what the operating system says -----------------------------------------------------------------

#: Small, and so without a share in the peak that the child inherits from it.
LAUNCHER = """
import os, sys
child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
_, status, usage = os.wait4(child, 0)
assert status == 0
print(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
ITSELF = """
import json, sys
from pathlib import Path
import ai_edge_litert.interpreter
import numpy as np
from tradeoff import Loading
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.measure.footprint import load_and_run
from tradeoff.measure.resident import peak_meter

batch = np.zeros((1, 8, 8, 1), "float32")
loading = Loading(Path(sys.argv[1]), {"threads": 1}, "host-cpu")
peak = load_and_run(LiteRTBackend(), loading, batch, peak_meter())[2] if len(sys.argv) > 2 else None
print(json.dumps(vars(peak) if peak else None))
"""
CONVERT = """
import sys
from pathlib import Path
from trained import conversion
from tradeoff.formats import keras_files
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.models import ds_cnn

folder = Path(sys.argv[1])
keras_files.save_model(ds_cnn.build(), folder / "model.keras")
LiteRTBackend().convert(conversion(folder, model_file=folder / "model.keras"))
"""


def told_by_the_system(*arguments: str) -> tuple[Any, int]:
    """What a process says, and its peak as the operating system knows it."""
    command = [sys.executable, "-S", "-E", "-c", LAUNCHER, "-c", ITSELF, *arguments]
    said, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-2:]
    return json.loads(said), int(peak)


@pytest.mark.frameworks
def test_the_peak_of_a_model_is_within_five_per_cent_of_what_the_system_says(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", CONVERT, str(tmp_path)], cwd=Path(__file__).parent, check=True, capture_output=True
    )
    artifact = str(tmp_path / "model.tflite")
    (found, whole), (_, imports) = told_by_the_system(artifact, "run"), told_by_the_system(artifact)
    assert found["whole"] == pytest.approx(whole, rel=0.05)
    # Two processes that import the same differ by some pages.
    assert found["added"] == pytest.approx(whole - imports, rel=0.05, abs=0.5 * MB)
    assert found["added"] > MB
