"""``tradeoff store``: what is kept between runs, whether it is sound, and making room."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tradeoff.errors import BadInput, UnknownName
from tradeoff.store import KINDS, Entry, Kind, Store
from tradeoff.text import age, columns, safe, size

_DAY = 86_400.0


def list_store(store: Store, kinds: Sequence[str] | None) -> list[str]:
    """Every entry, the last used first, and what there is in all."""
    entries = sorted(_entries(store, kinds), key=lambda entry: -entry.used)
    if not entries:
        return [f"{store.root}: empty"]
    now = time.time()
    rows = [(e.kind, e.key, size(e.size), age(now - e.used), describe(e)) for e in entries]
    total = sum(entry.size for entry in entries)
    return [*columns(rows, indent=""), f"{store.root}: {len(entries)} entries, {size(total)}"]


def describe(entry: Entry) -> str:
    """What an entry was made from, in the words of the matrix."""
    inputs: Mapping[str, Any] = entry.inputs
    return safe(_described(entry.kind, inputs))[:200]


def _described(kind: Kind, inputs: Mapping[str, Any]) -> str:
    if kind == "data":
        return str(inputs.get("task", ""))
    if kind == "variant":
        # What stands in a manifest is checked by `verify`; here whatever stands there is shown.
        steps = inputs.get("steps")
        spelled = [step.get("spelling") if isinstance(step, dict) else step for step in _listed(steps)]
        told = "+".join(map(str, spelled)) or "baseline"
        return f"{inputs.get('model', '')}/{told} seed {inputs.get('seed', '')}"
    if kind == "artifact" and "adopted" in inputs:
        return (
            f"{inputs.get('backend', '')} {inputs.get('ending', '')} {str(inputs['adopted'])[:12]}, finished elsewhere"
        )
    if kind == "artifact":
        return f"{inputs.get('backend', '')} {inputs.get('precision', '')} of {str(inputs.get('variant', ''))[:12]}"
    judged = inputs.get("artifact") or inputs.get("reference", "")
    return f"{inputs.get('backend', 'reference')} on {inputs.get('task', '')} of {str(judged)[:12]}"


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def verify_store(store: Store) -> tuple[list[str], int]:
    """Read every byte; exit status 1 when something is wrong."""
    problems = store.verify()
    aside = store.set_aside()
    lines = [safe(str(problem)) for problem in problems]
    lines += [safe(f"set aside earlier: {path}") for path in aside]
    count = len(store.entries())
    lines.append(f"{store.root}: {count} entries, {len(problems)} with problems")
    if problems:
        lines.append("the next run sets them aside and makes them again")
    return lines, 1 if problems else 0


def prune_store(
    store: Store, kinds: Sequence[str] | None, days: float | None, keep_mb: float | None, dry_run: bool
) -> list[str]:
    """Remove what was asked for; without a limit nothing is, since everything would be."""
    if days is None and keep_mb is None:
        raise BadInput("say what to remove: --older-than DAYS, --keep MB, or both; --keep 0 removes everything")
    for flag, limit in (("--older-than", days), ("--keep", keep_mb)):
        if limit is not None and not 0 <= limit < math.inf:
            raise BadInput(f"{flag} {limit:g} is out of range; expected 0 or more")
    pruned = store.prune(
        kinds=_kinds(kinds),
        older_than=None if days is None else days * _DAY,
        keep_bytes=None if keep_mb is None else int(keep_mb * 1e6),
        dry_run=dry_run,
    )
    freed = pruned.freed + store.prune_set_aside(dry_run)
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {entry}  {describe(entry)}" for entry in pruned.entries]
    return [*lines, f"{store.root}: {verb} {len(pruned.entries)} entries, {size(freed)}"]


def _entries(store: Store, kinds: Sequence[str] | None) -> list[Entry]:
    return [entry for kind in _kinds(kinds) for entry in store.entries(kind)]


def _kinds(kinds: Sequence[str] | None) -> tuple[Kind, ...]:
    for kind in kinds or ():
        if kind not in KINDS:
            raise UnknownName("kind of entry", kind, KINDS)
    return tuple(kind for kind in KINDS if not kinds or kind in kinds)
