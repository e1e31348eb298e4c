"""The search itself: trial after trial, until there are enough, the time is used up or somebody stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic, sleep
from typing import Final

from tradeoff.errors import TradeoffError
from tradeoff.record import Record
from tradeoff.searching.outcomes import Outcome, Tried, first_sentence, told
from tradeoff.searching.search import Search
from tradeoff.searching.study import Asked, Study
from tradeoff.searching.trying import Trier

#: How often it is looked whether other processes have ended their trials.
_LOOK: Final = 1.0
_NOT_TIMED: Final = "not timed: a limit speaks against it"


@dataclass
class Looking:
    """One process that takes part in a search.

    :param trials: that there shall be in all.
    :param budget: seconds after which no trial is begun any more.
    :param say: tells a person of each trial that has ended.
    :param begin: is told the name of what begins now.
    """

    search: Search
    study: Study
    trier: Trier
    trials: int
    budget: float | None
    say: Callable[[str], None]
    begin: Callable[[str], None]

    def look(self) -> str:
        """Do trials; gives why it ended before there were enough, or nothing."""
        begun, waited = monotonic(), False
        while self.budget is None or monotonic() - begun < self.budget:
            asked = self.study.ask(self.trials)
            if asked is not None:
                name = f"[{asked.place}/{self.trials}] {asked.proposal.chain}/{asked.proposal.backend}"
                self.begin(name)
                self._try(asked, name)
            elif self.study.others():
                if not waited:
                    self.say("waiting for another process, which is at the last trials")
                waited = True
                sleep(_LOOK)
            else:
                return "" if len(self.study.tried()) >= self.trials else "there is nothing new to try"
        return "the time is used up"

    def _try(self, asked: Asked, name: str) -> None:
        cell = self.search.cell(asked.proposal)
        outcome = self.trier.attempt(cell, asked.best, to_the_end=asked.yardstick)
        barred = self.trier.unusable(cell, self.search.space.models) if outcome.ended == "failed" else {}
        if barred:
            self.study.forget(asked, barred)
            for technique, why in barred.items():
                self.say(f"{technique} is left out from now on: {first_sentence(why)}")
            return
        self.study.tell(asked, outcome)
        self.say(f"{name}  {told(outcome)}")
        self._check(outcome)

    def _check(self, outcome: Outcome) -> None:
        """Where not one of the default matrix can be judged, nothing else will be."""
        if outcome.ended != "failed":
            return
        first = [one.outcome for one in self.study.tried() if one.yardstick]
        if len(first) == len(self.search.yardsticks) and all(one.ended == "failed" for one in first):
            raise TradeoffError(f"nothing of {self.search.model} could be judged: {outcome.why}")

    def records(self, *, measure: bool) -> list[Record]:
        """What is known of the trials that went to the end, and of those that fit all that a run would measure.

        :param measure: whether there is time for that.
        """
        found = (self._record(one, measure=measure) for one in self.study.tried() if one.outcome.ended == "judged")
        return [record for record in found if record is not None]

    def _record(self, tried: Tried, *, measure: bool) -> Record | None:
        cell = self.search.cell(tried.proposal)
        if measure and tried.outcome.fits:
            self.begin(f"measuring {cell.spelling}")
            try:
                return self.trier.complete(cell)
            except TradeoffError as error:
                self.say(f"{cell.spelling} was judged, and could not be measured: {error}")
        record = self.trier.kept(cell) or (self.trier.complete(cell) if measure else None)
        if record is None or "latency" in record.measurements or tried.outcome.fits:
            return record
        return replace(record, verdicts=(*record.verdicts, _NOT_TIMED))
