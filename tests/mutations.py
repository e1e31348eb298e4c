"""Files that are nearly what they should be, and what becomes of each in a worker process of its backend."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from tradeoff.datafiles import write_data
from tradeoff.errors import BadInput, TradeoffError
from tradeoff.own.model_file import inspect_model
from tradeoff.processes.workers import ProcessWorkers, WorkerDied, WorkerFailed
from tradeoff.registry import PluginSources, plugin_sources_to_json
from tradeoff.vocabulary import Backend, Environment, Task


def mutations(blob: bytes, seed: int, count: int) -> Iterator[bytes]:
    """``count`` changed copies of ``blob``: bits flipped, bytes replaced, ends cut off, parts cut out, moved, repeated.

    Every one differs from ``blob``, and the same seed gives the same ones.
    """
    chance = random.Random(seed)
    made = 0
    while made < count:
        changed = _WAYS[made % len(_WAYS)](bytearray(blob), chance)
        if changed != blob:
            made += 1
            yield bytes(changed)


def _flip(blob: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 1, 1, 4, 32))):
        blob[chance.randrange(len(blob))] ^= 1 << chance.randrange(8)
    return blob


def _flip_in_structure(blob: bytearray, chance: random.Random) -> bytearray:
    """Near either end, where formats keep what the rest means; most bytes in between are only weights."""
    near = max(1, min(2048, len(blob) // 4))
    for _ in range(chance.choice((1, 2, 8))):
        place = chance.randrange(near)
        blob[place if chance.random() < 0.5 else -1 - place] = chance.randrange(256)
    return blob


def _replace(blob: bytearray, chance: random.Random) -> bytearray:
    """With what tends to be an extreme: zeros, ones, the largest and the smallest number."""
    filling = chance.choice((b"\x00", b"\xff", b"\x7f", b"\x80"))
    start, length = chance.randrange(len(blob)), chance.choice((1, 4, 8, 64))
    blob[start : start + length] = filling * len(blob[start : start + length])
    return blob


def _truncate(blob: bytearray, chance: random.Random) -> bytearray:
    kept = chance.randrange(len(blob))
    return blob[:kept] if chance.random() < 0.5 else blob[kept:]


def _splice(blob: bytearray, chance: random.Random) -> bytearray:
    """Leave a part out, repeat it, or put it elsewhere."""
    start = chance.randrange(len(blob))
    end = min(len(blob), start + chance.choice((1, 4, 16, 256, 4096)))
    part = blob[start:end]
    way = chance.randrange(3)
    if way == 0:
        return blob[:start] + blob[end:]
    if way == 1:
        return blob[:end] + part + blob[end:]
    place = chance.randrange(len(blob))
    blob[place : place + len(part)] = part
    return blob


_WAYS = (_flip, _flip_in_structure, _replace, _truncate, _splice)


def fates(
    backend: Backend, parameters: dict[str, Any], files: Iterable[Path], task: Task, folder: Path
) -> Counter[str]:
    """What became of each file that a worker of ``backend`` was asked to load and to run.

    ``answered``, ``refused`` with a message for a person, ``failed`` with an exception of the runtime, or ``crashed``,
    which is the end of its worker: the next file gets another one. Whatever else is raised comes through.
    """
    (folder / "data").mkdir()
    write_data(task, folder / "data")
    workers = ProcessWorkers({"plugins": plugin_sources_to_json(PluginSources())}, folder, timeout=60.0, memory=4e9)
    request = {
        "stage": "footprint",
        "backend": backend.name,
        "parameters": parameters,
        "device": "host-cpu",
        "data": str(folder / "data"),
        "batch": 1,
    }
    environment = backend.environment(parameters, "host-cpu")
    found: Counter[str] = Counter()
    try:
        for path in files:
            fate, told = _fate(workers, environment, {**request, "artifact": str(path)})
            found[fate] += 1
            # Shown when the test fails.
            print(path.name, fate, told)
    finally:
        workers.close()
    return found


def _fate(workers: ProcessWorkers, environment: Environment, request: dict[str, Any]) -> tuple[str, str]:
    try:
        workers.ask(environment, request, lambda text, done: None)
    except WorkerDied as error:
        return "crashed", str(error)
    except WorkerFailed as error:
        return "failed", error.detail
    except TradeoffError as error:
        return "refused", str(error)
    return "answered", ""


def at_the_door(files: Iterable[Path], reads: Collection[str]) -> Counter[str]:
    """What the process that plans says to each as a user's own model: ``taken``, or ``refused`` in few words.

    Whatever else is raised comes through: it would bring down the run.
    """
    found: Counter[str] = Counter()
    for path in files:
        try:
            inspect_model(path, reads=reads)
        except BadInput as error:
            assert str(path) in str(error)
            assert len(str(error)) < 1000
            found["refused"] += 1
        else:
            found["taken"] += 1
    return found
