"""The manifest of a run: all that is needed to do it again, as plain JSON beside its journal. Versioned.

It may be a stranger's: reading it only checks shapes. What of it is acted upon is decided in
:mod:`tradeoff.runs.again` and :mod:`tradeoff.runs.rerun`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

from tradeoff.engine import keras_engine
from tradeoff.errors import BadInput
from tradeoff.measure.timing import Timing
from tradeoff.options import BY_NAME, Option, Settings, names_no_file
from tradeoff.record import Axes, Run
from tradeoff.registry import PluginSources
from tradeoff.runs.surroundings import Fingerprint, Git, fingerprint, git_state, machine, versions
from tradeoff.runs.variables import variables_now
from tradeoff.text import safe

if TYPE_CHECKING:
    from tradeoff.planning import Plan

SCHEMA: Final = 1
NAME: Final = "manifest.json"
_DISTRIBUTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Setting = bool | str | tuple[str, ...]
Role = Literal["model", "data", "conftest", "plugin"]


@dataclass(frozen=True)
class File:
    """A file that decided results; its path is relative to the folder the run was started in, if it lies below."""

    role: Role
    path: str
    sha256: str
    bytes: int

    @property
    def fingerprint(self) -> Fingerprint:
        """Its content then."""
        return Fingerprint(self.sha256, self.bytes)


@dataclass(frozen=True)
class Selection:
    """What pytest was asked for.

    :param paths: files, folders and node ids, relative like those of :class:`File`; with ``pyargs`` modules too.
    :param keyword: of ``-k``.
    :param markers: of ``-m``.
    """

    paths: tuple[str, ...] = ()
    keyword: str = ""
    markers: str = ""
    pyargs: bool = False


@dataclass(frozen=True)
class Planned:
    """A planned cell, and the test function it was planned for."""

    suite: str
    cell: str


@dataclass(frozen=True)
class Manifest:
    """What a run was made of.

    :param run: its name.
    :param settings: the options as resolved, without defaults.
    :param axes: what the preset stood for.
    :param engine: what Keras ran on.
    :param environment: the variables of :data:`tradeoff.runs.variables.VARIABLES` that were set.
    :param cells: those that were selected.
    """

    run: str
    started: str
    seed: int
    settings: Mapping[str, Setting]
    axes: Mapping[str, tuple[str, ...]]
    selection: Selection
    timing: Timing
    engine: str
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    git: Git | None = None
    plugins: PluginSources = field(default_factory=PluginSources)
    files: tuple[File, ...] = ()
    cells: tuple[Planned, ...] = ()


@dataclass(frozen=True)
class Invocation:
    """How pytest was started, and where."""

    folder: Path
    selection: Selection


def invocation_of(folder: Path, paths: Iterable[str], keyword: str, markers: str, pyargs: bool) -> Invocation:
    """What pytest was asked for, with its paths relative to ``folder``."""
    return Invocation(folder, Selection(tuple(_argument(path, folder) for path in paths), keyword, markers, pyargs))


def path_in(argument: str) -> str:
    """The path of an argument for pytest, without the test that may stand behind it."""
    return argument.partition("[")[0].partition("::")[0]


def _argument(text: str, folder: Path) -> str:
    path = path_in(text)
    # Where there is no such file, it is a module; pytest has told already if it is neither.
    return text if not (folder / path).exists() else _relative(folder / path, folder) + text[len(path) :]


def _relative(path: Path, folder: Path) -> str:
    plain = Path(normpath(path))
    return plain.relative_to(folder).as_posix() if plain.is_relative_to(folder) else str(plain)


# --- made and written -------------------------------------------------------------------------------


def make_manifest(plan: Plan, run: Run, timing: Timing, invocation: Invocation) -> Manifest:
    """Everything that the run which is about to begin is made of."""
    folder = invocation.folder
    return Manifest(
        run=run.name,
        started=run.started,
        seed=plan.settings.seed,
        settings={name: _setting(BY_NAME[name], value, folder) for name, value in plan.settings.values.items()},
        axes=dict(plan.settings.preset()),
        selection=invocation.selection,
        timing=timing,
        engine=keras_engine(),
        versions=versions(plan.registry),
        machine=machine(),
        environment=variables_now(),
        git=git_state(folder),
        plugins=_plugins(plan.sources, folder),
        files=tuple(_files(plan, folder)),
        cells=tuple(Planned(record.suite, record.cell.spelling) for record in run.records),
    )


def _setting(option: Option, value: Any, folder: Path) -> Setting:
    if not option.metavar:
        return bool(value)
    words = [
        _relative(folder / word, folder) if option.is_path and not names_no_file(option.name, str(word)) else str(word)
        for word in _many(value)
    ]
    return tuple(words) if option.many else words[0]


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _plugins(sources: PluginSources, folder: Path) -> PluginSources:
    conftests = tuple(_relative(folder / path, folder) for path in sources.conftests)
    return PluginSources(sources.modules, conftests, sources.blocked)


def _files(plan: Plan, folder: Path) -> Iterable[File]:
    own: tuple[Role, ...] = ("model", "data")
    for role in own:
        for path in _many(plan.settings.values.get(role) or ()):
            if names_no_file(role, path):
                yield _called(plan, path)
            else:
                yield _file(role, Path(path), folder)
    modules = (getattr(sys.modules.get(name), "__file__", None) for name in plan.sources.modules)
    code: tuple[tuple[Role, Iterable[str | None]], ...] = (("conftest", plan.sources.conftests), ("plugin", modules))
    for role, paths in code:
        # A plugin may come out of an archive: then its name has to do.
        yield from (_file(role, Path(path), folder) for path in paths if path and Path(path).is_file())


def _called(plan: Plan, spelled: str) -> File:
    """What a function gave; it lies in no file of the user's."""
    if plan.own is None or plan.own.source is None:
        raise BadInput(f"{spelled} was not called")
    found = fingerprint(plan.own.source.file)
    return File("data", spelled, found.sha256, found.bytes)


def _file(role: Role, path: Path, folder: Path) -> File:
    found = fingerprint(folder / path)
    return File(role, _relative(folder / path, folder), found.sha256, found.bytes)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it in full beside the journal, or say why it cannot be written."""
    path = folder / NAME
    part = path.with_name(f"{NAME}.part")
    try:
        part.write_text(json.dumps(manifest_to_json(manifest), indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error}; choose another place with --tradeoff-output") from error


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """As plain data."""
    return {"schema": SCHEMA, **msgspec.to_builtins(manifest)}


# --- read -------------------------------------------------------------------------------------------


class _Versioned(msgspec.Struct, frozen=True):
    schema: int


_Shape = TypeVar("_Shape")


def manifest_file(path: Path) -> Path:
    """A run's folder stands for the manifest in it."""
    return path / NAME if path.is_dir() else path


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file or in a run's folder; a newer or a broken one is an error that says so."""
    place = manifest_file(path)
    try:
        text = place.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{place}: there is no such file; name a run's folder, or the {NAME} in it") from None
    except OSError as error:
        raise BadInput(f"{place} cannot be read: {error}") from error
    try:
        return manifest_from_json(json.loads(text))
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place} is not JSON, or is cut short: {error}") from error


def manifest_from_json(data: Any) -> Manifest:
    """Read it, and check every name that is looked up later."""
    schema = _converted(data, _Versioned, "a schema version").schema
    if schema < 1:
        raise BadInput(f"the schema version is {schema}; expected a whole number from 1 to {SCHEMA}")
    if schema > SCHEMA:
        raise BadInput(
            f"the manifest has schema version {schema}, this tradeoff reads up to {SCHEMA}; "
            "upgrade with `pip install -U tradeoff`"
        )
    found = _converted(data, Manifest, f"the shape of schema {SCHEMA}")
    for planned in found.cells:
        Axes.parse(planned.cell)
    for name in found.versions:
        if not _DISTRIBUTION.fullmatch(name):
            raise BadInput(f"{name!r} is not the name of a distribution")
    _check_settings(found)
    return found


def _check_settings(manifest: Manifest) -> None:
    for name, value in manifest.settings.items():
        if name not in BY_NAME:
            raise BadInput(f"the run of then had an option {name!r}, which this version of tradeoff does not have")
        option = BY_NAME[name]
        kind: type = tuple if option.many else str if option.metavar else bool
        if not isinstance(value, kind):
            raise BadInput(f"the setting {name} is {value!r}; expected {'words' if option.many else kind.__name__}")
    known = Settings({}, {}).preset()
    if manifest.axes.keys() != known.keys():
        raise BadInput(f"the axes are {safe(', '.join(manifest.axes)) or 'missing'}; expected {', '.join(known)}")


def _converted(data: Any, shape: type[_Shape], what: str) -> _Shape:
    try:
        return msgspec.convert(data, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadInput(f"it is not the manifest of a run: it does not have {what}: {error}") from error
