"""A run by what a person calls it: its folder, a JSON file, a journal, or a file at a git revision."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.formats.plain_file import is_folder
from tradeoff.record import ROWS_ELSEWHERE, Run, read_run
from tradeoff.runs.journal import NAME as JOURNAL_NAME
from tradeoff.runs.journal import read_journal
from tradeoff.runs.results import JSON_NAME
from tradeoff.text import safe

GIT: Final = "git:"
#: Tags, branches, commits and their ancestors. What begins otherwise could be taken for an option.
_REVISION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*(?:[~^][0-9]*)*")
_GIT_SECONDS: Final = 30.0
_LARGEST: Final = 1_000_000_000
_POINTER: Final = b"version https://git-lfs"


def read_named_run(name: str, folder: Path | None = None) -> Run:
    """The run that ``name`` stands for; ``folder`` is where the person stands."""
    place = folder or Path.cwd()
    if name.startswith(GIT):
        return _read_revision(name, place)
    return read_saved_run(run_file(place / Path(name).expanduser()), name)


def run_file(path: Path) -> Path:
    """A run's folder stands for the JSON file in it, or for the journal if the run was killed."""
    if not is_folder(path):
        return path
    killed = not (path / JSON_NAME).exists() and (path / JOURNAL_NAME).exists()
    return path / (JOURNAL_NAME if killed else JSON_NAME)


def read_saved_run(path: Path, source: str = "") -> Run:
    """Read what a run has written: its JSON, or its journal as far as it goes."""
    if path.suffix == ".parquet":
        raise BadInput(f"{path}: {ROWS_ELSEWHERE}")
    run = read_journal(path) if path.suffix == Path(JOURNAL_NAME).suffix else read_run(path)
    return replace(run, source=source) if source else run


# --- git --------------------------------------------------------------------------------------------


def _read_revision(name: str, folder: Path) -> Run:
    revision, _, path = name.removeprefix(GIT).partition(":")
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise BadInput(f"{name!r} names no git revision; write git:TAG or git:TAG:path/to/{JSON_NAME}")
    commit = _commit(name, revision, folder)
    path = _checked(name, path) if path else _only_json(name, commit, folder)
    content = _content(name, commit, path, folder)
    return _parsed(content, path, f"{GIT}{revision}:{path}")


def _commit(name: str, revision: str, folder: Path) -> str:
    """The hexadecimal name of the commit: from here on nothing that a person wrote stands where a revision does."""
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    found = _git(name, folder, *asked).decode("ascii", "replace").strip()
    if not re.fullmatch(r"[0-9a-f]{40,64}", found):
        raise BadInput(
            f"{name}: git knows no revision {revision!r} here; see `git tag`, or fetch it: `git fetch --tags`"
        )
    return found


def _checked(name: str, path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or "" in parts or not {".", ".."}.isdisjoint(parts) or not path.isprintable():
        raise BadInput(f"{name}: the path {safe(path)!r} is not one inside a repository, such as baseline/{JSON_NAME}")
    return path


def _only_json(name: str, commit: str, folder: Path) -> str:
    listed = _git(name, folder, "ls-tree", "-r", "-z", "--full-tree", "--name-only", commit)
    paths = [path for path in listed.decode("utf-8", "replace").split("\0") if path]
    found = [path for path in paths if path.rpartition("/")[2] == JSON_NAME]
    if len(found) == 1:
        return found[0]
    if not found:
        raise BadInput(f"{name}: there is no {JSON_NAME} in that revision; name the file: {name}:path/to/FILE.json")
    shown = ", ".join(found[:5])
    raise BadInput(f"{name}: there are {len(found)} files {JSON_NAME} in that revision: {shown}; name one: {name}:PATH")


def _content(name: str, commit: str, path: str, folder: Path) -> bytes:
    size = _git(name, folder, "cat-file", "-s", f"{commit}:{path}").strip()
    if not size.isdigit():
        raise BadInput(f"{name}: there is no file {path} in that revision")
    if int(size) > _LARGEST:
        raise BadInput(f"{name}: {path} has {int(size):,} bytes; more than {_LARGEST:,} are not read")
    content = _git(name, folder, "cat-file", "blob", f"{commit}:{path}")
    if content.startswith(_POINTER):
        raise BadInput(f"{name}: {path} is a pointer of git-lfs; check that revision out, and name the file itself")
    return content


def _parsed(content: bytes, path: str, source: str) -> Run:
    """What git gave, read as a file is."""
    with tempfile.TemporaryDirectory(prefix="tradeoff-") as place:
        copy = Path(place) / f"run{Path(path).suffix}"
        copy.write_bytes(content)
        try:
            return read_saved_run(copy, source)
        except BadInput as error:
            raise BadInput(str(error).replace(str(copy), source)) from error


def _git(name: str, folder: Path, *arguments: str) -> bytes:
    """What git prints; nothing when it fails. No shell, nothing fetched, no program that a repository names."""
    try:
        return subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        ).stdout
    except FileNotFoundError:
        raise BadInput(f"{name}: git is not installed; name a file or a folder instead") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise BadInput(f"{name}: git did not answer: {error}") from error
