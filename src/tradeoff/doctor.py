"""``tradeoff doctor``: what is installed, which cells that allows, and what was understood of a user's files."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tradeoff.engine import engine_requirements, keras_engine
from tradeoff.machine import describe_machine, installed_version
from tradeoff.matrix import Matrix, devices_of, quoted
from tradeoff.measure.conditions import Advice, advice, look_around
from tradeoff.measure.energy import why_not
from tradeoff.options import Settings
from tradeoff.own import explain_own
from tradeoff.planning import make_plan
from tradeoff.registry import PluginSources, Registry, load_registry
from tradeoff.runs.run_folder import project_folder, store_folder
from tradeoff.text import columns, safe, size
from tradeoff.vocabulary import Backend, Requirement


def examine(settings: Settings, sources: PluginSources) -> tuple[list[str], bool]:
    """Everything the doctor says, and whether at least one cell can run."""
    registry = load_registry(sources)
    own = explain_own(settings, registry.reads)
    if own and not (settings.words("model") and settings.text("data")):
        return own, True
    plan = make_plan(settings, sources, registry)
    lines = [*own, *_machine(), *_spoilers(advice(look_around(_threads(plan.matrix)))), *_frameworks(plan.registry)]
    lines += [*_meters(plan.registry), *_cells(plan.matrix), *_store(settings)]
    lines += [safe(f"problem: {problem}") for problem in plan.registry.problems]
    return lines, any(cell.refusal is None for cell in plan.matrix.cells)


def _machine() -> list[str]:
    machine = describe_machine()
    memory = f", {size(machine['memory_bytes'])} memory" if machine["memory_bytes"] else ""
    return [
        "machine",
        *columns(
            [
                ("processor", f"{machine['processor']}, {machine['cores']} cores{memory}"),
                ("system", f"{machine['system']}, Python {machine['python']}"),
            ]
        ),
        "",
    ]


def _threads(matrix: Matrix) -> int:
    """The most that a planned cell uses."""
    return max((int(planned.cell.backend.parameters.get("threads", 1)) for planned in matrix.cells), default=1)


def _spoilers(found: Sequence[Advice]) -> list[str]:
    """What will spoil numbers, and what to do about it; then what will not."""
    bad = [one for one in found if one.todo]
    rows = [row for one in bad for row in ((one.topic, one.found), ("", f"-> {one.todo}"))]
    rows += [(one.topic, one.found) for one in found if not one.todo]
    title = f"what will spoil numbers here: {', '.join(one.topic for one in bad) or 'nothing that could be seen'}"
    return [title, *columns(rows), ""]


def _meters(registry: Registry) -> list[str]:
    rows = [(name, why_not(meter) or "can be read") for name, meter in registry.meters.items()]
    return ["energy meters", *(columns(rows) or ["  none is registered"]), ""]


def _frameworks(registry: Registry) -> list[str]:
    rows = [("keras engine", _installed(engine_requirements(), "tradeoff[tensorflow]") + f" (engine {keras_engine()})")]
    rows += [(f"backend {name}", _backend(backend, registry)) for name, backend in registry.backends.items()]
    return ["installed", *columns(rows), ""]


def _backend(backend: Backend, registry: Registry) -> str:
    """What it needs of Python; and what else, where none of its devices is there."""
    told = _installed((*backend.requires, *backend.converter_requires), backend.install)
    places = devices_of(registry, backend.name, backend.capabilities)
    missing = [registry.devices[place].present() for place in places if place in registry.devices]
    return f"{told}; {missing[0]}" if missing and all(missing) else told


def _installed(needs: Sequence[Requirement], install: str) -> str:
    names = dict.fromkeys(need.distribution for need in needs)
    missing = list(dict.fromkeys(need.distribution for need in needs if not need.installed()))
    if missing:
        return f"not installed: {', '.join(missing)}; pip install {quoted(install or ' '.join(missing))}"
    return ", ".join(f"{name} {installed_version(name) or ''}".strip() for name in names) or "nothing needed"


def _cells(matrix: Matrix) -> list[str]:
    runnable = [planned for planned in matrix.cells if planned.refusal is None]
    reasons = Counter(str(planned.refusal) for planned in matrix.cells if planned.refusal is not None)
    rows = [(f"{count} skipped", reason) for reason, count in reasons.most_common()]
    return [f"cells: {len(runnable)} of {len(matrix.cells)} can run", *columns(rows), *map(_note, matrix.notes), ""]


def _note(text: str) -> str:
    return f"  note: {safe(text)}"


def _store(settings: Settings) -> list[str]:
    root = store_folder(settings, project_folder(Path.cwd()))
    place = next(parent for parent in (root, *root.absolute().parents) if parent.exists())
    writable = place.is_dir() and os.access(place, os.W_OK)
    state = "writable" if writable else "cannot be written: nothing new can be kept; see --tradeoff-store"
    free = shutil.disk_usage(place).free
    return ["store", *columns([(str(root), f"{state}, {size(free)} free on that disk")])]
