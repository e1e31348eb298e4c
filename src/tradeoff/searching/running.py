"""A search from its beginning, or from where it was stopped, to its tables."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from filelock import FileLock

from tradeoff.errors import BadInput
from tradeoff.processes.workers import InProcessWorkers, ProcessWorkers, Workers
from tradeoff.record import Record
from tradeoff.runs.run_folder import HOME, project_folder, store_folder
from tradeoff.searching.looking import Looking
from tradeoff.searching.search import Search
from tradeoff.searching.study import Study
from tradeoff.searching.telling import chosen_of, heading, nearer, run_of, summary, tested, trials_told, write_run
from tradeoff.searching.trying import Trier
from tradeoff.store import Store
from tradeoff.supply import Supply
from tradeoff.text import safe_lines

#: Nothing fits.
NOTHING: Final = 1
#: As a shell has it of a process that Ctrl-C ended.
STOPPED: Final = 130
_IDENTITY: Final = "search.json"
_FLICKER: Final = 0.1


@dataclass(frozen=True)
class Manner:
    """How it is done, which does not make it another search.

    :param trials: that there shall be in all.
    :param budget: seconds.
    :param width: of the terminal, if it was said.
    """

    trials: int
    budget: float | None
    folder: Path
    width: int | None


def run(search: Search, manner: Manner) -> int:
    """Search, and tell what was found; gives the exit status."""
    _claim(search, manner.folder)
    for note in search.notes:
        _warn(note)
    line = _Line()
    with _supplied(search, manner.folder) as supply, _study(search, manner.folder) as study:
        trier = Trier(supply, search.wish, manner.folder, line)
        looking = Looking(search, study, trier, manner.trials, manner.budget, line.say, line.begin)
        early, stopped = _look(looking)
        records, stopped = _records(looking, manner, stopped)
        line.clear()
        status = _tell(search, manner, study, records, "it was stopped" if stopped else early)
    return STOPPED if stopped else status


def _look(looking: Looking) -> tuple[str, bool]:
    try:
        return looking.look(), False
    except KeyboardInterrupt:
        return "", True


def _records(looking: Looking, manner: Manner, stopped: bool) -> tuple[list[Record], bool]:
    """Of several processes one measures, the others take what it has measured."""
    if not stopped:
        try:
            with FileLock(manner.folder / "measuring.lock"):
                return looking.records(measure=True), False
        except KeyboardInterrupt:
            stopped = True
    return looking.records(measure=False), stopped


def _tell(search: Search, manner: Manner, study: Study, records: list[Record], early: str) -> int:
    tried = study.tried()
    metric = str(next((one.facts["metric"] for one in records if one.facts.get("metric")), "quality"))
    _print(
        [*trials_told(tried, search, metric), "", *summary(tried, search, metric, study.barred, early, manner.trials)]
    )
    if not records:
        _print(["Nothing was judged, so there is nothing to recommend.", *nearer(tried, search.wish)])
        return NOTHING
    whole = run_of(search, tried, records, manner.folder)
    path = write_run(whole, manner.folder)
    found = chosen_of(whole, search)
    renderer = search.registry.renderers.get("terminal")
    if renderer is not None:
        width = manner.width or shutil.get_terminal_size((100, 24)).columns
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(f"\n{renderer.render([whole], width, colour)}")
        _print([heading(whole), ""])
        print(renderer.render_recommendation(found, width, colour), end="")
    _print([*tested(whole, found), *([] if found.found else nearer(tried, search.wish)), f"files: {path}"])
    return 0 if found.found else NOTHING


# --- around it --------------------------------------------------------------------------------------


def _claim(search: Search, folder: Path) -> None:
    """The folder is that of this search: what another one has tried would be taken for its own."""
    path = folder / _IDENTITY
    wanted = json.dumps(search.identity, indent=1, sort_keys=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        home = project_folder(Path.cwd()) / HOME
        if home in folder.parents:
            (home / ".gitignore").write_text("*\n", encoding="utf-8")
        if not path.exists():
            path.write_text(wanted, encoding="utf-8")
        elif json.loads(path.read_text(encoding="utf-8")) != json.loads(wanted):
            raise BadInput(
                f"--output {folder} holds another search, of other techniques, limits, objective, seed or model; "
                "choose a new folder, or give what it was begun with"
            )
    except (OSError, ValueError) as error:
        raise BadInput(f"--output {folder} cannot be used: {error}") from error


def _study(search: Search, folder: Path) -> Study:
    return Study(
        folder,
        search.plan.settings.seed,
        search.wish.goal.names,
        search.yardsticks,
        search.propose,
        search.refusal,
    )


@contextmanager
def _supplied(search: Search, folder: Path) -> Iterator[Supply]:
    settings, plan = search.plan.settings, search.plan
    workers: Workers
    if settings.switch("in-process"):
        workers = InProcessWorkers(plan.setup, registry=plan.registry)
    else:
        logs = folder / "logs" / str(os.getpid())
        logs.mkdir(parents=True, exist_ok=True)
        workers = ProcessWorkers(plan.setup, logs, settings.timeout, settings.memory)
    try:
        store = Store(store_folder(settings, project_folder(Path.cwd())), warn=_warn)
        yield Supply(plan.registry, store, workers, settings.seed)
    finally:
        workers.close()


def _warn(text: str) -> None:
    print(f"tradeoff: {safe_lines(text)}", file=sys.stderr)


def _print(lines: list[str]) -> None:
    print("\n".join(map(safe_lines, lines)), flush=True)


class _Line:
    """What goes on now, on one line of a terminal that is written again and again; nothing of it goes into a file."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._last = 0.0
        self._trial = ""

    def __call__(self, text: str, done: float) -> None:
        """A step of the trial in progress."""
        now = monotonic()
        if self._shown and now - self._last > _FLICKER:
            width = shutil.get_terminal_size((100, 24)).columns - 1
            print(f"\r\x1b[K{safe_lines(f'{self._trial}: {text}')[:width]}", end="", file=sys.stderr, flush=True)
            self._last = now

    def begin(self, text: str) -> None:
        """What the steps from now on belong to."""
        self._trial, self._last = text, 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        print(safe_lines(text), flush=True)

    def clear(self) -> None:
        """Leave an empty line to whoever writes next."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
