"""The plugin as a person meets it: items, selection, exit codes, files, and what goes wrong."""

from __future__ import annotations

import importlib.util
import json
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from user_project import QUICK, SUITE, Project, heeding_interrupts

FRAMEWORKS = ("tensorflow", "keras", "ai_edge_litert", "jax", "torch", "onnxruntime", "sklearn", "scipy")
TELL_IMPORTS = f"""
import json, pathlib, sys
def pytest_unconfigure():
    found = sorted(name for name in {FRAMEWORKS!r} if name in sys.modules)
    pathlib.Path("imported.json").write_text(json.dumps(found))
"""
#: Backends that misbehave once they are asked to load an artifact.
MISBEHAVING = """
import os, signal, time
class Bad(NumpyBackend):
    def convert(self, job):
        (job.folder / "artifact").write_text(self.name)
        return job.folder / "artifact"
class Segfault(Bad):
    name = "segfault"
    def load(self, job):
        print("about to fall", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
class Hang(Bad):
    name = "hang"
    def load(self, job):
        time.sleep(60)
class Raises(Bad):
    name = "raises"
    def load(self, job):
        raise ZeroDivisionError("no such number")
class Exits(Bad):
    name = "exits"
    def load(self, job):
        os._exit(7)
class Declines(Bad):
    name = "declines"
    def load(self, job):
        raise tradeoff.Refused("not supported by format", "this net is too deep")
class Nowhere(Bad):
    name = "nowhere"
    def convert(self, job):
        return job.folder / "missing"
class Silly(Bad):
    name = "silly"
    def load(self, job):
        return self
    def bind(self, batch):
        return lambda: np.zeros((1, 10))
@tradeoff.hookimpl
def tradeoff_backends():
    return [NumpyBackend(), Segfault(), Hang(), Raises(), Exits(), Declines(), Nowhere(), Silly()]
"""


def test_collecting_shows_every_cell_with_a_readable_id_and_imports_no_framework(project: Project) -> None:
    project.conftest(TELL_IMPORTS)
    result = project.run("--collect-only", "-q", cells=None)
    result.stdout.fnmatch_lines(["*test_inference?cnn/int8/litert/host-cpu/b1?"])
    assert result.ret == 0
    assert json.loads((project.pytester.path / "imported.json").read_text()) == []
    assert not (project.pytester.path / ".tradeoff").exists()


def test_a_whole_run_imports_no_framework_in_the_pytest_process(project: Project) -> None:
    project.conftest(TELL_IMPORTS)
    result = project.run()
    result.assert_outcomes(passed=1)
    assert json.loads((project.pytester.path / "imported.json").read_text()) == []


def test_a_session_without_cells_leaves_nothing_behind(project: Project) -> None:
    project.pytester.makepyfile("def test_other(): pass")
    result = project.pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert "tradeoff =" not in result.stdout.str()
    assert not (project.pytester.path / ".tradeoff").exists()


def test_selection_by_keyword_by_lists_and_by_glob(project: Project) -> None:
    keyword = project.run("--collect-only", "-q", "-k", "int8 and litert", cells=None)
    keyword.stdout.fnmatch_lines(["3/* tests collected*"])
    lists = project.run(
        "--collect-only", "-q", "--tradeoff-techniques=baseline,fp16,int8", "--tradeoff-backends=litert", cells=None
    )
    lists.stdout.fnmatch_lines(["9 tests collected*"])
    glob = project.run("--collect-only", "-q", cells="cnn/int8/*")
    chosen = [line for line in glob.outlines if "::" in line]
    assert all("cnn/int8/" in line for line in chosen)
    assert {line.split("/")[-3] for line in chosen} >= {"keras", "litert", "numpy"}


def test_options_may_stand_in_the_pyproject(project: Project) -> None:
    project.pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\naddopts = "--tradeoff-loads=b2"\n'
        '[tool.tradeoff]\npreset = "mine"\n[tool.tradeoff.presets.mine]\nmodels = ["dense"]\nbackends = ["numpy"]\n'
    )
    result = project.run("--collect-only", "-q", cells=None)
    result.stdout.fnmatch_lines(["*dense/baseline/numpy/host-cpu/b2?", "4 tests collected*"])


def test_a_run_leaves_its_files_and_says_where(project: Project) -> None:
    result = project.run()
    result.stdout.fnmatch_lines(["files: .tradeoff/runs/*: benchmark.json, table.html, table.md, table.csv"])
    names = {path.name for path in project.folder.iterdir()}
    assert {"benchmark.json", "table.html", "table.md", "table.csv", "journal.jsonl"} <= names
    assert (project.pytester.path / ".tradeoff" / ".gitignore").read_text() == "*\n"


def test_the_samples_of_the_worker_are_those_of_pytest_benchmark(project: Project) -> None:
    project.run()
    (benchmark,) = project.json()["benchmarks"]
    record = benchmark["extra_info"]["tradeoff"]
    assert benchmark["fullname"] == record["cell"] == "dense/baseline/numpy/host-cpu/b1"
    # pytest-benchmark's median is of all rounds, the latency is of the medians of loads or processes.
    assert (
        min(benchmark["stats"]["data"]) <= record["measurements"]["latency"]["value"] <= max(benchmark["stats"]["data"])
    )
    assert benchmark["stats"]["median"] == statistics.median(benchmark["stats"]["data"])
    assert benchmark["stats"]["rounds"] == record["facts"]["rounds"]
    assert benchmark["stats"]["iterations"] == record["facts"]["iterations"]
    assert benchmark["options"]["max_time"] == 0.02


def test_every_planned_cell_has_a_record_whatever_became_of_it(project: Project) -> None:
    project.conftest(MISBEHAVING)
    misbehaving = "declines", "exits", "hang", "nowhere", "numpy", "raises", "segfault", "silly"
    cells = ",".join(f"dense/baseline/{name}" for name in misbehaving)
    result = project.run("--tradeoff-timeout=8", cells=cells)
    records = {cell.split("/")[2]: record for cell, record in project.records().items()}
    assert {name: record["status"] for name, record in records.items()} == {
        "declines": "refused",
        "exits": "crashed",
        "hang": "crashed",
        "nowhere": "failed",
        "numpy": "measured",
        "raises": "failed",
        "segfault": "crashed",
        "silly": "failed",
    }
    assert "died of SIGSEGV" in records["segfault"]["reason"]
    assert "about to fall" in records["segfault"]["detail"]
    assert "did not answer within 8 s and was stopped" in records["hang"]["reason"]
    assert "ended with exit status 7" in records["exits"]["reason"]
    assert "ZeroDivisionError: no such number" in records["raises"]["reason"]
    assert records["declines"]["reason"] == "not supported by format: this net is too deep"
    assert "which it did not write into its folder" in records["nowhere"]["reason"]
    assert "cannot be compared" in records["silly"]["reason"] or "outputs" in records["silly"]["reason"]
    result.assert_outcomes(passed=1, failed=6, skipped=1)
    assert result.ret == 1


def test_the_journal_has_each_finished_cell_before_the_next_begins(project: Project) -> None:
    project.pytester.makepyfile(
        watcher="""
import pathlib
def pytest_runtest_logstart(nodeid):
    (journal,) = pathlib.Path(".tradeoff/runs").glob("*/journal.jsonl")
    with open("seen.txt", "a") as stream:
        stream.write(str(journal.read_text().count('"record"')) + "\\n")
"""
    )
    project.run("-p", "watcher", "--tradeoff-loads=b1,b2,b3").assert_outcomes(passed=3)
    assert (project.pytester.path / "seen.txt").read_text().split() == ["0", "1", "2"]


def test_equal_content_on_one_runtime_is_timed_once_and_shown_as_the_same(project: Project) -> None:
    project.conftest('NumpyBackend.capabilities = tradeoff.Capabilities(precisions=("float32", "fp16"))')
    project.run("--tradeoff-techniques=baseline,fp16", cells="dense/*/numpy")
    baseline, twin = project.records().values()
    assert baseline["same_as"] is None
    assert twin["same_as"] == "dense/baseline/numpy/host-cpu/b1"
    assert twin["measurements"]["latency"] == baseline["measurements"]["latency"]


def test_a_second_run_neither_trains_nor_converts(project: Project) -> None:
    project.run()
    project.run()
    assert [worker["name"] for worker in project.json()["tradeoff"]["workers"]] == ["numpy"]


def test_when_every_selected_cell_is_a_skip_the_run_exits_5_and_says_what_to_install(project: Project) -> None:
    project.conftest(
        """
NumpyBackend.requires = (tradeoff.Requirement("no_such_module", "no-such-package"),)
NumpyBackend.install = "tradeoff[nothing]"
"""
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["*every selected cell is a skip*", "*pip install 'tradeoff?nothing?'*"])
    assert project.json()["benchmarks"] == []
    assert project.records()["dense/baseline/numpy/host-cpu/b1"]["status"] == "skipped"


def test_a_json_file_that_was_asked_for_is_there_when_nothing_was_timed(project: Project) -> None:
    project.run("--benchmark-json=asked.json", cells="dense/int8/numpy")
    data = json.loads((project.pytester.path / "asked.json").read_text())
    assert [record["status"] for record in data["tradeoff"]["records"]] == ["skipped"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--tradeoff-models=cnm",), "unknown model 'cnm'; did you mean 'cnn'?"),
        (("--tradeoff-preset=quik",), "did you mean 'quick'?"),
        (("--tradeoff-techniques=int8+fp16",), "asks for 2 precisions"),
        (("--tradeoff-cells=dense/int9",), "did you mean 'int8'?"),
        (("--tradeoff-model=my.keras",), "--tradeoff-model needs --tradeoff-data"),
        (("--tradeoff-data=my.npz",), "--tradeoff-data needs --tradeoff-model"),
        (("--tradeoff-metric=mae",), "--tradeoff-metric is about your own data"),
        (("--tradeoff-seed=x",), "--tradeoff-seed='x' is not a whole number"),
        (("--tradeoff-models=",), "--tradeoff-models is empty"),
        (("-p", "no:digits"), "model 'dense' needs task 'digits', which no plugin brings; it is left out"),
    ],
)
def test_bad_options_are_one_message_and_a_usage_error(project: Project, arguments: tuple[str, ...], told: str) -> None:
    result = project.run(*arguments, cells=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr.str() + result.stdout.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_a_plan_that_fails_lists_nothing(project: Project) -> None:
    result = project.run("--collect-only", "-q", cells="cnm/int8")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "NOTSET" not in result.stdout.str()


def test_cells_are_skipped_when_tests_run_side_by_side(project: Project) -> None:
    pytest.importorskip("xdist")
    result = project.pytester.runpytest_subprocess(
        "--pyargs", "tradeoff.suites", "-n2", "--tradeoff-cells=dense/baseline/numpy", "-rs", "-p", "no:cacheprovider"
    )
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*cells are timed alone*"])


@pytest.mark.parametrize(
    ("engine", "status", "told"),
    [
        (
            "torch",
            pytest.ExitCode.NO_TESTS_COLLECTED,
            "torch, which KERAS_BACKEND names: pip install torch, or unset it",
        ),
        ("jex", pytest.ExitCode.USAGE_ERROR, "unknown Keras engine 'jex'; did you mean 'jax'?"),
    ],
)
def test_an_engine_that_is_not_there_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, engine: str, status: int, told: str
) -> None:
    if importlib.util.find_spec(engine) is not None:
        pytest.skip(f"{engine} is installed here")
    monkeypatch.setenv("KERAS_BACKEND", engine)
    result = project.run()
    assert result.ret == status
    assert told in " ".join((result.stdout.str() + result.stderr.str()).split())


def test_a_run_whose_journal_cannot_be_written_ends_and_says_so(project: Project) -> None:
    project.pytester.makepyfile(
        watcher="""
import pathlib
def pytest_runtest_logstart(nodeid):
    (journal,) = pathlib.Path(".tradeoff/runs").glob("*/journal.jsonl")
    journal.unlink()
    journal.mkdir()
"""
    )
    result = project.run("-p", "watcher", "--tradeoff-loads=b1,b2")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert "journal.jsonl cannot be written" in result.stdout.str()


def test_without_pytest_benchmark_it_is_said_what_is_missing(project: Project) -> None:
    result = project.pytester.runpytest_subprocess("--pyargs", "tradeoff.suites", "-p", "no:benchmark")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "switched off; leave out -p no:benchmark" in result.stderr.str()


def test_a_broken_plugin_is_named_and_the_rest_runs(project: Project) -> None:
    project.pytester.makepyfile(
        broken="import tradeoff\n@tradeoff.hookimpl\ndef tradeoff_backends():\n    raise OSError('unplugged')\n"
    )
    result = project.run("-p", "broken")
    result.stdout.fnmatch_lines(["tradeoff: plugin 'broken' could not say which backends it brings: *unplugged"])
    result.assert_outcomes(passed=1)


def test_a_plugin_that_is_switched_off_brings_no_cells(project: Project) -> None:
    result = project.run("--collect-only", "-q", "-p", "no:litert", cells=None)
    assert "numpy" in result.stdout.str()
    assert "litert" not in result.stdout.str()


def test_a_backend_may_come_from_a_module_given_with_p(project: Project) -> None:
    project.pytester.makeconftest("")
    project.pytester.makepyfile(mine=(Path(__file__).parent / "numpy_backend.py").read_text())
    project.run("-p", "mine").assert_outcomes(passed=1)


def test_one_process_does_everything_when_asked(project: Project) -> None:
    result = project.run("--tradeoff-in-process")
    result.assert_outcomes(passed=1)
    assert project.json()["tradeoff"]["workers"] == []


def test_an_output_folder_may_be_chosen_but_not_reused(project: Project) -> None:
    project.run("--tradeoff-output=here").assert_outcomes(passed=1)
    assert (project.pytester.path / "here" / "benchmark.json").is_file()
    again = project.run("--tradeoff-output=here")
    assert again.ret == pytest.ExitCode.USAGE_ERROR
    again.stderr.fnmatch_lines(["*holds a run already; go on with it by --tradeoff-resume, or choose a new folder*"])


def test_quiet_is_quiet_and_verbose_names_each_item(project: Project) -> None:
    quiet = project.run("-q")
    assert not any(line.startswith("[1/1]") for line in quiet.outlines)
    verbose = project.run("-v")
    verbose.stdout.fnmatch_lines(["*test_inference?dense/baseline/numpy/host-cpu/b1? PASSED*"])
    ordinary = project.run()
    ordinary.stdout.fnmatch_lines(["?1/1? dense/baseline/numpy/host-cpu/b1 *s, accuracy 0.9*"])


def test_other_tests_in_the_session_are_left_alone(project: Project) -> None:
    project.pytester.makepyfile("def test_other(): pass\ndef test_bad(): assert 0")
    result = project.pytester.runpytest_subprocess(
        "--pyargs",
        "tradeoff.suites",
        *QUICK,
        "--tradeoff-cells=dense/baseline/numpy",
        str(project.pytester.path),
        "-p",
        "no:cacheprovider",
    )
    result.assert_outcomes(passed=2, failed=1)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a process group")
def test_ctrl_c_keeps_what_was_finished_and_leaves_no_worker(project: Project) -> None:
    project.conftest(MISBEHAVING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        *SUITE,
        *QUICK,
        "--tradeoff-backends=numpy,hang,raises",
        "--tradeoff-cells=dense/baseline/[nhr]*",
    ]
    with subprocess.Popen(
        heeding_interrupts(command),
        cwd=project.pytester.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        _wait_for(lambda: "dense/baseline/numpy" in _journal(project) and _log(project, "hang"))
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    statuses = {cell.split("/")[2]: record["status"] for cell, record in project.records().items()}
    assert statuses == {"numpy": "measured", "hang": "interrupted", "raises": "not run"}
    assert "files: .tradeoff/runs/" in output
    _wait_for(lambda: not _processes_in(project.pytester.path))


def _journal(project: Project) -> str:
    found = list((project.pytester.path / ".tradeoff" / "runs").glob("*/journal.jsonl"))
    return "".join(line for path in found for line in path.read_text().splitlines() if '"record"' in line)


def _log(project: Project, name: str) -> bool:
    return bool(list((project.pytester.path / ".tradeoff" / "runs").glob(f"*/worker-*-{name}.log")))


def _processes_in(folder: Path) -> list[str]:
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(folder) in line]


def _wait_for(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
