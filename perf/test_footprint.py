"""How well memory is told, and what it costs to tell it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from figures import Note, litert_cell, python, quiet, seconds, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.processes.workers import ProcessWorkers
from tradeoff.registry import PluginSources, plugin_sources_to_json
from tradeoff.supply import Supply
from tradeoff.vocabulary import Environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="asks the operating system for a process's peak")
BYTES = 200_000_000
#: Backends that take so much: as a NumPy array, as memory that Python knows nothing of, and for a moment only.
PLUGIN = f"""
import ctypes
import numpy
import tradeoff

def array():
    return numpy.ones({BYTES} // 8)
def native():
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    memory = library.malloc(ctypes.c_size_t({BYTES}))
    library.memset(ctypes.c_void_p(memory), 1, ctypes.c_size_t({BYTES}))
def freed():
    array()

class Taking(tradeoff.Backend):
    def __init__(self, take):
        self.name, self.take = take.__name__, take
    def convert(self, job):
        raise NotImplementedError
    def load(self, job):
        self.kept = self.take()
        return self
    def bind(self, batch):
        return lambda: batch

@tradeoff.hookimpl
def tradeoff_backends():
    return [Taking(array), Taking(native), Taking(freed)]
@tradeoff.hookimpl
def tradeoff_tasks():
    split = tradeoff.Split(numpy.zeros((4, 2)), numpy.arange(4) % 2)
    return [tradeoff.Task("data", load=lambda: tradeoff.Splits(split, split, split, split))]
"""
#: Starts a process and says what ``/usr/bin/time -v`` does; small, since a child inherits the peak of its parent.
LAUNCHER = """
import os, sys
child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
_, status, usage = os.wait4(child, 0)
assert status == 0
print(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
LOAD_AND_RUN = """
import json, sys
from pathlib import Path
import ai_edge_litert.interpreter
import numpy
from tradeoff import Loading
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.measure.footprint import load_and_run
from tradeoff.measure.resident import peak_meter

batch = numpy.zeros((1, 8, 8, 1), "float32")
loading = Loading(Path(sys.argv[1]), {"threads": 1}, "host-cpu")
print(json.dumps(vars(load_and_run(LiteRTBackend(), loading, batch, peak_meter())[2])))
"""


@pytest.fixture
def taking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessWorkers]:
    """Workers that know the backends of :data:`PLUGIN`."""
    conftest = tmp_path / "conftest.py"
    conftest.write_text(PLUGIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    workers = ProcessWorkers(
        {"plugins": plugin_sources_to_json(PluginSources(conftests=(str(conftest),)))}, tmp_path, 60
    )
    yield workers
    workers.close()


@pytest.mark.benchmark(group="memory of a known allocation")
@pytest.mark.parametrize("backend", ["array", "native", "freed"])
def test_a_known_allocation(
    benchmark: BenchmarkFixture, figure: Note, taking: ProcessWorkers, tmp_path: Path, backend: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    taking.ask(Environment("data"), {"stage": "data", "task": "data", "folder": str(data)}, quiet)
    request = {"stage": "footprint", "backend": backend, "parameters": {}, "device": "host-cpu"}
    whole = {**request, "artifact": "none", "data": str(data), "batch": 1}
    found: list[int] = []

    def once() -> None:
        found.append(taking.ask_alone(Environment(backend), whole, quiet)["peak_bytes"])

    show(benchmark, [seconds(once) for _ in range(5)])
    worst = max(abs(peak - BYTES) for peak in found)
    figure(f"200 MB, {backend}: the worst of five processes is off by", 100 * worst / BYTES, 3.0, "%")


@pytest.mark.benchmark(group="memory of a model")
def test_a_model_against_what_the_system_says(
    benchmark: BenchmarkFixture, figure: Note, supply: Supply, tmp_path: Path
) -> None:
    pytest.importorskip("ai_edge_litert")
    artifact = supply.artifact(litert_cell(supply, "cnn", "baseline"), quiet)
    path = str(artifact.path / artifact.facts["artifact"])
    off: list[float] = []

    def once() -> None:
        said = python("-S", "-E", "-c", LAUNCHER, "-c", LOAD_AND_RUN, path, folder=tmp_path).splitlines()[-2:]
        told, system = json.loads(said[0])["whole"], int(said[1])
        off.append(abs(told / system - 1))

    show(benchmark, [seconds(once) for _ in range(5)])
    figure("load and run of a LiteRT model: the worst of five differs from the system by", 100 * max(off), 5.0, "%")


@pytest.mark.benchmark(group="memory of a model")
def test_what_a_footprint_costs(benchmark: BenchmarkFixture, figure: Note, supply: Supply) -> None:
    pytest.importorskip("ai_edge_litert")
    wanted = litert_cell(supply, "cnn", "baseline")
    artifact = supply.artifact(wanted, quiet)
    supply.footprint(wanted, artifact, quiet)
    show(benchmark, [seconds(lambda: supply.footprint(wanted, artifact, quiet)) for _ in range(5)])
    figure("a footprint from the store", benchmark.stats.stats.median, 0.05)
