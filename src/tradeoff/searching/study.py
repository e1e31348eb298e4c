"""A search on disk: which trials there were, which go on, and which is next. Optuna keeps it and proposes.

Any number of processes work on one search at once. One that was killed leaves a trial which nobody works on any more;
the next process that looks finds that out by a lock that the operating system has freed, and does the trial again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from filelock import FileLock, Timeout

from tradeoff.errors import TradeoffError
from tradeoff.fingerprint import digest
from tradeoff.searching.outcomes import VOID, Outcome, Tried
from tradeoff.searching.space import Proposal, choices_for
from tradeoff.spelling import split

JOURNAL: Final = "optuna.log"
_NAME: Final = "tradeoff"
_WORKERS: Final = "workers"
_BARRED: Final = "barred"
#: Proposals in a row that were tried already or cannot exist, after which the sampler guesses, and after which the
#: space is taken for exhausted.
_STUBBORN: Final = 8
_EXHAUSTED: Final = 100
#: Trials at random before the sampler learns from them; the yardsticks are among them.
_AT_RANDOM: Final = 10


@dataclass(frozen=True)
class Asked:
    """A trial that this process has to do.

    :param trial: Optuna's.
    :param best: the least cost, in the first objective, of what fits so far.
    """

    trial: Any
    place: int
    proposal: Proposal
    yardstick: bool
    best: float | None


@dataclass
class Study:
    """One search.

    :param folder: where it lies.
    :param seed: of the proposals.
    :param objectives: the names of what the sampler is told, all of them costs.
    :param yardsticks: what is tried first.
    :param propose: makes a proposal of Optuna's trial.
    :param refusal: why a proposal cannot be tried; empty if it can. It is told which of the yardsticks have failed.
    """

    folder: Path
    seed: int
    objectives: tuple[str, ...]
    yardsticks: Sequence[Proposal]
    propose: Callable[[Any], Proposal]
    refusal: Callable[[Proposal, Collection[Proposal]], str]
    _study: Any = None
    _id: str = field(default_factory=lambda: secrets.token_hex(6))
    _alive: FileLock | None = None

    def open(self) -> None:
        """Begin the search, or join it; what killed processes have left is put back."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        workers = self.folder / _WORKERS
        try:
            workers.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TradeoffError(f"the folder of the search {self.folder} cannot be made: {error}") from error
        self._alive = FileLock(workers / f"{self._id}.lock")
        self._alive.acquire()
        with self._turn():
            storage = _storage(self.folder / JOURNAL)
            self._study = optuna.create_study(
                storage=storage,
                study_name=_NAME,
                directions=[optuna.study.StudyDirection.MINIMIZE for _ in self.objectives],
                load_if_exists=True,
            )
            known = {_words(trial) for trial in self._study.trials}
            for one in self.yardsticks:
                if (one.chain, one.backend) not in known:
                    attributes = {"yardstick": True, "chain": one.chain, "backend": one.backend}
                    self._study.enqueue_trial(choices_for(one), user_attrs=attributes)

    def close(self) -> None:
        """Nobody works on what this process has left open."""
        if self._alive is not None:
            self._alive.release()
            Path(self._alive.lock_file).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time asks: two would be given one trial, or the same chain."""
        with FileLock(self.folder / "ask.lock"):
            yield

    # --- asking and telling -------------------------------------------------------------------------

    def ask(self, most: int) -> Asked | None:
        """The next trial; nothing when there are ``most``, or when there is nothing new to propose."""
        with self._turn():
            self._take_back()
            for attempt in range(_EXHAUSTED):
                trials = self._study.get_trials(deepcopy=False)
                waiting = any(trial.state.name == "WAITING" for trial in trials)
                if not waiting and sum(map(_counts, trials)) >= most:
                    return None
                found = self._ask_once(trials, attempt)
                if found is not None:
                    return found
        return None

    def _ask_once(self, trials: Sequence[Any], attempt: int) -> Asked | None:
        taken = (trial.user_attrs.get("place", 0) for trial in trials if VOID not in trial.user_attrs)
        place = 1 + max(taken, default=0)
        # The seed is that of the place, not of a stream: a search that was killed goes on as if it had not been.
        self._study.sampler = _sampler(int(digest([self.seed, place, attempt])[:8], 16), attempt)
        trial = self._study.ask()
        trial.set_user_attr("worker", self._id)
        place = int(trial.user_attrs.get("place", place))
        proposal = self.propose(trial)
        known = {_words(one) for one in trials if _counts(one)}
        why = "tried already" if (proposal.chain, proposal.backend) in known else self._barred(proposal)
        if why := why or self.refusal(proposal, _failed(trials)):
            self._end(trial, {VOID: why}, "FAIL")
            return None
        for name, value in (("place", place), ("chain", proposal.chain), ("backend", proposal.backend)):
            trial.set_user_attr(name, value)
        return Asked(trial, place, proposal, bool(trial.user_attrs.get("yardstick")), _best(trials))

    def _take_back(self) -> None:
        """Queue again what a process was at that is no more."""
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.name != "RUNNING" or not self._is_dead(trial.user_attrs.get("worker", "")):
                continue
            kept = {n: trial.user_attrs[n] for n in ("place", "yardstick", "chain", "backend") if n in trial.user_attrs}
            if kept.get("place") or kept.get("yardstick"):
                self._study.enqueue_trial(trial.params, user_attrs=kept)
            self._study.tell(trial.number, state=_state("FAIL"))

    def _is_dead(self, worker: str) -> bool:
        path = self.folder / _WORKERS / f"{worker}.lock"
        if worker == self._id:
            return False
        if not worker or not path.exists():
            return True
        try:
            with FileLock(path, timeout=0):
                path.unlink(missing_ok=True)
                return True
        except Timeout:
            return False

    def tell(self, asked: Asked, outcome: Outcome) -> None:
        """A trial has ended."""
        for name, miss in outcome.missed.items():
            asked.trial.set_constraint(name, miss)
        state = {"judged": "COMPLETE", "failed": "FAIL"}.get(outcome.ended, "PRUNED")
        known = outcome.numbers.get(self.objectives[0])
        if state == "PRUNED" and len(self.objectives) == 1 and known is not None:
            asked.trial.report(known, step=1)
        self._end(asked.trial, {"outcome": outcome.to_json()}, state, outcome.values)

    def forget(self, asked: Asked, barred: Mapping[str, str]) -> None:
        """It was no trial: techniques in it turned out to do nothing for this model. They are not proposed again.

        :param barred: by name, why.
        """
        with self._turn():
            self._study.set_user_attr(_BARRED, {**self.barred, **barred})
            self._end(asked.trial, {VOID: "; ".join(barred.values())}, "FAIL")

    @property
    def barred(self) -> dict[str, str]:
        """The techniques that turned out to do nothing for this model, each with the reason."""
        return dict(self._study.user_attrs.get(_BARRED, {}))

    def _barred(self, proposal: Proposal) -> str:
        names = [split(part)[0] for part in proposal.chain.split("+")]
        return "; ".join(why for name, why in self.barred.items() if name in names)

    def _end(self, trial: Any, attributes: dict[str, Any], state: str, values: Sequence[float] = ()) -> None:
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        self._study.tell(trial, list(values) if state == "COMPLETE" else None, state=_state(state))

    # --- looking ------------------------------------------------------------------------------------

    def others(self) -> int:
        """How many trials other processes are at, or have left."""
        trials = self._study.get_trials(deepcopy=False)
        return sum(trial.state.name == "RUNNING" and trial.user_attrs.get("worker") != self._id for trial in trials)

    def tried(self) -> list[Tried]:
        """All trials that have ended, in the order of their places."""
        found = []
        for trial in self._study.get_trials(deepcopy=False):
            told = trial.user_attrs.get("outcome")
            if told is None or not trial.state.is_finished():
                continue
            proposal = Proposal(trial.user_attrs["chain"], trial.user_attrs["backend"])
            values = tuple(trial.values or ()) if trial.state.name == "COMPLETE" else ()
            yardstick = bool(trial.user_attrs.get("yardstick"))
            found.append(Tried(trial.user_attrs["place"], proposal, yardstick, Outcome(**told, values=values)))
        return sorted(found, key=lambda one: one.place)


class Picks:
    """Optuna's trial as :class:`tradeoff.searching.space.Picker`."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        """One of the words."""
        return str(self._trial.suggest_categorical(name, tuple(choices)))

    def place(self, name: str, count: int) -> int:
        """A number from 0 to one below ``count``."""
        return int(self._trial.suggest_int(name, 0, count - 1))


class _Lock:
    """Optuna's own lock outlives a kill by half a minute; this one is freed by the operating system."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        """Wait for it."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        """Leave it to others."""
        self._lock.release()


def _storage(path: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    # It has what Optuna asks of a lock, and is none of its classes: those are not public.
    lock: Any = _Lock(path.with_name(f"{path.name}.lock"))
    lock.acquire()
    try:
        if path.exists():
            _mend(path)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


def _mend(path: Path) -> None:
    """Take away what a kill has left of the last line: the next one would be written behind it, and neither be read."""
    with path.open("r+b") as stream:
        content = stream.read()
        stream.truncate(content.rfind(b"\n") + 1)


def _sampler(seed: int, attempt: int) -> Any:
    from optuna.samplers import RandomSampler, TPESampler

    return TPESampler(seed=seed, n_startup_trials=_AT_RANDOM) if attempt < _STUBBORN else RandomSampler(seed=seed)


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def _words(trial: Any) -> tuple[str, str]:
    return trial.user_attrs.get("chain", ""), trial.user_attrs.get("backend", "")


def _counts(trial: Any) -> bool:
    """Whether it is one of those that were asked for: it has ended, or somebody is at it."""
    if trial.state.name == "RUNNING":
        return VOID not in trial.user_attrs
    return "outcome" in trial.user_attrs and bool(trial.state.is_finished())


def _failed(trials: Sequence[Any]) -> list[Proposal]:
    """The yardsticks that could not be judged."""
    ended = (trial for trial in trials if trial.user_attrs.get("yardstick") and "outcome" in trial.user_attrs)
    return [Proposal(*_words(trial)) for trial in ended if trial.user_attrs["outcome"]["ended"] == "failed"]


def _best(trials: Sequence[Any]) -> float | None:
    fitting = [
        trial.values[0]
        for trial in trials
        if trial.state.name == "COMPLETE" and not any(miss > 0 for miss in trial.constraints.values())
    ]
    return min(fitting, default=None)
