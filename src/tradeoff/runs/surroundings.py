"""What decides a run's results beside its options: versions, the machine, files, the state of the folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from tradeoff.engine import engine_requirements
from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest, digest_file
from tradeoff.machine import cpu_flags, describe_machine, installed_version
from tradeoff.registry import GROUP, Registry

_OF_EVERY_RUN: Final = ("tradeoff", "pytest", "pytest-benchmark", "numpy")
#: A repository that needs longer to say what it is, is not asked.
_GIT_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Git:
    """The state of a folder's repository; changes are to files that git knows."""

    commit: str
    branch: str
    dirty: bool


@dataclass(frozen=True)
class Fingerprint:
    """A file by its content."""

    sha256: str
    bytes: int


def versions(registry: Registry) -> dict[str, str]:
    """Every distribution that has a part in the results, with its version."""
    backends = registry.backends.values()
    needs = [
        *engine_requirements(),
        *(need for backend in backends for need in (*backend.requires, *backend.converter_requires)),
        *(need for technique in registry.techniques.values() for need in technique.requires),
        *(need for task in registry.tasks.values() for need in task.requires),
    ]
    return versions_of_names([*_OF_EVERY_RUN, *distributions_with_plugins(), *(need.distribution for need in needs)])


def versions_of_names(names: Iterable[str]) -> dict[str, str]:
    """Those that are installed."""
    return {name: found for name in dict.fromkeys(names) if (found := installed_version(name)) is not None}


def distributions_with_plugins() -> list[str]:
    """Whatever is installed and has an entry point for this project."""
    return sorted({point.dist.name for point in entry_points(group=GROUP) if point.dist is not None})


def machine() -> dict[str, Any]:
    """The machine; the processor's instruction sets as a digest, because they are many."""
    return {**describe_machine(), "cpu_flags": hashlib.sha256(cpu_flags().encode()).hexdigest()}


def fingerprint(path: Path) -> Fingerprint:
    """The content of an ordinary file, or of all that lie in a folder."""
    try:
        if path.is_dir():
            found = {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()}
            whole = digest({name: digest_file(file) for name, file in found.items()})
            return Fingerprint(whole, sum(file.stat().st_size for file in found.values()))
        if not path.is_file():
            raise BadInput(f"{path}: there is no such file")
        return Fingerprint(digest_file(path), path.stat().st_size)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def git_state(folder: Path) -> Git | None:
    """The repository that ``folder`` lies in; nothing where there is none, or no git, or no quick answer."""
    # A repository may name a program to watch its files; nobody asked for that to be started.
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch"]
    try:
        done = subprocess.run(
            [*command, "--untracked-files=no", "--ignore-submodules=dirty"],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    words = (line.split(maxsplit=2) for line in lines if line.startswith("# branch."))
    heads = {parts[1]: parts[2] for parts in words if len(parts) == 3}
    return Git(
        commit=heads.get("branch.oid", ""),
        branch=heads.get("branch.head", ""),
        dirty=any(not line.startswith("#") for line in lines),
    )
