"""``tradeoff parity``: the first layer at which an artifact leaves the original, from the command line."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trained import NOISE, trained_file
from user_project import NUMPY_BACKEND, Project

from tradeoff.cli import main
from tradeoff.parity.layers import LayerParity
from tradeoff.parity.telling import conclusion, table

pytestmark = [pytest.mark.filterwarnings(line) for line in NOISE]

TELLING = """
class Telling(NumpyBackend):
    name = "telling"
    def intermediates(self, job, batch):
        (w0, b0), (w1, b1), (w2, b2) = self.load(job).layers
        first = np.maximum(batch.reshape(len(batch), -1) @ w0 + b0, 0)
        second = np.maximum(first @ w1 + b1, 0)
        return {"first": first, "second": second, "third": second @ w2 + b2, "answer": self.load(job).bind(batch)()}
class Wrong(Telling):
    name = "wrong"
    def convert(self, job):
        path = super().convert(job)
        with np.load(path) as file:
            weights = [file[name] for name in file.files]
        weights[2] = weights[2][:, ::-1]
        np.savez(path, *weights)
        return path
@tradeoff.hookimpl
def tradeoff_backends():
    return [NumpyBackend(), Telling(), Wrong()]
"""


def parity(project: Project, *arguments: str) -> tuple[int, str]:
    """Status and what was said, in a process of its own: only that tells what it imports."""
    code = (
        "import sys; from tradeoff.cli import main; status = main(sys.argv[1:]); "
        "assert not {'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "parity", *arguments],
        cwd=project.pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


def test_the_first_layer_that_left_the_original_is_marked_and_makes_the_status_1(project: Project) -> None:
    project.conftest(TELLING)
    status, said = parity(project, *(f"dense/baseline/{name}" for name in ("numpy", "telling", "wrong")), "--samples=4")
    assert status == 1
    silent, telling, wrong = said.strip().split("\n\n")
    assert silent == (
        "dense/baseline/numpy/host-cpu/b1: backend numpy does not tell what it computes between input and output"
    )
    assert "no layer is beyond 60 dB" in telling
    assert not any(line.startswith((">", "!")) for line in telling.splitlines())
    marked = [line.split()[:2] for line in wrong.splitlines() if line.startswith((">", "!"))]
    assert marked[0] == [">", "dense_1"]
    assert wrong.splitlines()[-1].startswith("> the first layer beyond 60 dB is dense_1 with ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("dense/baseline/numpy", "--samples", "0"), "--samples 0 is out of range"),
        (("dnse/baseline/numpy",), "did you mean 'dense'?"),
        (("dense/int8/numpy",), "not implemented here: numpy realises float32, not int8"),
        (("dense/baseline/numpy", "--data", "nowhere.npz"), "needs --tradeoff-model"),
        (("dense/baseline/numpy", "--store", "conftest.py"), "conftest.py"),
    ],
)
def test_a_mistake_is_one_message(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("conftest.py").write_text(NUMPY_BACKEND, encoding="utf-8")
    assert main(["parity", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


GOOD = LayerParity("a", "Dense", "t/a", 1.0, 80.0)
EXACT = LayerParity("b", "Flatten", "t/b", 1.0, None, True)
FUSED = LayerParity("c", "Conv2D")
BAD = LayerParity("d", "Dense", "t/d", 0.9, 7.25)
BROKEN = LayerParity("e", "Dense", "t/e", 0.0, None)


def test_only_the_first_is_told_to_be_the_first() -> None:
    rows = [GOOD, EXACT, FUSED, BAD, BROKEN]
    assert [line[:1] for line in table(rows, 20.0)] == [" ", " ", " ", " ", ">", "!"]
    assert conclusion(rows, 20.0) == [
        "1 of 5 layers have no tensor of their own: they are one operator with a neighbour",
        "> the first layer beyond 20 dB is d with 7.2 dB; c is one operator with it",
    ]


def test_layers_that_are_one_operator_with_the_first_are_told_since_the_fault_may_be_theirs() -> None:
    assert conclusion([FUSED, BAD], 20.0)[-1].endswith("; c is one operator with it")
    assert conclusion([GOOD, FUSED, replace(FUSED, layer="c2"), BAD], 20.0)[-1] == (
        "> the first layer beyond 20 dB is d with 7.2 dB; c, c2 are one operator with it"
    )


def test_where_none_is_beyond_the_lowest_is_told() -> None:
    assert conclusion([GOOD, EXACT], 20.0) == ["no layer is beyond 20 dB; the lowest is a with 80.0 dB"]
    assert conclusion([EXACT], 20.0) == ["no layer is beyond 20 dB: all are equal to the last bit"]


def test_where_nothing_could_be_compared_that_is_said() -> None:
    assert conclusion([FUSED], 20.0) == ["no layer could be told apart in the artifact"]


def test_every_number_stands_with_its_unit_and_what_is_none_says_so() -> None:
    text = "\n".join(table([GOOD, EXACT, FUSED, BROKEN], 20.0))
    for told in ("80.0 dB", "∞", "—", "no number"):
        assert told in text


@pytest.mark.frameworks
def test_a_file_of_ones_own_is_told_of_and_what_fails_keeps_nothing_else_quiet(project: Project) -> None:
    folder = project.pytester.path
    project.conftest(
        "class Failing(NumpyBackend):\n"
        "    name = 'failing'\n"
        "    def intermediates(self, job, batch):\n"
        "        return {}\n"
        "    def convert(self, job):\n"
        "        raise tradeoff.Refused('not implemented here', 'on Sundays')\n"
        "@tradeoff.hookimpl\n"
        "def tradeoff_backends():\n"
        "    return [Failing()]\n"
    )
    (folder / "my.keras").write_bytes(trained_file().read_bytes())
    x = np.random.default_rng(0).random((100, 8, 8, 1), dtype=np.float32)
    np.savez(folder / "my.npz", x=x, y=np.arange(100) % 10)
    command = [sys.executable, "-m", "tradeoff", "parity", "my/baseline/failing", "my/int8/litert"]
    done = subprocess.run(
        [*command, "--model=my.keras", "--data=my.npz"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == "tradeoff: my/baseline/failing/host-cpu/b1: not implemented here: on Sundays\n"
    assert done.stdout.startswith("my/int8/litert/host-cpu/b1\n")
    assert "no layer is beyond 16 dB; the lowest is " in done.stdout
    assert done.returncode == 2
