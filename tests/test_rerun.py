"""A run again from its manifest: the same cells and settings; and a stranger's manifest makes nothing run unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_manifest import MANIFEST
from user_project import Project

from tradeoff.cli import main
from tradeoff.errors import BadInput
from tradeoff.measure.timing import Timing
from tradeoff.options import Settings
from tradeoff.registry import PluginSources
from tradeoff.runs import rerun as module
from tradeoff.runs.again import settings_again
from tradeoff.runs.manifest import File, Manifest, Selection, manifest_to_json, read_manifest, write_manifest
from tradeoff.runs.rerun import compose, timing_options, variables_again
from tradeoff.runs.surroundings import fingerprint
from tradeoff.runs.then_and_now import differences

SUITES = Selection(("tradeoff.suites",), pyargs=True)


def place(paths: Sequence[str], folder: Path, pyargs: bool = False) -> list[str]:
    """How the tests of a manifest stand in the command."""
    manifest = replace(MANIFEST, selection=Selection(tuple(paths), pyargs=pyargs))
    command = compose(manifest, Path("m.json"), folder)
    return command[3 + pyargs : command.index("-k=")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user stands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "test_mine.py").write_text("def test_mine(corridor): pass\n", encoding="utf-8")
    return tmp_path


# --- the command ------------------------------------------------------------------------------------


def test_the_command_is_made_of_joined_options_and_of_paths_below_the_folder(folder: Path) -> None:
    command = compose(MANIFEST, Path("/there/manifest.json"), folder)
    assert command == [
        *(sys.executable, "-m", "pytest", "./suites", "-k=dense", "-m=not deep"),
        *("--benchmark-only", "--benchmark-enable", "--benchmark-min-rounds=20", "--benchmark-min-time=0.0005"),
        *("--benchmark-max-time=0.5", "--benchmark-warmup=on", "--benchmark-warmup-iterations=1000"),
        *("--benchmark-calibration-precision=10", "--tradeoff-rerun=/there/manifest.json"),
    ]


def test_tests_below_the_folder_and_the_installed_suites_are_taken(folder: Path) -> None:
    node = "suites/test_mine.py::test_mine[dense/baseline/numpy/host-cpu/b1]"
    assert place(["suites", "suites/test_mine.py", node, "."], folder) == [
        *("./suites", "./suites/test_mine.py", f"./{node}", "./."),
    ]
    suite = "tradeoff.suites.test_inference::test_inference"
    assert place(["tradeoff.suites", suite], folder, pyargs=True) == ["tradeoff.suites", suite]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/etc", "Only what lies below the current folder"),
        ("../elsewhere", "Only what lies below the current folder"),
        ("suites/../../elsewhere", "Only what lies below the current folder"),
        ("link", "Only what lies below the current folder"),
        (".venv", "in no hidden folder"),
        ("--rootdir=/tmp", "are not below"),
        ("-pevil", "are not below"),
        ("gone", "change to the folder that the run was started in"),
        ("suites\n--rootdir=/tmp", "which is no path"),
        ("suites\0", "which is no path"),
        ("tradeoff.suites", "are not below"),
        ("deploy.py", "this is neither called test_*.py nor has it a test with the fixture `corridor`"),
        ("broken.py", "a manifest does not make other files run"),
        ("", "Only what lies"),
    ],
)
def test_other_tests_are_not_taken_from_a_manifest(folder: Path, path: str, told: str) -> None:
    (folder / "link").symlink_to("/")
    (folder / ".venv").mkdir()
    (folder / "deploy.py").write_text("def deploy(corridor): pass\n", encoding="utf-8")
    (folder / "broken.py").write_text("def (", encoding="utf-8")
    if path:
        with pytest.raises(BadInput) as caught:
            place([path], folder)
        assert told in str(caught.value)
        assert str(caught.value).isprintable()
    else:
        assert place([path], folder) == ["./"]


@pytest.mark.parametrize("name", ["os", "tradeoff", "tradeoff.suites.", "tradeoff.suites;x", "evil.module::test"])
def test_no_other_package_is_imported_because_a_manifest_names_it(folder: Path, name: str) -> None:
    with pytest.raises(BadInput, match="are not below"):
        place([name], folder, pyargs=True)


def test_files_with_names_that_pytest_would_read_as_options_stay_files(folder: Path) -> None:
    for name in ("@arguments", "-p", "--pdb"):
        (folder / name).mkdir()
    assert place(["@arguments", "-p", "--pdb"], folder) == ["./@arguments", "./-p", "./--pdb"]


def test_a_file_of_another_name_is_taken_when_it_has_a_benchmark_of_cells(folder: Path) -> None:
    (folder / "bench.py").write_text("class TestA:\n    def test_it(self, corridor): pass\n", encoding="utf-8")
    assert place(["bench.py"], folder) == ["./bench.py"]


def test_a_manifest_that_names_no_tests_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="names no tests"):
        place([], folder)


@given(
    st.text(max_size=30), st.text(max_size=30), st.lists(st.text(max_size=30), min_size=1, max_size=3), st.booleans()
)
def test_no_text_of_a_manifest_becomes_an_option_of_its_own(
    keyword: str, markers: str, paths: list[str], pyargs: bool
) -> None:
    selection = Selection(tuple(paths), keyword, markers, pyargs)
    try:
        command = compose(replace(MANIFEST, selection=selection), Path("m"), Path(__file__).parent)
    except BadInput as error:
        assert str(error).isprintable()
        return
    known = [f"-k={keyword}", f"-m={markers}", "--pyargs", "--tradeoff-rerun=m", *timing_options(MANIFEST.timing)]
    for word in command[3:]:
        assert word in known or word.startswith(("./", "tradeoff.suites"))


@pytest.mark.parametrize("text", ["a\n--rootdir=/tmp", "\0", "x" * 100_000])
def test_an_expression_that_is_none_is_refused(folder: Path, text: str) -> None:
    for selection in (Selection(("suites",), keyword=text), Selection(("suites",), markers=text)):
        with pytest.raises(BadInput, match="is no expression of pytest"):
            compose(replace(MANIFEST, selection=selection), Path("m"), folder)


@pytest.mark.parametrize(
    "timing",
    [
        Timing(min_rounds=0),
        Timing(min_time=-1.0),
        Timing(max_time=float("inf")),
        Timing(max_time=float("nan")),
        Timing(warmup_iterations=-1),
        Timing(calibration_precision=0),
        Timing(precision=2.0),
        Timing(precision=0.1, confidence=1.0),
    ],
)
def test_a_timing_that_pytest_benchmark_does_not_take_is_refused(timing: Timing) -> None:
    with pytest.raises(BadInput, match="the manifest's timing says --benchmark-"):
        timing_options(timing)


def test_every_forwarded_option_is_given_as_it_was() -> None:
    given_ = timing_options(Timing(warmup=False, disable_gc=True, precision=0.02, confidence=0.9))
    assert {"--benchmark-warmup=off", "--benchmark-disable-gc", "--benchmark-precision=0.02"} <= {*given_}
    assert "--benchmark-confidence=0.9" in given_
    assert timing_options(Timing(once=True)) == ["--benchmark-disable"]


# --- settings, files, code --------------------------------------------------------------------------


def written(folder: Path, manifest: Manifest = MANIFEST) -> str:
    write_manifest(folder, manifest)
    return str(folder / "manifest.json")


def own_file(role: Any, name: str, folder: Path) -> File:
    (folder / name).write_bytes(name.encode())
    return File(role, name, **vars(fingerprint(folder / name)))


def with_own(folder: Path) -> Manifest:
    files = (own_file("model", "my.keras", folder), own_file("data", "my.npz", folder))
    return replace(MANIFEST, settings={"model": ("my.keras",), "data": "my.npz"}, files=files, selection=SUITES)


def test_settings_come_from_the_manifest_but_places_and_limits_stay_the_users(folder: Path) -> None:
    then = {"models": ("dense",), "preset": "theirs", "store": "stolen", "output": "/etc", "timeout": "1", "seed": "3"}
    path = written(folder, replace(MANIFEST, settings=then))
    now = Settings({"rerun": path, "models": ("cnn",), "techniques": ("int8",), "store": "mine", "rebuild": True}, {})
    found = settings_again(now, folder, allow_code=False)
    assert found.values == {"models": ("dense",), "preset": "theirs", "seed": "3", "rerun": path, "store": "mine"}
    assert found.preset() == MANIFEST.axes


def test_without_a_manifest_settings_are_what_they_are(folder: Path) -> None:
    now = Settings({"models": ("cnn",)}, {})
    assert settings_again(now, folder, allow_code=True) is now


def test_model_and_data_are_looked_for_from_where_the_user_stands(folder: Path) -> None:
    path = written(folder, with_own(folder))
    found = settings_again(Settings({"rerun": path}, {}), folder, allow_code=False)
    assert found.values["model"] == (str(folder / "my.keras"),)
    assert found.values["data"] == str(folder / "my.npz")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "the data file .*my.npz is not there: it would not be the same run"),
        (b"MY.NPZ", r"my.npz is not the one of then \(SHA-256 .*, now SHA-256 "),
        (b"longer than it was", "is not the one of then .*, now another size"),
    ],
)
def test_data_that_is_gone_or_another_is_refused(folder: Path, content: bytes | None, told: str) -> None:
    path = written(folder, with_own(folder))
    (folder / "my.npz").unlink()
    if content is not None:
        (folder / "my.npz").write_bytes(content)
    with pytest.raises(BadInput, match=told):
        settings_again(Settings({"rerun": path}, {}), folder, allow_code=False)


def test_a_file_without_a_fingerprint_is_refused(folder: Path) -> None:
    path = written(folder, replace(with_own(folder), files=()))
    with pytest.raises(BadInput, match=r"no fingerprint of the model file 'my.keras'"):
        settings_again(Settings({"rerun": path}, {}), folder, allow_code=False)


def test_allow_code_is_never_taken_from_a_manifest(folder: Path) -> None:
    path = written(folder, replace(MANIFEST, settings={"allow-code": True}))
    # That it stands in the table of a pyproject is about the user's own models.
    now = Settings({"rerun": path, "allow-code": True}, {})
    with pytest.raises(BadInput, match=r"executed the code in its model files.*add --allow-code"):
        settings_again(now, folder, allow_code=False)
    assert settings_again(now, folder, allow_code=True).switch("allow-code")


# --- what differs -----------------------------------------------------------------------------------


def told(manifest: Manifest, folder: Path, *command: str) -> str:
    return "\n".join(differences(manifest, folder, variables_again(manifest), command))


def test_what_differs_is_one_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    manifest = replace(
        MANIFEST,
        versions={"numpy": "1.0", "my-plugin": "0.3"},
        environment={"OMP_NUM_THREADS": "2", "XLA_FLAGS": "--xla_dump_to=/home/me"},
        machine={"processor": "an abacus", "memory_bytes": 64_000},
    )
    lines = told(manifest, folder)
    for what in (
        "numpy * 1.0 * 2.",
        "my-plugin * 0.3 * -",
        "processor * an abacus *",
        "memory * 64.0 kB *",
        "git * abc on main, changed *",
        "OMP_NUM_THREADS * 2 * 7 * set as then for this run",
        "JAX_ENABLE_X64 * - * 1 * taken away for this run",
        "CUDA_VISIBLE_DEVICES * - * 3 * left as it is: set it yourself",
        "XLA_FLAGS * --xla_dump_to=/home/me * left as it is",
        "plugin mine * loaded * not asked for * add -p mine if you trust it",
        "plugin precision * switched off * add -p no:precision",
        "conftest conftest.py * 00 * not there * its code is not taken",
    ):
        pytest.LineMatcher(lines.splitlines()).fnmatch_lines([f"*{what}*".replace(" * ", "*")])
    assert "add -p mine" not in told(manifest, folder, "-p", "mine")
    assert "add -p mine" not in told(manifest, folder, "-pmine")


def test_the_engine_of_then_is_named_for_the_run(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    manifest = replace(MANIFEST, engine="tensorflow", environment={})
    assert variables_again(manifest)["KERAS_BACKEND"] == "tensorflow"
    assert "KERAS_BACKEND is set for this run" in told(manifest, folder)
    for hostile in (replace(manifest, engine="evil"), replace(manifest, engine="torch")):
        assert "KERAS_BACKEND" not in variables_again(hostile)


def test_no_text_of_a_manifest_reaches_the_terminal_as_more_than_text(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\n"
    manifest = replace(
        MANIFEST,
        run=evil,
        started=evil,
        selection=SUITES,
        versions={"numpy": evil},
        machine={"node": evil, "cores": [evil]},
        environment={"XLA_FLAGS": evil},
        plugins=PluginSources((evil,), (evil,), (evil,)),
        files=(File("conftest", evil, evil, 3),),
    )
    assert main(["rerun", written(folder, manifest), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(lines) > 5


# --- the command line -------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """The commands that would be run."""
    commands: list[list[str]] = []

    def note(command: Sequence[str], variables: object) -> int:
        commands.append(list(command))
        return 5

    monkeypatch.setattr(module, "_run", note)
    return commands  # type: ignore[return-value]


def test_further_arguments_are_the_users_and_stand_last(folder: Path, started: list[list[str]]) -> None:
    path = written(folder, replace(MANIFEST, selection=SUITES))
    assert main(["rerun", path, "-p", "mine", "-k", "not cnn", "--tradeoff-store=here", "--allow-code"]) == 5
    assert started[0][-6:] == ["-p", "mine", "-k", "not cnn", "--tradeoff-store=here", "--tradeoff-allow-code"]


@pytest.mark.parametrize("order", [["--dry-run", "PATH"], ["PATH", "--dry-run"], ["PATH", "-q", "--dry-run"]])
def test_a_dry_run_tells_and_runs_nothing(
    folder: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str], order: list[str]
) -> None:
    path = written(folder, replace(MANIFEST, selection=SUITES))
    assert main(["rerun", *[path if word == "PATH" else word for word in order]]) == 0
    assert started == []
    assert "command: " in capsys.readouterr().out


def test_settings_cannot_be_given_beside_a_manifest(
    folder: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(folder, replace(MANIFEST, selection=SUITES))
    assert main(["rerun", path, "--tradeoff-models=cnn"]) == 2
    assert started == []
    assert "--tradeoff-models cannot be given here: the manifest says it" in capsys.readouterr().err


def test_a_manifest_that_was_run_with_code_asks_for_the_users_word(
    folder: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(folder, replace(MANIFEST, settings={"allow-code": True}, selection=SUITES))
    assert main(["rerun", path]) == 2
    assert "add --allow-code" in capsys.readouterr().err
    assert main(["rerun", path, "--allow-code"]) == 5
    assert "--tradeoff-allow-code" in started[0]


# --- with the real plugin ---------------------------------------------------------------------------


def rerun(project: Project, path: Path, *arguments: str) -> pytest.RunResult:
    return project.pytester.run(sys.executable, "-m", "tradeoff", "rerun", str(path), *arguments)


def told_of(record: dict[str, Any]) -> dict[str, Any]:
    """What must be the same whenever the same is run."""
    names = ("accuracy", "loss", "artifact_bytes", "gzip_bytes", "parameters")
    numbers = {name: record["measurements"][name]["value"] for name in names if name in record["measurements"]}
    return {"status": record["status"], "content": record["facts"].get("content"), **numbers}


def outcome(project: Project) -> dict[str, Any]:
    return {cell: told_of(record) for cell, record in project.records().items()}


THEN = """[tool.tradeoff]
preset = "ours"
cells = ["*/*/numpy"]
[tool.tradeoff.presets.ours]
models = ["dense"]
techniques = ["baseline", "fp16"]
"""
SINCE = """[tool.tradeoff]
models = ["cnn"]
techniques = ["int8"]
seed = 7
[tool.pytest.ini_options]
addopts = ["--benchmark-max-time=5", "-k", "nothing"]
"""


def test_a_run_again_has_the_cells_and_the_settings_of_then_whatever_the_table_says_now(project: Project) -> None:
    table = project.pytester.path / "pyproject.toml"
    table.write_text(THEN, encoding="utf-8")
    project.run(cells=None).assert_outcomes(passed=1, skipped=1)
    folder, first = project.folder, outcome(project)
    options = project.json()["tradeoff"]["options"]
    table.write_text(SINCE, encoding="utf-8")
    result = rerun(project, folder)
    result.assert_outcomes(passed=1, skipped=1)
    assert project.folder != folder
    assert outcome(project) == first
    again = project.json()["tradeoff"]["options"]
    assert again.pop("rerun") == str(folder / "manifest.json")
    assert again == options
    then, now = read_manifest(folder), read_manifest(project.folder)
    assert (now.cells, now.timing, now.axes, now.seed) == (then.cells, then.timing, then.axes, then.seed)
    assert (now.selection.keyword, now.selection.paths) == (then.selection.keyword, then.selection.paths)


def test_only_the_cells_that_were_selected_then_are_run_again(project: Project) -> None:
    project.run("--deselect", "test_inference.py::test_inference[dense/fp16", cells="dense/[bf]*/numpy")
    folder, first = project.folder, outcome(project)
    assert list(first) == ["dense/baseline/numpy/host-cpu/b1"]
    rerun(project, folder).assert_outcomes(passed=1)
    assert outcome(project) == first


def test_a_manifest_run_twice_gives_the_same_quality_sizes_and_content(project: Project) -> None:
    project.run()
    folder, found = project.folder, []
    for name in ("one", "two"):
        rerun(project, folder, f"--tradeoff-output={name}").assert_outcomes(passed=1)
        data = json.loads((project.pytester.path / name / "benchmark.json").read_text(encoding="utf-8"))
        found.append([told_of(record) for record in data["tradeoff"]["records"]])
    assert found[0] == found[1] == list(outcome(project).values())
    assert found[0][0]["content"]


@pytest.mark.deep
def test_a_manifest_run_twice_from_empty_stores_gives_the_same_quality_sizes_and_content(project: Project) -> None:
    project.run()
    folder, found = project.folder, [list(outcome(project).values())]
    for name in ("one", "two"):
        rerun(project, folder, f"--tradeoff-output={name}", f"--tradeoff-store={name}-store").assert_outcomes(passed=1)
        data = json.loads((project.pytester.path / name / "benchmark.json").read_text(encoding="utf-8"))
        found.append([told_of(record) for record in data["tradeoff"]["records"]])
    assert found[0] == found[1] == found[2]


def test_a_cell_whose_plugin_is_missing_is_named_and_nothing_is_run(project: Project) -> None:
    plugin = project.pytester.path / "conftest.py"
    plugin.rename(project.pytester.path / "mine.py")
    project.run("-p", "mine")
    folder = project.folder
    result = rerun(project, folder)
    assert result.ret == 4
    result.stdout.fnmatch_lines(["*plugin mine*loaded*not asked for*add -p mine if you trust it"])
    lost = "1 of its 1 cells cannot be planned here (dense/baseline/numpy/host-cpu/b1); unknown backend 'numpy'"
    result.stderr.fnmatch_lines([f"ERROR: the run of then cannot be done again: {lost}* It was run with -p mine; *"])
    assert len(list((project.pytester.path / ".tradeoff" / "runs").iterdir())) == 1
    rerun(project, folder, "-p", "mine").assert_outcomes(passed=1)


def test_what_the_user_narrows_is_told(project: Project) -> None:
    project.run(cells="dense/[bf]*/numpy")
    result = rerun(project, project.folder, "-k", "baseline", "--benchmark-max-time=0.03")
    result.stdout.fnmatch_lines(
        [
            "tradeoff: 1 cells of * are not selected: test_inference?dense/fp16/numpy/host-cpu/b1?",
            "tradeoff: timed otherwise than then: max_time was 0.02 and is 0.03",
        ]
    )


def test_no_test_but_cells_is_run_again(project: Project) -> None:
    project.pytester.makepyfile(
        test_mine="from tradeoff.suites.test_inference import test_inference\n",
        test_other="import pathlib\ndef test_other(): pathlib.Path('other').touch()\n",
    )
    arguments = ("--benchmark-disable", "--tradeoff-cells=dense/baseline/numpy")
    project.pytester.runpytest_subprocess(*arguments, "-k", "mine").assert_outcomes(passed=1)
    manifest = replace(read_manifest(project.folder), selection=Selection((".",)))
    write_manifest(project.pytester.path, manifest)
    rerun(project, project.pytester.path).assert_outcomes(passed=1, deselected=1)
    assert not (project.pytester.path / "other").exists()


def test_data_that_has_changed_since_is_refused(project: Project) -> None:
    manifest = replace(
        with_own(project.pytester.path), cells=(replace(MANIFEST.cells[0], cell="my/baseline/numpy/host-cpu/b1"),)
    )
    path = project.pytester.path / "kept.json"
    path.write_text(json.dumps(manifest_to_json(manifest)), encoding="utf-8")
    (project.pytester.path / "my.npz").write_bytes(b"other.")
    for command in (("rerun", "kept.json"), ("rerun", "kept.json", "--dry-run"), ("doctor", "--rerun=kept.json")):
        result = project.pytester.run(sys.executable, "-m", "tradeoff", *command)
        assert result.ret == 2
        result.stderr.fnmatch_lines(["tradeoff: the data file */my.npz is not the one of then *"])
    direct = project.run("--tradeoff-rerun=kept.json", cells=None)
    assert direct.ret == 4
    direct.stderr.fnmatch_lines(["ERROR: the data file */my.npz is not the one of then *"])


# --- a stranger's manifest --------------------------------------------------------------------------

TOUCH = "import pathlib\npathlib.Path({!r}).touch()\ndef test_evil(corridor): pass\n"


@pytest.fixture
def stranger(project: Project) -> Manifest:
    """A manifest that does run; and beside it, what a stranger would like to see executed."""
    project.run()
    folder = project.pytester.path
    (folder / "outside").mkdir()
    (folder / "evil.py").write_text(TOUCH.format(str(folder / "executed")), encoding="utf-8")
    (folder / "outside" / "conftest.py").write_text(TOUCH.format(str(folder / "executed")), encoding="utf-8")
    (folder / "outside" / "test_evil.py").write_text(TOUCH.format(str(folder / "executed")), encoding="utf-8")
    (folder / "home").mkdir()
    (folder / "conftest.py").rename(folder / "home" / "conftest.py")
    (folder / "evil.py").rename(folder / "home" / "evil.py")
    (folder / "home" / "arguments").write_text("-pevil\n", encoding="utf-8")
    return read_manifest(project.folder)


def hostile(manifest: Manifest, outside: Path) -> dict[str, Manifest]:
    def selecting(*paths: str, **fields: Any) -> Manifest:
        return replace(manifest, selection=replace(manifest.selection, paths=paths, **fields))

    return {
        "code": replace(manifest, settings={**manifest.settings, "allow-code": True}),
        "plugin": replace(manifest, plugins=PluginSources(("evil",), ("../outside/conftest.py", "evil.py"))),
        "absolute": selecting(str(outside / "test_evil.py")),
        "above": selecting("../outside"),
        "option": selecting("tradeoff.suites", "-pevil"),
        "file of options": selecting("tradeoff.suites", "@arguments"),
        "root": selecting("tradeoff.suites", f"--rootdir={outside}"),
        "module": selecting("evil"),
        "script": selecting("home.py", pyargs=False),
        "keyword": selecting("tradeoff.suites", keyword=f"--rootdir={outside}"),
        "joined keyword": selecting("tradeoff.suites", keyword="-pevil"),
        "marker": selecting("tradeoff.suites", markers="-pevil"),
        "confcutdir": selecting("tradeoff.suites", markers=f"x\n--confcutdir={outside}"),
        "environment": replace(
            manifest, environment={"PYTHONPATH": str(outside), "LD_PRELOAD": "evil.so", "PYTEST_PLUGINS": "evil"}
        ),
        "option of tradeoff": replace(manifest, settings={**manifest.settings, "addopts": "-pevil"}),
        "engine": replace(manifest, engine="evil"),
        "preset": replace(manifest, settings={**manifest.settings, "preset": "-pevil"}),
        "plugin of pytest": replace(manifest, settings={**manifest.settings, "cells": ("-p", "evil")}),
    }


def test_a_strangers_manifest_executes_nothing_that_the_user_did_not_ask_for(
    project: Project, stranger: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.pytester.path
    monkeypatch.chdir(folder / "home")
    for name, manifest in hostile(stranger, folder / "outside").items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(manifest_to_json(manifest)), encoding="utf-8")
        command = [sys.executable, "-m", "tradeoff", "rerun", str(path), "--collect-only", "-q"]
        done = subprocess.run(command, cwd=folder / "home", capture_output=True, text=True, env=dict(os.environ))
        assert not (folder / "executed").exists(), name
        assert f"rootdir: {folder / 'outside'}" not in done.stdout, name
        assert "Traceback" not in done.stderr, name
    # The proof that it would have been seen.
    subprocess.run([sys.executable, "-m", "pytest", "-pevil"], cwd=folder / "home", capture_output=True)
    assert (folder / "executed").exists()
