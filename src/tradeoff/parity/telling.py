"""At which layer an artifact leaves the Keras model it was converted from, told cell by cell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tradeoff.cell import Cell
from tradeoff.errors import TradeoffError
from tradeoff.options import Settings
from tradeoff.parity.layers import LayerParity
from tradeoff.planning import Plan, make_plan
from tradeoff.processes.workers import InProcessWorkers, ProcessWorkers, Workers
from tradeoff.registry import PluginSources, Registry, load_registry
from tradeoff.runs.run_folder import project_folder, store_folder
from tradeoff.store import Store
from tradeoff.supply import Supply
from tradeoff.text import columns, safe, safe_lines

#: A layer is beyond what its precision allows.
BEYOND: Final = 1
#: None is, as far as could be told, and of a cell nothing could.
FAILED: Final = 2
_LONGEST: Final = 60


def tell(names: Sequence[str], samples: int, sources: PluginSources, settings: Settings) -> int:
    """Print the layers of each cell; gives the exit status."""
    plan = make_plan(_selecting(settings, names), sources, _told(load_registry(sources)))
    refused = [f"{one.cell.spelling}: {one.refusal}" for one in plan.matrix.cells if one.refusal is not None]
    cells = [one.cell for one in plan.matrix.cells if one.refusal is None]
    if not cells:
        raise TradeoffError("; ".join(refused) or "the selection has no cell")
    print("".join(f"{safe(text)}\n" for text in refused), end="")
    with TemporaryDirectory(prefix="tradeoff-parity-") as folder:
        workers = _workers(plan, Path(folder))
        try:
            store = Store(store_folder(settings, project_folder(Path.cwd())), warn=_say)
            supply = Supply(plan.registry, store, workers, settings.seed)
            found = [_cell(supply, cell, samples, Path(folder)) for cell in cells]
        finally:
            workers.close()
    # What could not be told of one cell is no reason to keep quiet about the others.
    return BEYOND if any(found) else FAILED if None in found else 0


def _selecting(settings: Settings, cells: Sequence[str]) -> Settings:
    """Requests of one sample are enough: what a layer gives does not depend on how requests arrive."""
    values = {name: value for name, value in settings.values.items() if name != "preset"}
    return replace(settings, values={"loads": ("b1",), **values, "cells": tuple(cells)})


def _told(registry: Registry) -> Registry:
    for problem in registry.problems:
        _say(problem)
    return registry


def _say(text: str) -> None:
    print(f"tradeoff: {safe_lines(text)}", file=sys.stderr)


def _workers(plan: Plan, folder: Path) -> Workers:
    if plan.settings.switch("in-process"):
        return InProcessWorkers(plan.setup, registry=plan.registry)
    return ProcessWorkers(plan.setup, folder, plan.settings.timeout, plan.settings.memory)


def _cell(supply: Supply, cell: Cell, samples: int, folder: Path) -> bool | None:
    """Tell of one cell; whether a layer of it is beyond what its precision allows, unless something went wrong."""
    try:
        return _layers(supply, cell, samples, folder)
    except TradeoffError as error:
        _say(f"{cell.spelling}: {error}")
        return None


def _layers(supply: Supply, cell: Cell, samples: int, folder: Path) -> bool:
    artifact = supply.artifact(cell, _silent)
    if not supply.can(cell).runs:
        print(f"{cell.spelling}: {cell.backend.name} only has a size: nothing here runs it\n")
        return False
    rows = supply.layers(cell, artifact, samples, folder, _silent)
    if rows is None:
        print(f"{cell.spelling}: backend {cell.backend.name} does not tell what it computes between input and output\n")
        return False
    found = [LayerParity(**row) for row in rows]
    least = supply.registry.tolerance_of(cell.chain.precision_name).layer_snr
    print("\n".join([f"{cell.spelling}", *table(found, least), *conclusion(found, least), ""]))
    return any(row.beyond(least) for row in found)


def _silent(text: str, done: float) -> None:
    """The whole takes seconds, and starts no training that the store does not have."""


def table(rows: Sequence[LayerParity], least: float) -> list[str]:
    """One line for each layer; the first that is beyond the threshold has a mark."""
    first = next((row for row in rows if row.beyond(least)), None)
    lines = [("", "layer", "kind", "cosine", "SNR", "tensor of the artifact")]
    for row in rows:
        mark = ">" if row is first else "!" if row.beyond(least) else ""
        likeness = "" if row.cosine is None else f"{row.cosine:.6f}"
        lines.append((mark, row.layer, row.kind, likeness, _snr(row), _shortened(row.tensor or "—")))
    return columns(lines, indent="")


def conclusion(rows: Sequence[LayerParity], least: float) -> list[str]:
    """Where it left the original, in words."""
    compared = [row for row in rows if row.tensor is not None]
    fused = len(rows) - len(compared)
    told = [
        f"{fused} of {len(rows)} layers have no tensor of their own: they are one operator with a neighbour"
    ] * bool(fused)
    if not compared:
        return ["no layer could be told apart in the artifact"]
    first = next((row for row in compared if row.beyond(least)), None)
    if first is None:
        if all(row.exact for row in compared):
            return [*told, f"no layer is beyond {least:g} dB: all are equal to the last bit"]
        lowest = min(compared, key=lambda row: float("inf") if row.snr is None else row.snr)
        return [*told, f"no layer is beyond {least:g} dB; the lowest is {lowest.layer} with {_snr(lowest)}"]
    return [*told, f"> the first layer beyond {least:g} dB is {first.layer} with {_snr(first)}{_or_fused(rows, first)}"]


def _or_fused(rows: Sequence[LayerParity], first: LayerParity) -> str:
    """The layers right before it that have no tensor: the fault may be in one of them."""
    before = list(takewhile(lambda row: row.tensor is None, reversed(rows[: rows.index(first)])))
    names = ", ".join(safe(row.layer) for row in reversed(before))
    return f"; {names} {'is' if len(before) == 1 else 'are'} one operator with it" if before else ""


def _snr(row: LayerParity) -> str:
    if row.tensor is None:
        return ""
    if row.exact:
        return "∞"
    return "no number" if row.snr is None else f"{row.snr:.1f} dB"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
