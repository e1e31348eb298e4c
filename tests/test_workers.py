"""Worker processes: every way a request can end is told, and nothing of a worker outlives its run."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tradeoff import Environment, Refused
from tradeoff.errors import TradeoffError
from tradeoff.registry import PluginSources, load_registry, plugin_sources_to_json
from tradeoff.workers import InProcessWorkers, ProcessWorkers, WorkerDied, WorkerFailed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at processes and signals")
HERE = Environment("here")
#: Tasks whose data is loaded in every way that a worker can meet.
TASKS = """
import os, pathlib, signal, subprocess, sys, time
import numpy as np
import tradeoff

def fine():
    split = tradeoff.Split(np.zeros((4, 2)), np.arange(4) % 2)
    return tradeoff.Splits(split, split, split, split)
def segfault():
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
def leaves():
    sys.stderr.write("leaving\\n")
    sys.stderr.flush()
    os._exit(7)
def hangs():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    pathlib.Path("child").write_text(str(child.pid))
    pathlib.Path("worker").write_text(str(os.getpid()))
    time.sleep(60)
def raises():
    raise ZeroDivisionError("no such number")
def refuses():
    raise tradeoff.Refused("not supported by format", "too deep")
def mistaken():
    raise tradeoff.BadInput("this file is not one")
def full():
    raise OSError(28, "No space left on device")
def forbidden():
    raise PermissionError(13, "Permission denied")
def leaves_with_exit():
    sys.exit("goodbye")
def tells():
    pathlib.Path("told").write_text(os.environ["TOLD"])
    return fine()

@tradeoff.hookimpl
def tradeoff_tasks():
    loads = (fine, segfault, leaves, hangs, raises, refuses, mistaken, full, forbidden, leaves_with_exit, tells)
    return [tradeoff.Task(load.__name__.replace("_", "-"), load=load) for load in loads]
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSources:
    (tmp_path / "conftest.py").write_text(TASKS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return PluginSources(conftests=(str(tmp_path / "conftest.py"),))


@pytest.fixture
def workers(sources: PluginSources, tmp_path: Path) -> Iterator[ProcessWorkers]:
    made = ProcessWorkers({"plugins": plugin_sources_to_json(sources)}, tmp_path, timeout=30)
    yield made
    made.close()


def silent(text: str, done: float) -> None:
    """Nobody looks."""


def ask(workers: ProcessWorkers | InProcessWorkers, task: str, environment: Environment = HERE) -> Any:
    folder = Path("data") / f"{task}-{time.monotonic_ns()}"
    folder.mkdir(parents=True)
    return workers.ask(environment, {"stage": "data", "task": task, "folder": str(folder)}, silent)


def alive(process: int) -> bool:
    """Whether it runs; a dead child that nobody has waited for does not."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return bool(told.stdout.strip()) and not told.stdout.strip().startswith("Z")


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def number_in(name: str) -> int:
    """The process id that a task has written, once it is there in full."""
    path = Path(name)
    wait_for(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def test_a_worker_is_started_once_and_its_cost_told(workers: ProcessWorkers) -> None:
    assert ask(workers, "fine")["counts"]["test"] == 4
    ask(workers, "fine")
    (report,) = workers.reports
    assert report.name == "here"
    assert 0 < report.start_seconds < 30
    assert Path(report.log).is_file()


def test_the_variables_of_an_environment_are_set_and_environments_do_not_share_a_worker(
    workers: ProcessWorkers,
) -> None:
    for told in ("one", "two"):
        ask(workers, "tells", Environment("spoken", (("TOLD", told),)))
        assert Path("told").read_text() == told
    assert len(workers.reports) == 2
    assert "TOLD" not in os.environ


@pytest.mark.parametrize(
    ("task", "how", "tail"),
    [
        ("segfault", "worker here died of SIGSEGV", "last words"),
        ("leaves", "worker here ended with exit status 7", "leaving"),
    ],
)
def test_a_death_is_told_with_its_signal_and_the_last_words_and_another_worker_takes_over(
    workers: ProcessWorkers, task: str, how: str, tail: str
) -> None:
    with pytest.raises(WorkerDied, match=how) as caught:
        ask(workers, task)
    assert tail in caught.value.detail
    assert ask(workers, "fine")["counts"]["test"] == 4
    assert len(workers.reports) == 2


def test_a_worker_that_is_killed_from_outside_between_two_requests_is_replaced(workers: ProcessWorkers) -> None:
    ask(workers, "fine")
    os.kill(workers._running[HERE].pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match=r"died of SIGKILL|before it was asked"):
        ask(workers, "fine")
    assert ask(workers, "fine")["counts"]["test"] == 4


def test_what_does_not_answer_in_time_is_stopped_with_its_children(workers: ProcessWorkers) -> None:
    workers.timeout = 3.0
    with pytest.raises(WorkerDied, match="did not answer within 3 s and was stopped"):
        ask(workers, "hangs")
    wait_for(lambda: not alive(number_in("worker")) and not alive(number_in("child")))
    workers.timeout = 30.0
    assert ask(workers, "fine")["counts"]["test"] == 4


def test_a_plugins_error_is_told_with_its_traceback_and_the_worker_goes_on(workers: ProcessWorkers) -> None:
    with pytest.raises(WorkerFailed, match="ZeroDivisionError: no such number") as caught:
        ask(workers, "raises")
    assert "in raises" in caught.value.detail
    with pytest.raises(Refused, match="not supported by format: too deep"):
        ask(workers, "refuses")
    with pytest.raises(TradeoffError, match="this file is not one"):
        ask(workers, "mistaken")
    with pytest.raises(WorkerFailed, match="PermissionError"):
        ask(workers, "forbidden")
    ask(workers, "fine")
    assert len(workers.reports) == 1


def test_a_full_disk_is_told_as_one_so_that_the_store_can_say_what_to_do(workers: ProcessWorkers) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        ask(workers, "full")
    assert caught.value.errno == errno.ENOSPC


def test_a_plugin_that_exits_the_interpreter_costs_one_request(workers: ProcessWorkers) -> None:
    with pytest.raises(TradeoffError):
        ask(workers, "leaves-with-exit")
    assert ask(workers, "fine")["counts"]["test"] == 4


def test_a_framework_that_cannot_be_imported_is_told_by_name(workers: ProcessWorkers) -> None:
    with pytest.raises(WorkerFailed, match="No module named 'no_such_framework'"):
        ask(workers, "fine", Environment("missing", modules=("no_such_framework",)))
    assert workers.reports == []


def test_closing_leaves_no_process(workers: ProcessWorkers) -> None:
    ask(workers, "fine")
    ask(workers, "fine", Environment("other"))
    processes = [worker.pid for worker in workers._running.values()]
    assert all(map(alive, processes))
    workers.close()
    wait_for(lambda: not any(map(alive, processes)))


def test_one_process_tells_errors_in_the_same_way(sources: PluginSources) -> None:
    workers = InProcessWorkers({}, load_registry(sources))
    assert ask(workers, "fine")["counts"]["test"] == 4
    with pytest.raises(WorkerFailed, match="no such number"):
        ask(workers, "raises")
    with pytest.raises(Refused, match="too deep"):
        ask(workers, "refuses")
    with pytest.raises(OSError, match="No space left"):
        ask(workers, "full")


PLANNER = """
import sys
from pathlib import Path
from tradeoff import Environment
from tradeoff.registry import PluginSources, plugin_sources_to_json
from tradeoff.workers import ProcessWorkers
sources = PluginSources(conftests=(str(Path("conftest.py").resolve()),))
workers = ProcessWorkers({"plugins": plugin_sources_to_json(sources)}, Path.cwd(), timeout=60)
Path("data").mkdir()
workers.ask(Environment("here"), {"stage": "data", "task": "hangs", "folder": "data"}, lambda text, done: None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a worker that its parent has died")
@pytest.mark.usefixtures("sources")
def test_a_worker_does_not_outlive_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PLANNER]) as planner:
        worker, child = number_in("worker"), number_in("child")
        planner.kill()
    wait_for(lambda: not alive(worker), 5.0)
    # The worker had no time to end what a plugin had started; that is the plugin's own.
    if alive(child):
        os.kill(child, signal.SIGKILL)


@pytest.mark.deep
def test_a_hundred_deaths_leave_neither_processes_nor_open_files(workers: ProcessWorkers) -> None:
    ask(workers, "fine")
    before = _open_files()
    for _ in range(100):
        with pytest.raises(WorkerDied):
            ask(workers, "segfault")
    ask(workers, "fine")
    assert _open_files() <= before + 5


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())
