"""The content-addressed store: whatever was built once, from these inputs, is not built again.

Entries are found by a digest of what they were made from. They are written under a temporary name and renamed
into place, one builder per key; every byte is checked before an entry is given out, and a corrupted entry is set
aside, never given out and never deleted unseen.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradeoff.fingerprint import canonical, digest
from tradeoff.store.entry import (
    KEY,
    KINDS,
    MANIFEST,
    CorruptedEntry,
    Entry,
    Kind,
    read_manifest,
    seal,
    size_of,
    verified,
)
from tradeoff.store.folder import StoreError, StoreFolder, delete, told, told_when_full

__all__ = ["KINDS", "Entry", "Kind", "Problem", "Pruned", "Store", "StoreError"]

Builder = Callable[[Path], Mapping[str, Any]]
Message = Callable[[str], None]


@dataclass(frozen=True)
class Problem:
    """Something in the store that should not be there, or not like this."""

    path: Path
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


@dataclass(frozen=True)
class Pruned:
    """What a pruning removed, or would remove."""

    entries: tuple[Entry, ...] = ()
    freed: int = 0


def _nobody(message: str) -> None:
    """Nobody asked to be told."""


class Store:
    """Data, variants, artifacts and results by what they were made from.

    :param root: where it lies; nothing is written there until something is made.
    :param warn: told of every corrupted entry that was set aside.
    :param waiting: told why it takes long, when another process is making the same entry.
    :param rebuild: ignore and replace entries made before ``started``, once per key.
    :param started: when this run began, in seconds since 1970; by default when this object is made.
    """

    def __init__(
        self,
        root: Path,
        warn: Message = _nobody,
        waiting: Message = _nobody,
        rebuild: bool = False,
        started: float | None = None,
    ) -> None:
        self.root = root
        self._folder = StoreFolder(root)
        self._warn = warn
        self._waiting = waiting
        self._oldest = (time.time() if started is None else started) if rebuild else None
        self._checked: dict[tuple[Kind, str], tuple[int, Entry]] = {}
        self._folder.remove_leftovers()

    @staticmethod
    def key(inputs: Mapping[str, Any]) -> str:
        """The key of what is made from ``inputs``, plain data: 24 hexadecimal digits."""
        return digest(dict(inputs))[:24]

    # --- finding --------------------------------------------------------------------------------

    def find(self, kind: Kind, inputs: Mapping[str, Any]) -> Entry | None:
        """The verified entry, or ``None``; writes nothing unless one is corrupted."""
        key = self.key(inputs)
        try:
            return self._look(kind, key)
        except CorruptedEntry as error:
            return self._find_again(kind, key, error)

    def _find_again(self, kind: Kind, key: str, found: CorruptedEntry) -> Entry | None:
        """Only the holder of the lock may set aside: another process may have mended the entry by now."""
        try:
            with self._folder.locked(kind, key, self._waiting):
                return self._look_or_set_aside(kind, key)
        except StoreError as error:
            self._warn(f"{self._folder.entry(kind, key)} is corrupted: {found}. It is ignored. {error}")
            return None

    def _look_or_set_aside(self, kind: Kind, key: str) -> Entry | None:
        try:
            return self._look(kind, key)
        except CorruptedEntry as error:
            path = self._folder.entry(kind, key)
            with told(path, "setting a corrupted entry aside"):
                target = self._folder.set_aside(kind, key)
            self._warn(f"{path} is corrupted: {error}. It was set aside as {target} and will be made again.")
            return None

    def _look(self, kind: Kind, key: str) -> Entry | None:
        path = self._folder.entry(kind, key)
        with told(path, f"reading {kind} {key}"):
            entry = self._remembered(kind, key) or self._verified(kind, key)
        if entry is None or (self._oldest is not None and entry.created < self._oldest):
            return None
        with suppress(OSError):  # A read-only store serves as well; it only cannot note when.
            os.utime(path)
        return entry

    def _remembered(self, kind: Kind, key: str) -> Entry | None:
        """Hashing gigabytes once per process is enough."""
        changed, entry = self._checked.get((kind, key), (None, None))
        return entry if changed is not None and changed == self._changed(kind, key) else None

    def _verified(self, kind: Kind, key: str) -> Entry | None:
        path = self._folder.entry(kind, key)
        changed = self._changed(kind, key)
        try:
            return self._remember(verified(path, kind, key), changed) if os.path.lexists(path) else None
        except CorruptedEntry:
            if not os.path.lexists(path):  # Pruned by another process while it was read here.
                return None
            raise

    def _remember(self, entry: Entry, changed: int | None) -> Entry:
        if changed is not None:
            self._checked[entry.kind, entry.key] = (changed, entry)
        return entry

    def _changed(self, kind: Kind, key: str) -> int | None:
        try:
            return (self._folder.entry(kind, key) / MANIFEST).stat().st_mtime_ns
        except OSError:
            return None

    # --- making ---------------------------------------------------------------------------------

    def make(self, kind: Kind, inputs: Mapping[str, Any], build: Builder) -> Entry:
        """The entry; where there is none, ``build`` fills the folder it is given and returns facts, plain data."""
        key = self.key(inputs)
        with suppress(CorruptedEntry):
            if found := self._look(kind, key):
                return found
        self._folder.prepare()
        with self._folder.locked(kind, key, self._waiting):
            return self._look_or_set_aside(kind, key) or self._build(kind, key, inputs, build)

    def _build(self, kind: Kind, key: str, inputs: Mapping[str, Any], build: Builder) -> Entry:
        with told(self.root, f"making {kind} {key}"):
            folder = self._folder.temporary(kind, key)
            folder.mkdir()
        try:
            with told_when_full(folder, f"making {kind} {key}"):
                facts = build(folder)
            canonical(dict(facts))
            with told(folder, f"writing {kind} {key}"):
                seal(folder, kind, key, inputs, facts)
                self._folder.put_in_place(folder, kind, key)
                return self._just_made(kind, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _just_made(self, kind: Kind, key: str) -> Entry:
        """Its checksums were taken a moment ago; taking them again would read every byte twice."""
        path = self._folder.entry(kind, key)
        return self._remember(Entry(kind, key, path, read_manifest(path / MANIFEST)), self._changed(kind, key))

    # --- housekeeping ---------------------------------------------------------------------------

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """Everything that is in place, unverified; an unreadable manifest is an empty one."""
        return [
            Entry(each, path.name, path, _manifest_or_nothing(path))
            for each in KINDS
            if kind in (None, each)
            for path in self._folder.children(each)
            if KEY.match(path.name)
        ]

    def set_aside(self) -> list[Path]:
        """The corrupted entries that were set aside."""
        return self._folder.children("set-aside")

    def verify(self) -> list[Problem]:
        """Check every byte of every entry; changes nothing."""
        strangers = [
            Problem(path, "is not an entry of the store")
            for kind in KINDS
            for path in self._folder.children(kind)
            if not KEY.match(path.name)
        ]
        return strangers + [problem for entry in self.entries() if (problem := _problem(entry))]

    def prune(
        self,
        kinds: Iterable[Kind] = KINDS,
        older_than: float | None = None,
        keep_bytes: int | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove entries, the longest unused first; with no limit given, all of these kinds.

        :param older_than: only what was not used for so many seconds.
        :param keep_bytes: only until what is left of these kinds fits.
        :param dry_run: remove nothing, tell what would be.
        """
        wanted, now = set(kinds), time.time()
        candidates = sorted((entry for entry in self.entries() if entry.kind in wanted), key=lambda entry: entry.used)
        sizes = {entry.path: entry.size for entry in candidates}
        left, removed = sum(sizes.values()), list[Entry]()
        for entry in candidates:
            young = older_than is not None and now - entry.used <= older_than
            fits = keep_bytes is not None and left <= keep_bytes
            if not (young or fits) and self._remove(entry, dry_run):
                removed.append(entry)
                left -= sizes[entry.path]
        return Pruned(tuple(removed), sum(sizes[entry.path] for entry in removed))

    def prune_set_aside(self, dry_run: bool = False) -> int:
        """Remove what was set aside; gives the bytes that frees."""
        freed = 0
        for path in self.set_aside():
            with told(path, "removing what was set aside"):
                freed += size_of(path)
                if not dry_run:
                    delete(path)
        return freed

    def _remove(self, entry: Entry, dry_run: bool) -> bool:
        """Whether it could be removed: one that a running process is making again is left alone."""
        with self._folder.locked_if_free(entry.kind, entry.key) as free:
            if free and not dry_run:
                with told(entry.path, f"removing {entry}"):
                    self._folder.discard(entry.kind, entry.key)
            return free


def _manifest_or_nothing(path: Path) -> Mapping[str, Any]:
    try:
        return read_manifest(path / MANIFEST)
    except (CorruptedEntry, OSError):
        return {}


def _problem(entry: Entry) -> Problem | None:
    try:
        with told(entry.path, f"verifying {entry}"):
            verified(entry.path, entry.kind, entry.key)
    except (CorruptedEntry, StoreError) as error:
        return Problem(entry.path, str(error)) if os.path.lexists(entry.path) else None
    return None
