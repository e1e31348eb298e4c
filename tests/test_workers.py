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
from tradeoff.processes.workers import InProcessWorkers, ProcessWorkers, WorkerDied, WorkerFailed
from tradeoff.registry import PluginSources, load_registry, plugin_sources_to_json

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
BROKEN = False
def breaks():
    global BROKEN
    BROKEN = True
    return fine()
def fragile():
    if BROKEN:
        os.kill(os.getpid(), signal.SIGSEGV)
    return fine()
def falls_in_the_middle():
    here = pathlib.Path(os.environ["FOLDER"])
    if not (here / "fallen").exists():
        (here / "fallen").touch()
        pathlib.Path(os.environ["OUTPUT"], "half").mkdir()
        pathlib.Path(os.environ["OUTPUT"], "half", "file").touch()
        pathlib.Path(os.environ["OUTPUT"], "rest").touch()
        os.abort()
    return fine()
def falls_then_hangs():
    here = pathlib.Path("fallen")
    if not here.exists():
        here.touch()
        os.abort()
    time.sleep(60)
def sleeps():
    time.sleep(60)
def forks():
    if os.fork() == 0:
        time.sleep(60)
    os._exit(3)
def grows():
    hoard = b"x" * 300_000_000
    time.sleep(60)
def tells():
    pathlib.Path("told").write_text(os.environ["TOLD"])
    return fine()

@tradeoff.hookimpl
def tradeoff_tasks():
    loads = (
        fine, segfault, leaves, hangs, raises, refuses, mistaken, full, forbidden, leaves_with_exit, tells, breaks,
        fragile, falls_in_the_middle, falls_then_hangs, sleeps, forks, grows,
    )
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


def ask(
    workers: ProcessWorkers | InProcessWorkers,
    task: str,
    environment: Environment = HERE,
    told: list[str] | None = None,
    **more: Any,
) -> Any:
    folder = Path("data") / f"{task}-{time.monotonic_ns()}"
    folder.mkdir(parents=True)
    request = {"stage": "data", "task": task, "folder": str(folder), **more}
    return workers.ask(environment, request, silent if told is None else lambda text, done: told.append(text))


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
        ("segfault", "died of SIGSEGV", "last words"),
        ("leaves", "ended with exit status 7", "leaving"),
        ("forks", "ended with exit status 3", ""),
    ],
)
def test_a_death_is_told_with_its_signal_and_the_last_words_and_another_worker_takes_over(
    workers: ProcessWorkers, task: str, how: str, tail: str
) -> None:
    with pytest.raises(WorkerDied, match=f"worker here {how}, twice") as caught:
        ask(workers, task)
    assert tail in caught.value.detail
    assert ask(workers, "fine")["counts"]["test"] == 4
    assert [report.ended for report in workers.reports] == [how, how, ""]


def test_a_worker_that_is_killed_from_outside_between_two_requests_is_replaced(workers: ProcessWorkers) -> None:
    ask(workers, "fine")
    os.kill(workers._running[HERE].pid, signal.SIGKILL)
    assert ask(workers, "fine")["counts"]["test"] == 4
    assert ["SIGKILL" in report.ended for report in workers.reports] == [True, False]


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
    (report,) = workers.reports
    assert (report.import_seconds, report.ended) == (None, "could not import what it needs")


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("import time; time.sleep(60)", "worker sick did not start within 2 s and was stopped"),
        ("import ctypes; ctypes.string_at(0)", "worker sick died of SIGSEGV, twice"),
    ],
)
def test_a_worker_that_never_starts_is_told_and_not_started_for_ever(
    workers: ProcessWorkers, source: str, how: str
) -> None:
    Path("sick.py").write_text(source)
    workers.start_timeout = 2.0
    sick = Environment("sick", modules=("sick",))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path.cwd()))
        with pytest.raises(WorkerDied, match=how):
            ask(workers, "fine", sick)
        if "SIGSEGV" not in how:
            with pytest.raises(WorkerDied, match=how):
                ask(workers, "tells", sick)
        begun = len(workers.reports)
        with pytest.raises(WorkerDied, match=r"was not asked again, since this has ended it 2 times in this run: it d"):
            ask(workers, "refuses", sick)
    assert len(workers.reports) == begun == 2
    assert ask(workers, "fine")["counts"]["test"] == 4


def test_short_requests_do_not_shorten_the_start_below_a_minute(workers: ProcessWorkers) -> None:
    Path("slow.py").write_text("import time; time.sleep(1.5)")
    workers.timeout = 1.0
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path.cwd()))
        assert ask(workers, "fine", Environment("slow", modules=("slow",)))["counts"]["test"] == 4


def test_a_request_in_a_process_that_an_earlier_one_has_broken_is_done_in_a_fresh_one(workers: ProcessWorkers) -> None:
    ask(workers, "breaks")
    told: list[str] = []
    assert ask(workers, "fragile", told=told)["counts"]["test"] == 4
    assert "worker here died of SIGSEGV; trying once more in a fresh one" in told
    assert [report.ended for report in workers.reports] == ["died of SIGSEGV", ""]


def test_what_a_request_had_written_before_it_died_is_gone_at_the_second_try(
    workers: ProcessWorkers, tmp_path: Path
) -> None:
    folder = tmp_path / "output"
    folder.mkdir()
    variables = (("FOLDER", str(tmp_path)), ("OUTPUT", str(folder)))
    request = {"stage": "data", "task": "falls-in-the-middle", "folder": str(folder)}
    workers.ask(Environment("here", variables), request, silent)
    assert (tmp_path / "fallen").exists()
    assert not {"half", "rest"} & {path.name for path in folder.iterdir()}


def test_a_request_that_has_killed_twice_is_answered_at_once_whatever_folder_it_names(workers: ProcessWorkers) -> None:
    with pytest.raises(WorkerDied, match="died of SIGSEGV, twice"):
        ask(workers, "segfault")
    with pytest.raises(WorkerDied, match=r"was not asked again, .* it died of SIGSEGV") as caught:
        ask(workers, "segfault")
    assert "last words" in caught.value.detail
    assert len(workers.reports) == 2


def test_what_takes_too_long_is_not_tried_again_by_itself_and_never_a_third_time(workers: ProcessWorkers) -> None:
    workers.timeout = 0.5
    for count in (1, 2):
        with pytest.raises(WorkerDied, match=r"did not answer within 0\.5 s and was stopped$"):
            ask(workers, "sleeps")
        assert len(workers.reports) == count
    with pytest.raises(WorkerDied, match="not asked again, since this has ended it 2 times"):
        ask(workers, "sleeps")
    assert len(workers.reports) == 2


def test_a_second_try_that_ends_otherwise_tells_of_both(workers: ProcessWorkers) -> None:
    workers.timeout = 1.0
    with pytest.raises(WorkerDied, match="did not answer within 1 s and was stopped; at the first try it died of SIGA"):
        ask(workers, "falls-then-hangs")


def test_what_uses_too_much_memory_is_stopped(workers: ProcessWorkers) -> None:
    workers.memory = 250e6
    with pytest.raises(WorkerDied, match="worker here used more than 250 MB and was stopped"):
        ask(workers, "grows")
    assert ask(workers, "fine")["counts"]["test"] == 4


def test_progress_without_end_is_told_now_and_then_and_does_not_outrun_the_limit(workers: ProcessWorkers) -> None:
    Path("chatty.py").write_text(CHATTY)
    sources = PluginSources(modules=("chatty",))
    workers.setup = {"plugins": plugin_sources_to_json(sources)}
    workers.timeout = 2.0
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path.cwd()))
        with pytest.raises(WorkerDied, match="did not answer within 2 s"):
            ask(workers, "none", told=told)
    assert 100 <= sum("step" in text for text in told) <= 300
    assert max(map(len, told)) <= 500
    assert all(text.isprintable() for text in told)


def test_what_a_worker_says_of_itself_has_no_control_characters(workers: ProcessWorkers) -> None:
    told: list[str] = []
    ask(workers, "fine", Environment("\x1b[31m../red\n"), told=told)
    assert all(text.isprintable() for text in told)
    (report,) = workers.reports
    assert report.name.isprintable()
    assert Path(report.log).parent == workers.logs
    assert Path(report.log).is_file()


def test_the_log_of_a_run_that_is_gone_on_with_is_not_written_on(workers: ProcessWorkers) -> None:
    earlier = workers.logs / "worker-1-here.log"
    earlier.write_text("of yesterday")
    ask(workers, "fine")
    assert workers.reports[0].log.endswith("worker-2-here.log")
    assert earlier.read_text() == "of yesterday"


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


#: Replaces the stages by one that tells of its progress for ever.
CHATTY = """
from tradeoff.stages.desk import Desk
def handle(self, request, progress):
    while True:
        progress("step \\x1b[31m" * 1000, 0.5)
Desk.handle = handle
"""
PLANNER = """
import sys
from pathlib import Path
from tradeoff import Environment
from tradeoff.registry import PluginSources, plugin_sources_to_json
from tradeoff.processes.workers import ProcessWorkers
sources = PluginSources(conftests=(str(Path("conftest.py").resolve()),))
workers = ProcessWorkers({"plugins": plugin_sources_to_json(sources)}, Path.cwd(), timeout=60)
Path("data").mkdir()
workers.ask(Environment("here"), {"stage": "data", "task": "hangs", "folder": "data"}, lambda text, done: None)
"""


@pytest.mark.usefixtures("sources")
def test_a_worker_and_its_children_do_not_outlive_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PLANNER]) as planner:
        worker, child = number_in("worker"), number_in("child")
        planner.kill()
    wait_for(lambda: not alive(worker) and not alive(child), 2.0)


@pytest.mark.deep
def test_fifty_deaths_leave_neither_processes_nor_open_files(workers: ProcessWorkers) -> None:
    ask(workers, "fine")
    before = _open_files()
    for number in range(50):
        with pytest.raises(WorkerDied):
            ask(workers, "segfault", number=number)
    ask(workers, "fine")
    assert _open_files() <= before + 5


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())
