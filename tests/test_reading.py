"""A run by what a person calls it; what git is asked can do nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from compared_runs import record, run, size

from tradeoff.compare.reading import read_named_run
from tradeoff.errors import BadInput
from tradeoff.record import JSON_KEY, Run, run_to_json
from tradeoff.runs.journal import Journal

RUN = run(record(size(1000)), name="kept")


def written(path: Path, one: Run = RUN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(one)}), encoding="utf-8")
    return path


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit with a baseline, tagged ``v1``."""
    git(tmp_path, "init", "-q")
    written(tmp_path / "baseline" / "benchmark.json")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "baseline")
    git(tmp_path, "tag", "v1")
    return tmp_path


# --- files ------------------------------------------------------------------------------------------


def test_a_file_a_folder_and_a_journal_are_read(tmp_path: Path) -> None:
    written(tmp_path / "run" / "benchmark.json")
    (tmp_path / "killed").mkdir()
    Journal.begin(tmp_path / "killed", RUN)
    for name in ("run", "run/benchmark.json", "killed", "killed/journal.jsonl", str(tmp_path / "run")):
        found = read_named_run(name, tmp_path)
        assert (found.name, found.source) == ("kept", name)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing: there is no such file"):
        read_named_run("nothing", tmp_path)


# --- git --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["git:v1", "git:v1:baseline/benchmark.json", "git:HEAD", "git:HEAD~0"])
def test_a_baseline_is_read_from_git_also_below_the_top(repository: Path, name: str) -> None:
    (repository / "below").mkdir()
    for folder in (repository, repository / "below"):
        found = read_named_run(name, folder)
        assert found.name == "kept"
        assert found.source.startswith("git:")
        assert found.source.endswith(":baseline/benchmark.json")


def test_it_is_that_of_the_revision_and_not_of_the_working_folder(repository: Path) -> None:
    written(repository / "baseline" / "benchmark.json", run(name="changed"))
    assert read_named_run("git:v1", repository).name == "kept"


def test_of_several_files_one_has_to_be_named(repository: Path) -> None:
    written(repository / "other" / "benchmark.json")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "two")
    with pytest.raises(BadInput, match=r"there are 2 files benchmark.json in that revision: baseline.*other"):
        read_named_run("git:HEAD", repository)
    assert read_named_run("git:HEAD:other/benchmark.json", repository).name == "kept"


@pytest.mark.parametrize(
    "name",
    ["git:", "git:--help", "git:-v1", "git:v1 --all", "git:a..b", "git::x", "git:$(id)", "git:v1\n", "git:@{-1}"],
)
def test_what_is_no_revision_never_reaches_git(repository: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **more: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(subprocess, "run", never)
    with pytest.raises(BadInput, match="names no git revision"):
        read_named_run(name, repository)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a//b", "./a", "a/", "a\x1b"])
def test_a_path_stays_inside_the_repository(repository: Path, path: str) -> None:
    with pytest.raises(BadInput, match="is not one inside a repository"):
        read_named_run(f"git:v1:{path}", repository)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("git:v2", "git knows no revision 'v2' here"),
        ("git:v1:nothing.json", "there is no file nothing.json in that revision"),
        ("git:v1:baseline", "it is not JSON"),
    ],
)
def test_what_git_does_not_have_is_named(repository: Path, name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_named_run(name, repository)


def test_a_revision_without_a_baseline_says_what_to_name(repository: Path) -> None:
    git(repository, "rm", "-q", "-r", "baseline")
    git(repository, "commit", "-q", "-m", "none")
    with pytest.raises(BadInput, match=r"there is no benchmark.json in that revision; name the file"):
        read_named_run("git:HEAD", repository)


def test_a_pointer_of_git_lfs_is_told_from_a_broken_file(repository: Path) -> None:
    (repository / "baseline" / "benchmark.json").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    )
    git(repository, "commit", "-q", "-a", "-m", "pointer")
    with pytest.raises(BadInput, match="a pointer of git-lfs"):
        read_named_run("git:HEAD", repository)


def test_without_a_repository_or_without_git_there_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(BadInput, match="git knows no revision"):
        read_named_run("git:v1", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="git is not installed"):
        read_named_run("git:v1", tmp_path)
