"""The manifest of a run: whole, readable again, without secrets; what is broken or newer is one clear message."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from user_project import Project

from tradeoff.errors import BadInput
from tradeoff.measure.timing import Timing
from tradeoff.options import BUILT_IN_PRESETS, OPTIONS
from tradeoff.registry import PluginSources
from tradeoff.runs import surroundings
from tradeoff.runs.manifest import (
    SCHEMA,
    File,
    Manifest,
    Planned,
    Selection,
    invocation_of,
    manifest_from_json,
    manifest_to_json,
    path_in,
    read_manifest,
    write_manifest,
)
from tradeoff.runs.surroundings import Git, fingerprint, git_state
from tradeoff.runs.variables import VARIABLES, changes, may_be_set, variables_now

MANIFEST = Manifest(
    run="the run",
    started="2026-01-01T00:00:00+00:00",
    seed=3,
    settings={"models": ("dense",), "seed": "3", "rebuild": True},
    axes=BUILT_IN_PRESETS["quick"],
    selection=Selection(("suites",), "dense", "not deep"),
    timing=Timing(max_time=0.5),
    engine="tensorflow",
    versions={"numpy": "2.0.0"},
    machine={"cores": 2},
    environment={"KERAS_BACKEND": "tensorflow"},
    git=Git("abc", "main", True),
    plugins=PluginSources(("mine",), ("conftest.py",), ("precision",)),
    files=(File("conftest", "conftest.py", "00", 3),),
    cells=(Planned("test_inference", "dense/baseline/numpy/host-cpu/b1"),),
)


def broken(**fields: Any) -> dict[str, Any]:
    return {**manifest_to_json(MANIFEST), **fields}


# --- written and read -------------------------------------------------------------------------------

WORDS = st.text(max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9_.:-]{0,8}", fullmatch=True)
CELLS = st.builds(Planned, WORDS, st.lists(NAMES, min_size=5, max_size=5).map("/".join))
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        option.name: st.booleans() if not option.metavar else st.lists(WORDS).map(tuple) if option.many else WORDS
        for option in OPTIONS
    },
)
SECONDS = st.floats(0, 1e9)
MANIFESTS = st.builds(
    Manifest,
    run=WORDS,
    started=WORDS,
    seed=st.integers(0, 2**32 - 1),
    settings=SETTINGS,
    axes=st.fixed_dictionaries(dict.fromkeys(BUILT_IN_PRESETS["quick"], st.lists(WORDS).map(tuple))),
    selection=st.builds(Selection, st.lists(WORDS).map(tuple), WORDS, WORDS, st.booleans()),
    timing=st.builds(Timing, st.integers(), SECONDS, SECONDS, precision=st.none() | SECONDS, once=st.booleans()),
    engine=WORDS,
    versions=st.dictionaries(NAMES.map(lambda name: name.replace(":", "")), WORDS),
    machine=st.dictionaries(WORDS, st.none() | st.integers() | WORDS),
    environment=st.dictionaries(WORDS, WORDS),
    git=st.none() | st.builds(Git, WORDS, WORDS, st.booleans()),
    plugins=st.builds(PluginSources, *[st.lists(WORDS).map(tuple)] * 3),
    files=st.lists(st.builds(File, bytes=st.integers(0, 2**60))).map(tuple),
    cells=st.lists(CELLS).map(tuple),
)


@given(MANIFESTS)
def test_what_is_written_is_read_again_as_it_was(manifest: Manifest) -> None:
    assert manifest_from_json(json.loads(json.dumps(manifest_to_json(manifest)))) == manifest


def test_a_file_or_the_folder_it_lies_in_can_be_named(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == read_manifest(tmp_path / "manifest.json") == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_manifest_of_a_newer_schema_is_refused_whatever_else_it_holds() -> None:
    with pytest.raises(BadInput, match=f"schema version {SCHEMA + 1}, this tradeoff reads up to {SCHEMA}; upgrade"):
        manifest_from_json({"schema": SCHEMA + 1, "run": ["another", "shape"]})


def test_a_field_that_a_later_version_adds_is_passed_over() -> None:
    assert manifest_from_json(broken(weather="fine")) == MANIFEST


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([], "does not have a schema version"),
        ({}, "does not have a schema version"),
        ({"schema": 1}, "missing required field"),
        (broken(schema=0), "the schema version is 0"),
        (broken(seed="many"), "Expected `int`, got `str`"),
        (broken(selection={"paths": "suites"}), "paths"),
        (broken(cells=[{"suite": "s", "cell": "dense"}]), "'dense' is not a cell"),
        (broken(settings={"models": "dense"}), "the setting models is 'dense'; expected words"),
        (broken(settings={"rebuild": "yes"}), "the setting rebuild is 'yes'; expected bool"),
        (broken(settings={"addopts": "-p evil"}), "an option 'addopts', which this version of tradeoff does not have"),
        (broken(axes={"models": ["dense"]}), "the axes are models; expected models, techniques"),
        (broken(versions={"../numpy": "2"}), "'../numpy' is not the name of a distribution"),
        (broken(files=[{"role": "script", "path": "a", "sha256": "", "bytes": 1}]), "role"),
    ],
)
def test_a_broken_manifest_is_one_message(data: Any, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        manifest_from_json(data)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON, or is cut short"),
        (b'{"schema": 1', "is not JSON, or is cut short"),
        (b"\xff\xfe\xfa", "is not JSON, or is cut short"),
        (b"[" * 100_000, "is not JSON, or is cut short"),
        (b'{"schema": 1}', "missing required field"),
    ],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)


def test_where_there_is_no_manifest_it_is_said_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest.json: there is no such file; name a run's folder"):
        read_manifest(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be written: .*--tradeoff-output"):
        write_manifest(tmp_path / "gone", MANIFEST)


# --- what it holds ----------------------------------------------------------------------------------


def test_paths_are_relative_to_where_pytest_was_started(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "test_a.py").touch()
    given_ = ["suites/", str(tmp_path / "suites" / "test_a.py") + "::test_a[x/../y]", "tradeoff.suites", "."]
    found = invocation_of(tmp_path, given_, "", "", pyargs=True).selection.paths
    assert found == ("suites", "suites/test_a.py::test_a[x/../y]", "tradeoff.suites", ".")


@pytest.mark.parametrize("text", ["a.py", "a.py::test_b", "a.py::test_b[c::d]", "a.py::C::test_b"])
def test_the_path_of_an_argument_ends_where_the_test_begins(text: str) -> None:
    assert path_in(text) == "a.py"


def test_a_run_writes_down_what_it_is_made_of(project: Project) -> None:
    project.run("-k", "not int8", cells="dense/*/numpy")
    found = read_manifest(project.folder)
    assert {planned.cell for planned in found.cells} == set(project.records())
    assert found.settings["cells"] == ("dense/*/numpy",)
    assert found.axes["models"] == ("dense", "cnn", "ds_cnn")
    assert (found.selection.paths, found.selection.keyword) == (("tradeoff.suites",), "not int8")
    assert found.selection.pyargs
    assert (found.timing.max_time, found.timing.min_rounds) == (0.02, 3)
    assert {"tradeoff", "pytest", "pytest-benchmark", "numpy", "keras", "ai-edge-litert"} <= found.versions.keys()
    assert found.plugins.conftests == ("conftest.py",)
    assert found.files == (File("conftest", "conftest.py", **vars(fingerprint(project.pytester.path / "conftest.py"))),)
    assert found.machine["cores"] >= 1
    assert len(found.machine["cpu_flags"]) == 64


def test_the_manifest_is_there_before_the_first_cell_begins(project: Project) -> None:
    project.conftest(
        "import pathlib\n"
        "def pytest_runtest_setup(item):\n"
        "    (path,) = pathlib.Path('.tradeoff/runs').glob('*/manifest.json')\n"
        "    assert path.stat().st_size > 100\n"
    )
    project.run().assert_outcomes(passed=1)


def test_the_reference_has_every_field_and_every_variable() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reference" / "results.md").read_text(encoding="utf-8")
    part = page.partition("## The manifest\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == sorted(manifest_to_json(MANIFEST))
    assert re.findall(r"`(\w+)`", part.partition("no others:\n")[2]) == list(VARIABLES)


# --- environment ------------------------------------------------------------------------------------


def test_only_variables_of_the_list_are_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_password", "hunter2")
    monkeypatch.setenv("JAX_TOKEN", "hunter2")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    found = variables_now()
    assert found["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert found.keys() <= VARIABLES.keys()
    assert "hunter2" not in found.values()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LD_PRELOAD", "evil.so"),
        ("PYTHONPATH", "evil"),
        ("PYTEST_ADDOPTS", "-p evil"),
        ("KERAS_BACKEND", "evil.module"),
        ("KERAS_HOME", "/tmp/evil"),
        ("CUDA_VISIBLE_DEVICES", "0"),
        ("OMP_NUM_THREADS", "1; rm"),
        ("OMP_NUM_THREADS", "1\n"),
        ("OMP_NUM_THREADS", "\N{ARABIC-INDIC DIGIT ONE}"),
        ("XLA_FLAGS", "--xla_dump_to=/home/me"),
        ("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true --xla_dump_to=/home/me"),
        ("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true\t--xla_dump_to=/home/me"),
        ("XLA_FLAGS", "flags.txt"),
        ("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/home/me"),
        ("JAX_PLATFORMS", "cpu;evil"),
    ],
)
def test_a_variable_that_could_do_more_than_compute_is_never_set(name: str, value: str) -> None:
    assert not may_be_set(name, value)
    assert changes({name: value}, {}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KERAS_BACKEND", "jax"),
        ("OMP_NUM_THREADS", "4"),
        ("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false --xla_force_host_platform_device_count=8"),
        ("XLA_FLAGS", ""),
        ("JAX_PLATFORMS", "cuda,cpu"),
        ("TF_DETERMINISTIC_OPS", "1"),
    ],
)
def test_a_variable_that_only_decides_numbers_is_set_as_then(name: str, value: str) -> None:
    assert changes({name: value}, {name: "other"}) == {name: value}
    assert changes({}, {name: value}) == {name: None}
    assert changes({name: value}, {name: value}) == {}


# --- git --------------------------------------------------------------------------------------------


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)


def test_the_state_of_the_repository_is_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "-b", "trunk")
    (tmp_path / "a").write_text("1", encoding="utf-8")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "one")
    clean = git_state(tmp_path)
    assert clean is not None
    assert (len(clean.commit), clean.branch, clean.dirty) == (40, "trunk", False)
    (tmp_path / "a").write_text("22", encoding="utf-8")
    assert git_state(tmp_path) == replace(clean, dirty=True)


def test_where_there_is_no_repository_or_no_git_there_is_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="git is a script here")
def test_a_repository_that_takes_long_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 30\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(surroundings, "_GIT_SECONDS", 0.1)
    assert git_state(tmp_path) is None


# --- files ------------------------------------------------------------------------------------------


def test_a_fingerprint_is_of_ordinary_files_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert fingerprint(tmp_path / "a").bytes == 3
    assert fingerprint(tmp_path / "a").sha256.startswith("ba7816bf")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"abc")
    assert fingerprint(tmp_path / "folder").bytes == 3
    assert fingerprint(tmp_path / "folder") != fingerprint(tmp_path / "a")
    for other in (Path("/dev/zero"), tmp_path / "gone"):
        with pytest.raises(BadInput, match="there is no such file"):
            fingerprint(other)
