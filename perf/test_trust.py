"""How far a number can be believed on a busy machine, and how this compares with what else there is."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from figures import Note, litert_cell, quiet, show
from pytest_benchmark.fixture import BenchmarkFixture
from slower_litert import SHARE, SlowerLitert

from tradeoff.datafiles import DataFiles, tile
from tradeoff.measure.estimating import Estimate, estimate_lots, ratios, timings
from tradeoff.measure.lots import Lots, time_in_lots
from tradeoff.measure.speed import SpeedBook
from tradeoff.measure.timing import Timing
from tradeoff.processes.workers import ProcessWorkers
from tradeoff.registry import PluginSources, plugin_sources_to_json
from tradeoff.reports.tables.rows import OVER_PROCESSES, Ratio
from tradeoff.supply import Supply

RUNS: Final = 10
#: What somebody would write who has pytest-benchmark or pyperf alone.
BARE: Final = """
import numpy
from ai_edge_litert.interpreter import Interpreter

def request(path):
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    batch = numpy.load({batch!r})
    def call():
        interpreter.set_tensor(source, batch)
        interpreter.invoke()
        interpreter.get_tensor(target)
    return call
"""
WITH_PYTEST: Final = """
import pytest
@pytest.mark.parametrize("name", ["baseline", "int8"])
def test_request(benchmark, name):
    benchmark(request({paths!r}[name]))
"""
WITH_PYPERF: Final = """
import pyperf
runner = pyperf.Runner(processes=3, values=3, warmups=1)
for name, path in {paths!r}.items():
    runner.bench_func(name, request(path))
"""


@pytest.fixture
def busy() -> Iterator[None]:
    """Two processes that use all the processor they can get."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def speed(tmp_path_factory: pytest.TempPathFactory) -> SpeedBook:
    """What is known of the machine at the beginning: nothing."""
    return SpeedBook(tmp_path_factory.mktemp("speed"))


class Runs:
    """Fresh runs of the suite's timing: each with workers of its own."""

    def __init__(self, supply: Supply, speed: SpeedBook, logs: Path) -> None:
        self.supply, self.speed, self.logs = supply, speed, logs

    def timed(self, model: str, seconds: float, cell: str, baseline: str, backend: Any = None) -> Lots:
        """``cell`` beside ``baseline``, on LiteRT or on what stands in for it."""
        environment = (backend or self.supply.registry.backends["litert"]).environment({"threads": 1}, "host-cpu")
        request = {
            **self._artifact(model, cell),
            "stage": "time",
            "backend": backend.name if backend else "litert",
            "parameters": {"threads": 1},
            "device": "host-cpu",
            "data": str(self.supply.data(model, quiet).path),
            "batch": 1,
            "baseline": {**self._artifact(model, baseline), "backend": "litert"},
        }
        setup = {"plugins": plugin_sources_to_json(PluginSources(modules=("slower_litert",)))}
        workers = ProcessWorkers(setup, self.logs, 600.0)
        try:
            return time_in_lots(workers, environment, request, Timing(max_time=seconds), self.speed, quiet)
        finally:
            workers.close()

    def _artifact(self, model: str, chain: str) -> dict[str, str]:
        made = self.supply.artifact(litert_cell(self.supply, model, chain), quiet)
        return {"artifact": str(made.path / made.facts["artifact"]), "content": made.facts["content"]}

    def ratio(self, *arguments: Any, **more: Any) -> tuple[Estimate, bool]:
        """Of one run, and whether it is to be believed."""
        lots = self.timed(*arguments, **more)
        return estimate_lots(lots.kept, ratios), not lots.sifted.disturbed


@pytest.fixture
def runs(supply: Supply, speed: SpeedBook, tmp_path: Path) -> Runs:
    """The dense and the convolutional net on LiteRT."""
    pytest.importorskip("ai_edge_litert")
    return Runs(supply, speed, tmp_path)


def varies(values: list[float]) -> float:
    """The coefficient of variation in per cent."""
    return 100 * statistics.stdev(values) / statistics.fmean(values)


@pytest.mark.benchmark(group="repeatability with two busy processes")
@pytest.mark.usefixtures("busy")
def test_ten_runs_say_the_same(runs: Runs, benchmark: BenchmarkFixture, figure: Note) -> None:
    found = [runs.timed("dense", 1.0, "int8", "baseline") for _ in range(RUNS)]
    medians = [estimate_lots(lots.kept, timings).median for lots in found]
    show(benchmark, medians)
    pairs = [estimate_lots(lots.kept, ratios).median for lots in found]
    figure("int8 against float32, ten runs: ratio varies by", varies(pairs), 1.0, "%")
    figure("int8, ten runs: median varies by", varies(medians), 2.5, "%")
    benchmark.extra_info["noisy runs"] = sum(lots.sifted.disturbed for lots in found)


@pytest.mark.benchmark(group="repeatability with two busy processes")
@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("tool", ["pytest-benchmark", "pyperf"])
def test_what_else_there_is(tool: str, runs: Runs, benchmark: BenchmarkFixture, figure: Note, tmp_path: Path) -> None:
    """For comparison, without a target: medians of the same two requests by other tools alone."""
    import numpy as np

    batch = tile(DataFiles(runs.supply.data("dense", quiet).path).split("test"), 1)
    np.save(tmp_path / "batch.npy", np.ascontiguousarray(batch, dtype=np.float32))
    paths = {chain: runs._artifact("dense", chain)["artifact"] for chain in ("baseline", "int8")}
    script = tmp_path / "test_bare.py"
    of_the_tool = WITH_PYTEST if tool == "pytest-benchmark" else WITH_PYPERF
    script.write_text((BARE + of_the_tool).format(batch=str(tmp_path / "batch.npy"), paths=paths))
    one_run = _with_pytest_benchmark if tool == "pytest-benchmark" else _with_pyperf
    found = [one_run(script, tmp_path / f"{number}.json") for number in range(RUNS)]
    show(benchmark, [medians["int8"] for medians, _ in found])
    endless = float("inf")
    for name, position in (("medians", 0), ("means", 1)):
        told = [values[position] for values in found]
        figure(
            f"{tool} alone, {name}: ratio varies by", varies([v["baseline"] / v["int8"] for v in told]), endless, "%"
        )
        figure(f"{tool} alone, {name}: int8 varies by", varies([v["int8"] for v in told]), endless, "%")


Told = tuple[Mapping[str, float], Mapping[str, float]]


def _with_pytest_benchmark(script: Path, out: Path) -> Told:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--benchmark-json={out}", str(script)]
    subprocess.run(command, check=True, capture_output=True, cwd=script.parent)
    found = {one["params"]["name"]: one["stats"] for one in json.loads(out.read_text())["benchmarks"]}
    return {n: s["median"] for n, s in found.items()}, {n: s["mean"] for n, s in found.items()}


def _with_pyperf(script: Path, out: Path) -> Told:
    subprocess.run([sys.executable, str(script), "--quiet", "-o", str(out)], check=True, capture_output=True)
    values = {
        one["metadata"]["name"]: [value for run in one["runs"] for value in run.get("values", ())]
        for one in json.loads(out.read_text())["benchmarks"]
    }
    return (
        {name: statistics.median(found) for name, found in values.items()},
        {name: statistics.fmean(found) for name, found in values.items()},
    )


@pytest.mark.benchmark(group="how often it is right")
def test_the_interval_contains_the_long_run_value(runs: Runs, benchmark: BenchmarkFixture, figure: Note) -> None:
    found = [runs.ratio("dense", 0.5, "int8", "baseline") for _ in range(100)]
    believed = [one for one, quiet_enough in found if quiet_enough]
    show(benchmark, [one.median for one in believed])
    assert len(believed) >= 50, f"{100 - len(believed)} of 100 runs were noisy: the machine is too busy to tell"
    long_run = statistics.median(one.median for one in believed)
    missed = sum(not one.low <= long_run <= one.high for one in believed)
    figure("95 % interval of the ratio misses the long-run value", 100 * missed / len(believed), 10.0, "% of runs")
    benchmark.extra_info["noisy runs"] = 100 - len(believed)


def _found_different(one: Estimate) -> bool:
    """By the rule of the reports."""
    return Ratio(one.median, one.low, one.high, apart=OVER_PROCESSES).certain


@pytest.mark.benchmark(group="how often it is right")
@pytest.mark.parametrize(("share", "count", "most"), [(0.03, 10, 1), (0.0, 20, 1)], ids=["slower by 3 %", "the same"])
def test_a_difference_is_found_where_there_is_one_and_nowhere_else(
    share: float,
    count: int,
    most: int,
    runs: Runs,
    benchmark: BenchmarkFixture,
    figure: Note,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SHARE, str(share))
    found = [runs.ratio("cnn", 1.0, "int8", "int8", backend=SlowerLitert())[0] for _ in range(count)]
    show(benchmark, [one.median for one in found])
    wrong = sum(_found_different(one) != bool(share) for one in found)
    told = f"slower by {share:.0%}, not found" if share else "no difference, one claimed"
    figure(f"{told}, of {count} runs", wrong, most, "runs")
