"""Several runs as steps from each version of a framework to the next one: which step moved which number.

The two runs that are compared for a step are those that differ least in everything else. A version can only have moved
a number by another file, or by another runtime under the same file; the records tell which, cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise, product
from typing import Final, Literal

from tradeoff.compare.comparable import machine_key
from tradeoff.compare.comparing import Comparison, Effect, Key, compare
from tradeoff.record import Record, Run, last_words

#: What is another in the newer run: the shipped file, what runs it, only what every cell has around it, nothing that
#: could explain a change; or Keras runs on another engine, which is no version, or the records do not say.
Cause = Literal["file", "runtime", "file and runtime", "surroundings", "nothing", "engine", "unknown"]
#: The interpreter counts as a distribution that every run has.
PYTHON: Final = "Python"
_SURROUNDINGS: Final = (PYTHON, "tradeoff")
_ALL_CELLS: Final = "*/"


@dataclass(frozen=True)
class Upgrade:
    """Two runs, the second with newer versions, and what that moved.

    :param old: position of the older run among those that were given.
    :param new: position of the newer one.
    :param names: the distributions for whose versions these two runs were chosen, the first deciding which is older.
    :param changes: every distribution that both runs have in different versions, with the two.
    :param causes: what is another in each cell that both have measured.
    """

    old: int
    new: int
    names: tuple[str, ...]
    changes: Mapping[str, tuple[str, str]]
    comparison: Comparison
    causes: Mapping[Key, Cause] = field(default_factory=dict)

    @property
    def moved(self) -> tuple[Effect, ...]:
        """What moved beyond chance, by enough to be worth a word, and where the new versions can have a part in it."""
        return tuple(effect for effect in self._changed if self.cause(effect) not in ("nothing", "engine"))

    @property
    def adrift(self) -> tuple[Effect, ...]:
        """What moved although the same file was run by the same runtime: the machine did that."""
        return tuple(effect for effect in self._changed if self.cause(effect) == "nothing")

    @property
    def _changed(self) -> Iterator[Effect]:
        return (effect for effect in self.comparison.effects if effect.verdict in ("worse", "better"))

    def cause(self, effect: Effect) -> Cause:
        """What is another in the cell; of several cells together, what is in any of them."""
        if not effect.cell.startswith(_ALL_CELLS):
            return self.causes.get((effect.suite, effect.cell), "unknown")
        return _together({cause for key, cause in self.causes.items() if _is_of(key, effect)})


def _is_of(key: Key, effect: Effect) -> bool:
    return key[0] == effect.suite and fnmatchcase(key[1], effect.cell)


def _together(causes: set[Cause]) -> Cause:
    known = causes - {"nothing", "unknown", "engine"}
    if "engine" in causes:
        return "engine"
    if "unknown" in causes or not causes:
        return "unknown"
    if len(known) > 1:
        return "file and runtime"
    return known.pop() if known else "nothing"


def upgrades(runs: Sequence[Run], most: int) -> tuple[list[Upgrade], int]:
    """A step for each version that the runs have beside an older one, and how many more than ``most`` there are."""
    versions = [versions_of_run(run) for run in runs]
    pairs = list(_pairs(runs, versions).items())
    return [_upgrade(runs, versions, pair, tuple(names)) for pair, names in pairs[:most]], max(0, len(pairs) - most)


def _pairs(runs: Sequence[Run], versions: Sequence[Mapping[str, str]]) -> dict[tuple[int, int], list[str]]:
    """The runs to compare, as positions, and the distributions that they are compared for."""
    found: dict[tuple[int, int], list[str]] = {}
    chooser = _Chooser(runs, versions)
    named = dict.fromkeys(name for one in versions for name in one)
    running = {word for run in runs for record in run.records for word in str(record.facts.get("runtime", "")).split()}
    # What runs artifacts decides which run is the older one, before what only comes with it.
    for name in sorted(named, key=lambda name: name not in running):
        for before, after in pairwise(sorted({one[name] for one in versions if name in one}, key=_order)):
            pair = chooser.pair(name, before, after)
            # The same two runs the other way round are no second step.
            other_way = pair[1], pair[0]
            found.setdefault(other_way if other_way in found else pair, []).append(name)
    return found


def versions_of_run(run: Run) -> dict[str, str]:
    """Distribution to version, and the version of Python."""
    python = run.machine.get("python")
    return {**run.versions, **({PYTHON: str(python)} if python else {})}


def _upgrade(
    runs: Sequence[Run], versions: Sequence[Mapping[str, str]], pair: tuple[int, int], names: tuple[str, ...]
) -> Upgrade:
    old, new = (runs[place] for place in pair)
    before, after = (versions[place] for place in pair)
    changes = {name: (before[name], after[name]) for name in _changed(before, after)}
    ordered = {name: changes[name] for name in (*names, *(other for other in changes if other not in names))}
    causes = dict(_causes(old, new, "surroundings" if changes.keys() & {*_SURROUNDINGS} else "nothing"))
    return Upgrade(*pair, names, ordered, compare(old, new), causes)


class _Chooser:
    """Finds the two runs that tell most about one version and least about anything else."""

    def __init__(self, runs: Sequence[Run], versions: Sequence[Mapping[str, str]]) -> None:
        self._runs = runs
        self._versions = versions
        self._machines = [machine_key(run) for run in runs]
        self._cells: dict[int, frozenset[Key]] = {}

    def pair(self, name: str, before: str, after: str) -> tuple[int, int]:
        old, new = ([i for i, one in enumerate(self._versions) if one.get(name) == v] for v in (before, after))
        return min(product(old, new), key=self._cost)

    def _cost(self, pair: tuple[int, int]) -> tuple[bool, bool, int, int]:
        """Less is better: nothing in common, other machines, versions and distributions, cells of only one."""
        old, new = pair
        before, after = self._versions[old], self._versions[new]
        shared = self._measured(old) & self._measured(new)
        return (
            not shared,
            self._machines[old] != self._machines[new],
            # Where a framework is absent, another one may do its work: that is more than another version.
            len(_changed(before, after)) + len(before.keys() ^ after.keys()),
            -len(shared),
        )

    def _measured(self, place: int) -> frozenset[Key]:
        if place not in self._cells:
            records = last_words(self._runs[place].records)
            self._cells[place] = frozenset(key for key, record in records.items() if record.status == "measured")
        return self._cells[place]


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [name for name in before if name in after and before[name] != after[name]]


def _causes(old: Run, new: Run, otherwise: Cause) -> Iterator[tuple[Key, Cause]]:
    before, after = last_words(old.records), last_words(new.records)
    for key, record in before.items():
        other = after.get(key)
        if other is not None and record.status == other.status == "measured":
            yield key, _cause(record, other, otherwise)


def _cause(old: Record, new: Record, otherwise: Cause) -> Cause:
    if _differs(old, new, "engine"):
        return "engine"
    content, runtime = _differs(old, new, "content"), _differs(old, new, "runtime")
    if content is None or runtime is None:
        return "unknown"
    if content and runtime:
        return "file and runtime"
    return "file" if content else "runtime" if runtime else otherwise


def _differs(old: Record, new: Record, fact: str) -> bool | None:
    before, after = old.facts.get(fact), new.facts.get(fact)
    return None if before is None or after is None else before != after


def _order(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that puts 2.9 before 2.10, and 2.21.0rc1 before 2.21.0."""
    parts = re.findall(r"[0-9]{1,18}|[a-z]+", version.lower())
    return (*((2, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts), (1, 0, version))
