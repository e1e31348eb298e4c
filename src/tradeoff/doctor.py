"""``tradeoff doctor``: what is installed, which cells that allows, and what was understood of a user's files."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tradeoff.engine import engine_requirements, keras_engine
from tradeoff.machine import describe_machine, installed_version
from tradeoff.matrix import Matrix, quoted
from tradeoff.options import Settings
from tradeoff.own import explain_own
from tradeoff.planning import make_plan
from tradeoff.registry import PluginSources, Registry, load_registry
from tradeoff.run_folder import project_folder, store_folder
from tradeoff.text import columns, safe, size
from tradeoff.vocabulary import Backend, Requirement


def examine(settings: Settings, sources: PluginSources) -> tuple[list[str], bool]:
    """Everything the doctor says, and whether at least one cell can run."""
    own = explain_own(settings)
    if own and not settings.words("model"):
        return own, True
    plan = make_plan(settings, sources, load_registry(sources))
    lines = [*own, *_machine(), *_frameworks(plan.registry), *_cells(plan.matrix), *_store(settings)]
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
                ("load", _load(machine["cores"])),
            ]
        ),
        "",
    ]


def _load(cores: int) -> str:
    """What is going on beside us, in the words of what it does to the numbers."""
    try:
        busy = os.getloadavg()[0]
    except OSError:
        return "unknown"
    told = "quiet" if busy < 0.3 * cores else "busy: latencies will be noisy, close what you can"
    return f"{busy:.1f} of {cores} cores in use, {told}"


def _frameworks(registry: Registry) -> list[str]:
    rows = [("keras engine", _installed(engine_requirements(), "tradeoff[tensorflow]") + f" (engine {keras_engine()})")]
    rows += [(f"backend {name}", _backend(backend)) for name, backend in registry.backends.items()]
    return ["installed", *columns(rows), ""]


def _backend(backend: Backend) -> str:
    return _installed((*backend.requires, *backend.converter_requires), backend.install)


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
