"""Backends that do their worst, next to one that does not: each costs its own cell, and nothing of it stays."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from user_project import QUICK, SUITE, Project, heeding_interrupts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at processes and signals")
#: Inherited by pytest and by everything that it starts, and by nothing else.
MARK = "MARKED_BY_THE_TEST"
BACKENDS = '''
import ctypes, os, signal, subprocess, sys, tempfile, time

def double_fork():
    """A child that has left its session, and whose parent is gone."""
    if (child := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)

def leave_children():
    if os.fork() == 0:
        time.sleep(600)
    double_fork()

def segfault():
    ctypes.string_at(0)
def abort():
    print("last words", flush=True)
    os.abort()
def leave():
    os._exit(7)
def call_exit():
    sys.exit("goodbye")
def hang():
    time.sleep(600)
def hang_natively():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).pause()
def allocate():
    hoard = []
    while True:
        hoard.append(b"x" * 10_000_000)
def allocate_in_children():
    for _ in range(2):
        if os.fork() == 0:
            hoard = b"x" * 250_000_000
            time.sleep(600)
    time.sleep(600)
shared = []
def share():
    # Once: an artifact is loaded several times, and each child keeps what there was when it was made.
    if shared:
        return
    shared.append(b"x" * 250_000_000)
    for _ in range(3):
        if os.fork() == 0:
            time.sleep(600)
    time.sleep(0.5)
def chatter():
    line = b"still talking " * 70_000 + b"\\n"
    for _ in range(1_000):
        os.write(1, line)
    print("the end of it", flush=True)
def flood():
    chatter()
    while True:
        print("more and more " * 100)
def stop():
    os.kill(os.getpid(), signal.SIGSTOP)
def close_files():
    os.closerange(0, 4096)
    time.sleep(600)
def kill_group():
    os.killpg(0, signal.SIGKILL)
def have_children():
    leave_children()
def have_nameless_child():
    """In a session of its own, and with nothing in its environment."""
    nowhere = subprocess.DEVNULL
    subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={}, start_new_session=True,
        stdin=nowhere, stdout=nowhere, stderr=nowhere,
    )
def have_children_and_fall():
    leave_children()
    segfault()
def litter():
    for _ in range(3):
        os.close(tempfile.mkstemp()[0])
    os.chmod(tempfile.mkdtemp(), 0)
def colour():
    print("\\x1b]0;pwned\\x07\\x1b[31mred\\x1b[0m\\rand back", flush=True)
    os.abort()

class Bad(NumpyBackend):
    def conversion_environment(self, parameters):
        return self.environment(parameters, "host-cpu")
    def convert(self, job):
        # A net that knows nothing: it is never as good as the healthy one, and it need not be.
        np.savez(job.folder / "weights.npz", np.zeros((64, 10)), np.zeros(10))
        return job.folder / "weights.npz"
    def load(self, job):
        self.behave()
        return super().load(job)

@tradeoff.hookimpl
def tradeoff_backends():
    bad = [
        segfault, abort, leave, call_exit, hang, hang_natively, allocate, allocate_in_children, share, chatter, flood,
        stop, close_files, kill_group, have_children, have_nameless_child, have_children_and_fall, litter, colour,
    ]
    return [NumpyBackend()] + [type(f.__name__, (Bad,), {"name": f.__name__, "behave": staticmethod(f)})() for f in bad]

def pytest_unconfigure():
    """What pytest has for children when it ends."""
    import json, pathlib, psutil
    found = [(child.pid, child.status()) for child in psutil.Process().children(recursive=True)]
    pathlib.Path("children.json").write_text(json.dumps(found))
'''
#: What becomes of the cell of each, and a part of the reason.
FATE = {
    "segfault": ("crashed", "died of SIGSEGV, twice"),
    "abort": ("crashed", "died of SIGABRT, twice"),
    "leave": ("crashed", "ended with exit status 7, twice"),
    "call_exit": ("failed", "SystemExit: goodbye"),
    "hang": ("crashed", "did not answer within"),
    "hang_natively": ("crashed", "did not answer within"),
    "allocate": ("crashed", "used more than 400 MB and was stopped"),
    "allocate_in_children": ("crashed", "used more than 400 MB and was stopped"),
    "share": ("measured", ""),
    "chatter": ("measured", ""),
    "flood": ("crashed", "did not answer within"),
    "stop": ("crashed", "and was stopped; a signal had suspended it"),
    "close_files": ("crashed", "closed its channel and was stopped"),
    "kill_group": ("crashed", "died of SIGKILL"),
    "have_children": ("measured", ""),
    "have_nameless_child": ("measured", ""),
    "have_children_and_fall": ("crashed", "died of SIGSEGV, twice"),
    "litter": ("measured", ""),
    "colour": ("crashed", "died of SIGABRT, twice"),
}
MEMORY = "--tradeoff-memory=400MB"


@dataclass
class Playground:
    """A user's folder with these backends, and a mark on whatever runs in it."""

    project: Project
    mark: str
    temporary: Path

    def run(self, seconds: float, *backends: str) -> pytest.RunResult:
        """Run the healthy backend's cell and those of ``backends``, the healthy one in the middle."""
        names = ",".join([*backends[::2], "numpy", *backends[1::2]])
        chosen = (f"--tradeoff-backends={names}", f"--tradeoff-timeout={seconds}", MEMORY)
        return self.project.run(*chosen, cells="dense/baseline/*")

    def begin(self, backend: str) -> subprocess.Popen[str]:
        """Start a run of one backend."""
        command = [sys.executable, "-m", "pytest", *SUITE, *QUICK, f"--tradeoff-cells=dense/baseline/{backend}"]
        folder = self.project.pytester.path
        return subprocess.Popen(
            heeding_interrupts(command), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def left(self) -> list[str]:
        """The processes and temporary files that are there."""
        files = [str(path) for path in self.temporary.iterdir()]
        return files + [str(process) for process in psutil.process_iter() if self._is_marked(process)]

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and bool(process.environ().get(MARK) == self.mark)
        except psutil.Error:
            return False


@pytest.fixture
def playground(project: Project, monkeypatch: pytest.MonkeyPatch) -> Playground:
    project.conftest(BACKENDS)
    made = Playground(project, secrets.token_hex(8), project.pytester.path / "temporary")
    made.temporary.mkdir()
    monkeypatch.setenv(MARK, made.mark)
    monkeypatch.setenv("TMPDIR", str(made.temporary))
    return made


def strangers() -> set[int]:
    """Sleeping interpreters that carry nothing by which they could be told."""
    found = set()
    for process in psutil.process_iter():
        try:
            if "import time; time.sleep(600)" in process.cmdline():
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


def check(playground: Playground, *backends: str, seconds: float = 60.0) -> dict[str, dict[str, Any]]:
    """Run them: the healthy cell is measured, each other has its fate, and nothing is left. Gives the records."""
    before = strangers()
    result = playground.run(seconds, *backends)
    assert playground.left() == []
    assert strangers() <= before
    assert json.loads((playground.project.pytester.path / "children.json").read_text()) == []
    records = {cell.split("/")[2]: record for cell, record in playground.project.records().items()}
    assert "\x1b" not in result.stdout.str()
    told = {name: (record["status"], record["reason"]) for name, record in records.items()}
    assert told.pop("numpy") == ("measured", ""), result.stdout.str()
    assert told.keys() == set(backends)
    for name, (status, reason) in told.items():
        assert status == FATE[name][0], (name, reason)
        assert FATE[name][1] in reason, (name, reason)
    return records


def log_of(playground: Playground, name: str) -> bytes:
    (log,) = playground.project.folder.glob(f"worker-*-{name}.log")
    return log.read_bytes()


def test_a_crash_of_any_kind_costs_its_cell_alone_and_is_tried_twice(playground: Playground) -> None:
    crashes = ("segfault", "abort", "leave", "call_exit", "kill_group", "close_files", "colour")
    records = check(playground, *crashes)
    assert "last words" in records["abort"]["detail"]
    assert "red\nand back" in records["colour"]["detail"]
    assert all(c.isprintable() or c == "\n" for c in records["colour"]["detail"])
    workers = playground.project.json()["tradeoff"]["workers"]
    ended = [worker["ended"] for worker in workers if worker["name"] == "segfault"]
    assert ended == ["died of SIGSEGV", "died of SIGSEGV"]
    assert [worker["ended"] for worker in workers if worker["name"] == "numpy"] == [""]


def test_what_hangs_is_stopped_wherever_it_hangs(playground: Playground) -> None:
    check(playground, "hang", "hang_natively", "stop", seconds=2)


def test_what_allocates_without_end_is_stopped_and_shared_pages_count_once(playground: Playground) -> None:
    check(playground, "allocate", "allocate_in_children", "share")


def test_a_gigabyte_of_output_fills_no_disk_and_its_end_is_quoted(playground: Playground) -> None:
    records = check(playground, "chatter", "flood", seconds=6)
    chatter = log_of(playground, "chatter")
    assert len(chatter) < 9_000_000
    assert chatter.startswith(b"still talking")
    assert b"MB left out" in chatter or b"GB left out" in chatter
    assert chatter.endswith(b"the end of it\n")
    assert len(log_of(playground, "flood")) < 9_000_000
    assert "more and more" in records["flood"]["detail"]


def test_children_and_temporary_files_do_not_outlive_their_worker(playground: Playground) -> None:
    check(playground, "have_children", "have_children_and_fall", "have_nameless_child", "litter")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_from_outside_leaves_nothing_after_two_seconds(playground: Playground, how: int) -> None:
    with begun(playground) as run:
        assert playground.left()
        run.send_signal(how)
        # Until the end of the pipe: nothing that is left may hold it open.
        run.communicate(timeout=20)
    end = time.monotonic() + 2.0
    while (left := playground.left()) and time.monotonic() < end:
        time.sleep(0.02)
    assert left == []


def begun(playground: Playground) -> subprocess.Popen[str]:
    """A run whose worker has children of every kind, and hangs."""
    ready = playground.project.pytester.path / "ready"
    playground.project.conftest(
        BACKENDS.replace(
            "def hang():\n", f"def hang():\n    leave_children()\n    litter()\n    open({str(ready)!r}, 'w').close()\n"
        )
    )
    run = playground.begin("hang")
    wait_for(lambda: ready.exists() or run.poll() is not None)
    assert run.poll() is None, run.stdout.read() if run.stdout else ""
    return run


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_limit_of_memory_that_is_no_size_is_told_before_anything_runs(project: Project) -> None:
    result = project.run("--tradeoff-memory=plenty")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --tradeoff-memory='plenty' is not a size: write '4GB', '800MB', or '50%' *"])


@pytest.mark.deep
@pytest.mark.parametrize("name", FATE)
def test_each_of_them_can_be_met_again_and_again(playground: Playground, name: str) -> None:
    for _ in range(3):
        check(playground, name, seconds=6)
