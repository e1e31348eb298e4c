"""Under ``--tradeoff-rerun`` a manifest says what is run: its settings, its cells, its files; nothing else of it.

The manifest may be a stranger's. No code is loaded and no path is written because it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput, UnknownName
from tradeoff.matrix import PlannedCell
from tradeoff.measure.timing import Timing
from tradeoff.options import BY_NAME, Settings, names_no_file
from tradeoff.runs.manifest import File, Manifest, Planned, Setting, manifest_file, read_manifest
from tradeoff.runs.surroundings import Fingerprint, fingerprint
from tradeoff.text import safe

if TYPE_CHECKING:
    from tradeoff.planning import Plan

#: Where files go, what a run may cost and what it is held against is up to whoever runs it, and so is executing a
#: model's code.
USERS_OWN: Final = ("output", "store", "resume", "memory", "timeout", "rerun", "compare", "fail")
_CODE: Final = "allow-code"
_SHOWN: Final = 5


def settings_again(now: Settings, folder: Path, allow_code: bool) -> Settings:
    """The settings of the manifest that ``now`` names; those of ``now`` when it names none.

    :param folder: where the user stands: the manifest's paths are relative to it.
    :param allow_code: whether the user said so on the command line of this very run.
    """
    name = now.text("rerun")
    if name is None:
        return now
    manifest = read_manifest(Path(name))
    check_files(manifest, folder)
    check_code(manifest, allow_code)
    then = {
        option: _here(option, value, folder)
        for option, value in manifest.settings.items()
        if option not in (*USERS_OWN, _CODE)
    }
    own: dict[str, Any] = {option: now.values[option] for option in USERS_OWN if option in now.values}
    if allow_code:
        own[_CODE] = True
    return Settings({**then, **own}, {str(then.get("preset", "quick")): manifest.axes})


def _here(option: str, value: Setting, folder: Path) -> Setting:
    if not BY_NAME[option].is_path or isinstance(value, bool):
        return value
    if isinstance(value, str) and names_no_file(option, value):
        return value
    return str(folder / value) if isinstance(value, str) else tuple(str(folder / part) for part in value)


def check_code(manifest: Manifest, allow_code: bool) -> None:
    """Code in model files is executed when the person in front of this machine says so, never because a file does."""
    if manifest.settings.get(_CODE) and not allow_code:
        raise BadInput(
            "the run of then executed the code in its model files. If you trust them, say so yourself: add --allow-code"
        )
    data = manifest.settings.get("data")
    if isinstance(data, str) and names_no_file("data", data) and not allow_code:
        raise BadInput(
            f"the run of then called {safe(data)} for its data. If you trust that function, say so yourself: add "
            "--allow-code"
        )


def check_files(manifest: Manifest, folder: Path) -> None:
    """The user's own model and data must be those of then."""
    known = {(file.role, file.path): file for file in manifest.files}
    for role in ("model", "data"):
        value = manifest.settings.get(role, ())
        for path in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
            if (role, path) not in known:
                raise BadInput(f"the manifest has no fingerprint of the {role} file {path!r}; it cannot be checked")
            if not names_no_file(role, path):
                _check_file(known[role, path], folder)


def _check_file(file: File, folder: Path) -> None:
    path = folder / file.path
    whatever = "it would not be the same run. Put the file of then there, or begin a new run with pytest"
    if not path.exists():
        raise BadInput(f"the {file.role} file {safe(str(path))} is not there: {whatever}")
    found = content_now(file, folder)
    if found != file.fingerprint:
        now = f"SHA-256 {found.sha256[:12]}..." if found else "another size"
        raise BadInput(
            f"the {file.role} file {safe(str(path))} is not the one of then (SHA-256 {safe(file.sha256[:12])}..., "
            f"now {now}): {whatever}"
        )


def content_now(file: File, folder: Path) -> Fingerprint | None:
    """What the file holds today; ``None`` where it has another size already, or cannot be read."""
    path = folder / file.path
    try:
        if path.is_dir():
            return fingerprint(path)
        same_size = path.is_file() and path.stat().st_size == file.bytes
        return fingerprint(path) if same_size else None
    except (OSError, ValueError, BadInput):
        return None


# --- the plan ---------------------------------------------------------------------------------------


def plan_again(settings: Settings, make: Callable[[], Plan]) -> Plan:
    """The plan, narrowed to the cells of the manifest if there is one; each of them must be possible to plan."""
    name = settings.text("rerun")
    if name is None:
        return make()
    manifest = read_manifest(Path(name))
    try:
        plan = make()
    except UnknownName as error:
        raise BadInput(_not_possible(manifest, _naming(manifest, error.name), str(error))) from error
    _check_called(manifest, plan)
    wanted = dict.fromkeys(planned.cell for planned in manifest.cells)
    lost = wanted.keys() - {planned.cell.spelling for planned in plan.matrix.cells}
    if lost:
        why = "; ".join((*plan.registry.problems, *plan.matrix.notes)) or "their names are not known here"
        raise BadInput(_not_possible(manifest, [cell for cell in wanted if cell in lost], why))
    cells = tuple(planned for planned in plan.matrix.cells if planned.cell.spelling in wanted)
    return replace(plan, matrix=replace(plan.matrix, cells=cells))


def _check_called(manifest: Manifest, plan: Plan) -> None:
    """A function for data must give what it gave then."""
    data = plan.settings.text("data")
    if data is None or plan.own is None or plan.own.source is None or not names_no_file("data", data):
        return
    then = next((file.fingerprint for file in manifest.files if (file.role, file.path) == ("data", data)), None)
    if fingerprint(plan.own.source.file) != then:
        raise BadInput(f"{safe(data)} gives other data than then: it would not be the same run")


def _naming(manifest: Manifest, name: str) -> list[str]:
    """The cells that a name is part of."""
    return [cell for cell in dict.fromkeys(p.cell for p in manifest.cells) if name in _names(cell)]


def _names(cell: str) -> set[str]:
    return {step.partition(":")[0] for part in cell.split("/") for step in part.split("+")} | set(cell.split("/"))


def _not_possible(manifest: Manifest, lost: list[str], why: str) -> str:
    cells = f"{len(lost)} of its {len(manifest.cells)} cells cannot be planned here ({_some(lost)}); " if lost else ""
    plugins = plugins_then(manifest)
    there = f" It was run with {', '.join(plugins)}; what of that is missing here is for you to add." if plugins else ""
    return f"the run of then cannot be done again: {cells}{why}{'' if why.endswith('.') else '.'}{there}"


def plugins_then(manifest: Manifest) -> list[str]:
    """The plugins that were no installed distributions, as a person would name them to pytest."""
    return [
        *(f"-p {safe(name)}" for name in manifest.plugins.modules),
        *(f"-p no:{safe(name)}" for name in manifest.plugins.blocked),
        *(safe(path) for path in manifest.plugins.conftests),
    ]


def _some(cells: Iterable[str]) -> str:
    names = [safe(cell) for cell in cells]
    return ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])


def notes_again(settings: Settings, planned: Iterable[tuple[str, PlannedCell]], timing: Timing) -> Iterator[str]:
    """Where what is selected and how it is timed is not as then: by the user's own words, or by another suite."""
    name = settings.text("rerun")
    if name is None:
        return
    manifest = read_manifest(Path(name))
    now = dict.fromkeys(Planned(suite, cell.cell.spelling) for suite, cell in planned)
    then = dict.fromkeys(manifest.cells)
    if missing := [f"{p.suite}[{p.cell}]" for p in then if p not in now]:
        yield f"{len(missing)} cells of {manifest_file(Path(name))} are not selected: {_some(missing)}"
    if more := [f"{p.suite}[{p.cell}]" for p in now if p not in then]:
        yield f"{len(more)} cells are selected that {manifest_file(Path(name))} does not have: {_some(more)}"
    before = asdict(manifest.timing)
    for what, value in asdict(timing).items():
        if value != before[what]:
            yield f"timed otherwise than then: {what} was {before[what]} and is {value}"
