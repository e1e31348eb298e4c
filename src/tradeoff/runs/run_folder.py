"""The folder of a run: a new one, or that of a run to be gone on with; one process at a time works in it."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from filelock import FileLock, Timeout

from tradeoff.errors import BadInput
from tradeoff.options import Settings
from tradeoff.record import Run
from tradeoff.runs.journal import NAME, Content
from tradeoff.runs.resume import find_run

HOME: Final = ".tradeoff"
_RUNS: Final = "runs"
#: Locked while a run goes on; a kill frees the lock, though not the file.
_LOCK: Final = ".running"


class FolderInUse:
    """One process at a time works in a run's folder; the operating system frees it when that process is killed."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BadInput(f"the run in {path} is still going on in another process; wait for it, or stop it") from None
        except OSError as error:
            raise BadInput(
                f"the output folder {path} cannot be written: {error}; choose one with --tradeoff-output FOLDER"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave the folder to others."""
        with contextlib.suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files.

    :param path: the folder.
    :param content: what its journal holds already, for a run that is gone on with.
    :param use: held until the run has ended.
    """

    path: Path
    content: Content | None
    use: FolderInUse


def project_folder(start: Path) -> Path:
    """Where runs have left their files: ``start`` or the nearest folder above it that has some."""
    return next((place for place in (start, *start.parents) if (place / HOME).is_dir()), start)


def store_folder(settings: Settings, folder: Path) -> Path:
    """Where the store lies: as the options say, else below ``folder``."""
    return Path(settings.text("store") or folder / HOME / "store")


def open_folder(settings: Settings, folder: Path, run: Run) -> RunFolder:
    """The folder for ``run``, or the one of the run that it goes on with."""
    found = None
    if settings.switch("resume"):
        found = find_run(_candidates(settings, folder), run)
    path = found[0] if found else _new_folder(settings, folder)
    use = FolderInUse(path)
    try:
        # Whoever held the lock may have gone on a little since the journal was read.
        found = find_run([path], run) if found else None
        if found is None:
            _claim(path, settings)
    except BadInput:
        use.leave()
        raise
    return RunFolder(path, found[1] if found else None, use)


def _candidates(settings: Settings, folder: Path) -> list[Path]:
    """Where to look for a run: in the folder that the user names, else in all, the newest first."""
    chosen = settings.text("output")
    if chosen:
        return [Path(chosen)]
    try:
        return sorted((folder / HOME / _RUNS).iterdir(), reverse=True)
    except OSError:
        return []


def _new_folder(settings: Settings, folder: Path) -> Path:
    """A new folder, or the one that the user names."""
    chosen = settings.text("output")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    path = Path(chosen) if chosen else folder / HOME / _RUNS / f"{stamp}-{secrets.token_hex(2)}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not chosen:
            (folder / HOME / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the output folder {path} cannot be made: {error}; choose one with --tradeoff-output FOLDER"
        ) from error
    return path


def _claim(path: Path, settings: Settings) -> None:
    """Make sure that no other run is written over."""
    journal = path / NAME
    if journal.exists() and not settings.switch("resume"):
        raise BadInput(
            f"--tradeoff-output {path} holds a run already; go on with it by --tradeoff-resume, or choose a new folder"
        )
    # A run that was killed before the first line of its journal was whole has left nothing to go on with.
    journal.unlink(missing_ok=True)
