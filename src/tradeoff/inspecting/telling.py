"""What a variant consists of, beside those it was made from: gathered from the store, built where it is not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tradeoff.cell import Cell
from tradeoff.chain import BASELINE, Chain
from tradeoff.errors import TradeoffError
from tradeoff.inspecting.tables import Stage, artifact_table, layer_table, stage_table
from tradeoff.inspecting.verifying import changes, totals
from tradeoff.options import Settings
from tradeoff.planning import Plan, make_plan
from tradeoff.processes.workers import InProcessWorkers, NotAlone, ProcessWorkers, Workers
from tradeoff.registry import PluginSources, load_registry
from tradeoff.runs.run_folder import project_folder, store_folder
from tradeoff.store import Entry, Store
from tradeoff.supply import Supply
from tradeoff.text import safe, safe_lines

#: Something could not be told.
FAILED = 2


@dataclass
class _Variant:
    """One variant with the cells that ship it."""

    cells: list[Cell] = field(default_factory=list)


def tell(names: Sequence[str], sources: PluginSources, settings: Settings, width: int) -> int:
    """Print the tables of each variant; gives the exit status."""
    plan = make_plan(_selecting(settings, names), sources, load_registry(sources))
    variants: dict[tuple[str, str], _Variant] = {}
    for one in plan.matrix.cells:
        if one.refusal is not None:
            _say(f"{one.cell.spelling}: {one.refusal}")
        elif plan.registry.models[one.cell.model].finished:
            _say(f"{one.cell.spelling}: it was finished when it came, and has no variant; see tradeoff profile")
        else:
            chain = Chain(one.cell.chain.model_steps)
            variants.setdefault((one.cell.model, chain.spelling), _Variant()).cells.append(one.cell)
    if not variants:
        raise TradeoffError("the selection has no variant that could be inspected")
    with _supplied(plan, settings) as supply:
        # What could not be told of one variant is no reason to keep quiet about the others.
        done = [_told(supply, variant.cells, width) for variant in variants.values()]
    return 0 if all(done) else FAILED


def _selecting(settings: Settings, cells: Sequence[str]) -> Settings:
    """Layers do not depend on how requests arrive."""
    values = {name: value for name, value in settings.values.items() if name != "preset"}
    return replace(settings, values={"loads": ("b1",), **values, "cells": tuple(cells)})


@contextmanager
def _supplied(plan: Plan, settings: Settings) -> Iterator[Supply]:
    with TemporaryDirectory(prefix="tradeoff-inspect-") as folder:
        workers: Workers
        if plan.settings.switch("in-process"):
            workers = InProcessWorkers(plan.setup, registry=plan.registry)
        else:
            workers = ProcessWorkers(plan.setup, Path(folder), plan.settings.timeout, plan.settings.memory)
        try:
            store = Store(store_folder(settings, project_folder(Path.cwd())), warn=_say)
            yield Supply(plan.registry, store, workers, settings.seed)
        finally:
            workers.close()


def _say(text: str) -> None:
    print(f"tradeoff: {safe_lines(text)}", file=sys.stderr)


def _silent(text: str, done: float) -> None:
    """A person waits for a table, and most of it is in the store."""


def _told(supply: Supply, cells: Sequence[Cell], width: int) -> bool:
    """Print all there is of one variant; whether nothing was missing."""
    cell = cells[0]
    steps = cell.chain.model_steps
    try:
        made = supply.variants(cell.model, steps, _silent)
        stages = [_stage(supply, cell, made, place) for place in range(len(made))]
    except TradeoffError as error:
        _say(f"{cell.model}/{Chain(steps).spelling}: {error}")
        return False
    parts = [f"{cell.model}: {Chain(steps).spelling}", *layer_lines(made, width), "", stage_table(stages, width)]
    parts += [*_remarks(made, steps)]
    print("\n".join(map(safe_lines, parts)))
    # On all of its devices a backend runs the same file.
    files = {(one.backend.spelling, one.chain.spelling): one for one in reversed(cells)}
    shipped = [found for one in reversed(files.values()) if (found := _artifact(supply, one)) is not None]
    if shipped:
        print(f"\n{artifact_table(shipped, width)}")
    print()
    return len(shipped) == len(files)


def layer_lines(made: Sequence[Entry], width: int) -> list[str]:
    """The table of layers, with what the last technique changed of them; or why there is none."""
    layers = made[-1].facts.get("layers")
    if layers is None:
        return ["an older release has left this variant in the store, without its layers: prune the store"]
    before = made[-2].facts.get("layers") if len(made) > 1 else None
    changed = {row["name"]: row for row in changes(before, layers)["layers"]} if before else {}
    return [layer_table(layers, changed, width)]


def _stage(supply: Supply, cell: Cell, made: Sequence[Entry], place: int) -> Stage:
    steps = cell.chain.model_steps
    facts = made[place].facts
    quality = supply.reference(cell.model, _silent, steps[:place]).facts["quality"]
    registry = supply.registry
    return Stage(
        name=steps[place - 1].spelling if place else BASELINE,
        totals=totals(facts["layers"]) if "layers" in facts else {},
        metric=registry.task_of(registry.models[cell.model]).metric,
        quality=quality,
        epochs=facts.get("epochs"),
        seconds=facts.get("seconds"),
        peak_bytes=facts.get("peak_bytes"),
    )


def _remarks(made: Sequence[Entry], steps: Sequence[Any]) -> Iterator[str]:
    """What each technique left out and what it wants to be known."""
    for step, entry in zip(steps, made[1:], strict=True):
        reasons: dict[str, list[str]] = {}
        for layer, reason in entry.facts.get("left_out", {}).items():
            reasons.setdefault(reason, []).append(layer)
        for reason, layers in reasons.items():
            yield f"{step.spelling} left out {', '.join(map(safe, layers))}: {safe(reason)}"
        yield from (f"{step.spelling}: {safe(note)}" for note in entry.facts.get("notes", ()))


def _artifact(supply: Supply, cell: Cell) -> Mapping[str, Any] | None:
    """What is shipped of the variant in one cell; ``None`` after saying why there is nothing."""
    found: dict[str, Any] = {"cell": "/".join((cell.backend.spelling, cell.chain.precision_name))}
    try:
        artifact = supply.artifact(cell, _silent)
        found |= {"bytes": artifact.facts["bytes"], "gzip_bytes": artifact.facts["gzip_bytes"]}
        if supply.can(cell).runs:
            found["quality"] = supply.result(cell, artifact, _silent).facts["quality"]
            found |= _footprint(supply, cell, artifact)
    except TradeoffError as error:
        _say(f"{cell.spelling}: {error}")
        return None
    return found


def _footprint(supply: Supply, cell: Cell, artifact: Entry) -> dict[str, Any]:
    try:
        facts = supply.footprint(cell, artifact, _silent).facts
    except NotAlone:
        return {}
    return {name: facts.get(name) for name in ("peak_bytes", "weights_bytes", "activations_bytes")}
