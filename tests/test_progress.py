"""What a person sees while a run goes on: on a terminal one line that is rewritten, elsewhere a line now and then."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from user_project import QUICK, SUITE, Project

#: A backend whose conversion takes its time and tells a long story of it; what it makes is worth nothing.
SLOW = """
import time
class Slow(NumpyBackend):
    name = "slow"
    version = "{version}"
    def conversion_environment(self, parameters):
        return self.environment(parameters, "host-cpu")
    def convert(self, job):
        for step in range(12):
            job.progress(f"step {{step}} of a conversion that has " + "very " * 30 + "much to tell", step / 12)
            time.sleep(0.05)
        np.savez(job.folder / "weights.npz", np.zeros((64, 10)), np.zeros(10))
        return job.folder / "weights.npz"
@tradeoff.hookimpl
def tradeoff_backends():
    return [Slow()]
"""
CELL = "dense/baseline/slow/host-cpu/b1"


@pytest.fixture
def slow(project: Project, tmp_path: Path) -> Project:
    """The model is in the store, the conversion of this test never is."""
    project.conftest(SLOW.format(version=tmp_path))
    return project


def on_a_terminal(project: Project, columns: int, *arguments: str) -> str:
    """All that is written to a terminal of so many columns."""
    import fcntl
    import pty
    import struct
    import termios

    command = [sys.executable, "-m", "pytest", *SUITE, *QUICK, "--tradeoff-cells=dense/baseline/slow", *arguments]
    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "CI")}
    environment["TERM"] = "xterm"
    with subprocess.Popen(
        command, cwd=project.pytester.path, env=environment, stdin=inside, stdout=inside, stderr=inside
    ) as process:
        os.close(inside)
        text = b"".join(iter(lambda: _read(outside), b""))
    os.close(outside)
    assert process.returncode == 0, text.decode()
    return text.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # So Linux tells that nobody has the other end any more.
        return b""


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_on_a_terminal_one_line_is_rewritten_and_never_wraps(slow: Project) -> None:
    text = _plain(on_a_terminal(slow, 60))
    shown = [part for line in text.split("\n") for part in line.split("\r") if part.startswith(f"[1/1] {CELL}: ")]
    assert len({part.rstrip() for part in shown}) >= 3
    assert all(len(part.rstrip()) < 60 for part in shown)
    # Nothing of the progress is left in front of the finished cell's line, or behind it.
    (done,) = (line for line in text.split("\n") if f"[1/1] {CELL}  " in line)
    assert re.fullmatch(rf"\[1/1\] {CELL}  .*s, accuracy 0\.\d+, [^\r]*", done.rstrip("\r").rpartition("\r")[2])


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_on_a_terminal_quiet_means_quiet(slow: Project) -> None:
    assert "step " not in on_a_terminal(slow, 80, "-q")


def test_elsewhere_a_step_is_told_once_and_nothing_is_rewritten(slow: Project) -> None:
    result = slow.run(cells="dense/baseline/slow")
    assert sum(": step " in line for line in result.outlines) == 1
    assert "\r" not in result.stdout.str()


@pytest.mark.parametrize("arguments", [("-s",), ("-p", "no:capture")])
def test_it_goes_with_every_way_of_capturing(slow: Project, arguments: tuple[str, ...]) -> None:
    result = slow.run(*arguments, cells="dense/baseline/slow")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"?1/1? {CELL}: *step *", f"?1/1? {CELL}  *accuracy*"])


def test_it_goes_without_a_terminal_reporter(slow: Project) -> None:
    result = slow.run("-p", "no:terminal", cells="dense/baseline/slow")
    assert result.ret == 0
    assert slow.records()[CELL]["status"] == "measured"
