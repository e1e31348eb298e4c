"""What is other than it was when a manifest was written, as one short table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tradeoff.engine import keras_engine
from tradeoff.registry import PluginSources
from tradeoff.runs.again import content_now
from tradeoff.runs.manifest import Manifest
from tradeoff.runs.surroundings import Git, distributions_with_plugins, git_state, machine, versions_of_names
from tradeoff.runs.variables import VARIABLES, variables_now
from tradeoff.text import columns, size

Row = tuple[str, str, str, str]
_NONE: Final = "-"
_LONGEST: Final = 80


def differences(
    manifest: Manifest, folder: Path, variables: Mapping[str, str | None], command: Sequence[str]
) -> list[str]:
    """A line for each difference, or one that says there is none.

    :param variables: those that are set or taken away for this run.
    :param command: what is going to be run.
    """
    rows = [
        *_versions(manifest),
        *_machine(manifest.machine, machine()),
        *_git(manifest.git, git_state(folder)),
        *_environment(manifest, variables),
        *_plugins(manifest, folder, command),
    ]
    if not rows:
        return ["nothing differs from then"]
    return ["what differs", *columns([("", "then", "now", ""), *([_short(cell) for cell in row] for row in rows)])]


def _short(text: str) -> str:
    """A stranger's text is of any length, and would push the other columns out of sight."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _versions(manifest: Manifest) -> Iterator[Row]:
    now = versions_of_names([*manifest.versions, *distributions_with_plugins()])
    for name in {**manifest.versions, **now}:
        if manifest.versions.get(name) != now.get(name):
            yield name, manifest.versions.get(name, _NONE), now.get(name, _NONE), ""


def _machine(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Row]:
    for name, value in now.items():
        if then.get(name) != value:
            yield _titled(name), _shown(name, then.get(name)), _shown(name, value), ""


def _titled(name: str) -> str:
    return {"memory_bytes": "memory", "cpu_flags": "processor's instructions", "python": "Python"}.get(name, name)


def _shown(name: str, value: Any) -> str:
    if name == "memory_bytes" and isinstance(value, int) and not isinstance(value, bool):
        return size(value)
    return _NONE if value is None else str(value)[:12] if name == "cpu_flags" else str(value)


def _git(then: Git | None, now: Git | None) -> Iterator[Row]:
    if then != now:
        yield "git", _state(then), _state(now), ""


def _state(git: Git | None) -> str:
    return f"{git.commit[:10]} on {git.branch}{', changed' if git.dirty else ''}" if git else _NONE


def _environment(manifest: Manifest, variables: Mapping[str, str | None]) -> Iterator[Row]:
    if manifest.engine != keras_engine():
        told = "KERAS_BACKEND is set for this run" if "KERAS_BACKEND" in variables else "not known here: left as it is"
        yield "Keras engine", manifest.engine, keras_engine(), told
    then, now = manifest.environment, variables_now()
    for name in VARIABLES:
        if name == "KERAS_BACKEND" or then.get(name) == now.get(name):
            continue
        yield name, then.get(name, _NONE), now.get(name, _NONE), _what_is_done(name, variables)


def _what_is_done(name: str, variables: Mapping[str, str | None]) -> str:
    if name not in variables:
        return "left as it is: set it yourself if it is to be as then"
    return "taken away for this run" if variables[name] is None else "set as then for this run"


def _plugins(manifest: Manifest, folder: Path, command: Sequence[str]) -> Iterator[Row]:
    for name in _unasked(manifest.plugins, command):
        yield f"plugin {name}", "loaded", "not asked for", f"add -p {name} if you trust it"
    for name in manifest.plugins.blocked:
        if not _asked(f"no:{name}", command):
            yield f"plugin {name}", "switched off", "not switched off", f"add -p no:{name}"
    for file in manifest.files:
        if file.role in ("conftest", "plugin") and content_now(file, folder) != file.fingerprint:
            now = "another" if (folder / file.path).is_file() else "not there"
            yield f"{file.role} {file.path}", file.sha256[:12], now, "its code is not taken from a manifest"


def _unasked(plugins: PluginSources, command: Sequence[str]) -> Iterator[str]:
    yield from (name for name in plugins.modules if not _asked(name, command))


def _asked(name: str, command: Sequence[str]) -> bool:
    return f"-p{name}" in command or ("-p", name) in pairwise(command)
