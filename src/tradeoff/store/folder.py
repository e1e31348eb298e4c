"""The store's folder on the disk: its layout, its locks, its temporary names, and what to say when it fails."""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tradeoff.errors import TradeoffError
from tradeoff.fingerprint import synchronise
from tradeoff.store.entry import KEY, KINDS, Kind

_HOST: Final = re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "unknown"
_WEEK: Final = 7 * 24 * 3600.0
_FULL: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file grew past the largest size allowed here",
}
_FORBIDDEN: Final = {
    errno.EACCES: "there is no permission",
    errno.EPERM: "that is not permitted there",
    errno.EROFS: "the file system is read-only",
    errno.EEXIST: "a file is where a folder should be",
    errno.ENOTDIR: "a file is where a folder should be",
}
_CACHEDIR_TAG: Final = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is a cache made by tradeoff. It can be deleted at any time.\n"
)


class StoreError(TradeoffError):
    """The store's folder cannot be read or written; says which path, what for, and what to do."""


@dataclass(frozen=True)
class Unfinished:
    """A folder under ``temporary``: its name says who is filling it, and with what."""

    path: Path
    kind: Kind
    key: str
    process: int
    host: str

    @classmethod
    def parse(cls, path: Path) -> Unfinished | None:
        """Read the name; ``None`` for a stranger's."""
        parts = path.name.split(".")
        if len(parts) != 5:
            return None
        kind, key, process, _, host = parts
        known: Kind | None = next((each for each in KINDS if each == kind), None)
        if known is None or not KEY.match(key) or not re.fullmatch(r"[0-9]{1,9}", process):
            return None
        return cls(path, known, key, int(process), host)

    def may_be_abandoned(self) -> bool:
        """Whether its process is dead here; process ids are used again, so after a week it counts as dead."""
        if time.time() - self.path.lstat().st_mtime > _WEEK:
            return True
        return self.host == _HOST and not _alive(self.process)


class StoreFolder:
    """Where everything lies under one root: ``<kind>/<key>``, ``locks``, ``temporary``, ``set-aside``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._locks = root / "locks"
        self._temporary = root / "temporary"
        self._set_aside = root / "set-aside"

    def entry(self, kind: Kind, key: str) -> Path:
        """Where an entry lies, whether it is there or not."""
        if kind not in KINDS or not KEY.match(key):
            raise ValueError(f"{kind!r} {key!r} is not an entry; kinds are {', '.join(KINDS)}, keys 24 hex digits")
        return self.root / kind / key

    def prepare(self) -> None:
        """Make the root, marked as a cache for git and for backup programs."""
        with told(self.root, "opening the store for writing"):
            self.root.mkdir(parents=True, exist_ok=True)
            for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _CACHEDIR_TAG)):
                if not (self.root / name).exists():
                    (self.root / name).write_text(text, encoding="ascii")

    def children(self, name: str) -> list[Path]:
        """What lies in one of the root's folders."""
        folder = self.root / name
        with told(folder, "listing the store"):
            return sorted(folder.iterdir()) if folder.exists() else []

    # --- locks ----------------------------------------------------------------------------------

    @contextmanager
    def locked(self, kind: Kind, key: str, waiting: Callable[[str], None]) -> Iterator[None]:
        """Alone with one key among all processes; ``waiting`` is told when another one has it."""
        lock = self._lock(kind, key)
        with told(Path(lock.lock_file), f"locking {kind} {key}"):
            try:
                lock.acquire(timeout=0.2)
            except Timeout:
                waiting(self._why_waiting(kind, key))
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def locked_if_free(self, kind: Kind, key: str) -> Iterator[bool]:
        """Whether nobody had the lock; if so, it is held meanwhile."""
        lock = self._lock(kind, key)
        with told(Path(lock.lock_file), f"locking {kind} {key}"), suppress(Timeout):
            lock.acquire(timeout=0)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def _lock(self, kind: Kind, key: str) -> FileLock:
        with told(self._locks, f"locking {kind} {key}"):
            self._locks.mkdir(parents=True, exist_ok=True)
        # As open as the umask allows, so that a team can share one store.
        return FileLock(self._locks / f"{kind}-{key}.lock", mode=0o666)

    def _why_waiting(self, kind: Kind, key: str) -> str:
        makers = [maker for maker in self._unfinished() if (maker.kind, maker.key) == (kind, key)]
        who = f"process {makers[0].process} on {makers[0].host}" if makers else "another process"
        return f"waiting for {who}, which is making {kind} {key} in {self.root}"

    # --- from a temporary name into place, and out of it -------------------------------------------

    def temporary(self, kind: Kind, key: str) -> Path:
        """A name that nobody else has, and that says whose it is."""
        self._temporary.mkdir(parents=True, exist_ok=True)
        return self._temporary / f"{kind}.{key}.{os.getpid()}.{uuid.uuid4().hex[:8]}.{_HOST}"

    def put_in_place(self, folder: Path, kind: Kind, key: str) -> None:
        """Rename a finished folder to where it is found; what was there makes room."""
        path = self.entry(kind, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            self.discard(kind, key)
        folder.rename(path)
        synchronise(path.parent)

    def set_aside(self, kind: Kind, key: str) -> Path:
        """Move an entry out of the way, for a person to look at."""
        self._set_aside.mkdir(parents=True, exist_ok=True)
        number = 1
        while os.path.lexists(target := self._set_aside / f"{kind}-{key}-{number}"):
            number += 1
        return self.entry(kind, key).rename(target)

    def discard(self, kind: Kind, key: str) -> None:
        """Renamed first: a process that is killed while it deletes leaves no half entry in place."""
        with suppress(FileNotFoundError):
            delete(self.entry(kind, key).rename(self.temporary(kind, key)))

    def remove_leftovers(self) -> None:
        """Delete what killed builders left; whoever holds the key's lock is alive, whatever its process id says."""
        for leftover in self._unfinished():
            with suppress(OSError, StoreError):
                if leftover.may_be_abandoned():
                    with self.locked_if_free(leftover.kind, leftover.key) as free:
                        if free:
                            delete(leftover.path)

    def _unfinished(self) -> Iterator[Unfinished]:
        with suppress(OSError):
            for path in sorted(self._temporary.iterdir()):
                if found := Unfinished.parse(path):
                    yield found


def delete(path: Path) -> None:
    """Delete a file, a link or a folder with all that is in it; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def told(path: Path, wanted: str) -> Iterator[None]:
    """Turn what the file system refuses into an error that a person can act on."""
    try:
        yield
    except (OSError, NotImplementedError) as error:
        raise StoreError(_explain(error, path, wanted)) from error


@contextmanager
def told_when_full(path: Path, wanted: str) -> Iterator[None]:
    """A builder's own errors go on as they are, but a full disk is the store's affair."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StoreError(_explain(error, path, wanted)) from error


def _explain(error: OSError | NotImplementedError, path: Path, wanted: str) -> str:
    number = getattr(error, "errno", None)
    culprit = getattr(error, "filename", None) or path
    start = f"{culprit}: while {wanted}: "
    if number in _FULL:
        return (
            f"{start}{_FULL[number]}. Make room, for instance with `tradeoff store prune`, "
            "or keep the store elsewhere with --tradeoff-store DIR."
        )
    reason = _FORBIDDEN.get(number or 0) or getattr(error, "strerror", None) or str(error)
    return f"{start}{reason}. Choose a folder that can be written with --tradeoff-store DIR."


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
