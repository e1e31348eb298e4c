"""Runs and records to rows: one per cell and run, with its ratios to the baseline of that same run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tradeoff.chain import BASELINE
from tradeoff.compare.quantities import fact
from tradeoff.decide.objectives import wilson
from tradeoff.record import Axes, Measurement, Record, Run, last_words
from tradeoff.vocabulary import Provenance

from .format import is_available

#: The metrics a task can have; the first that a record holds is its own, unless its facts name another.
METRICS: Final = ("accuracy", "mae", "mse", "r2")


#: By so much may the speed of a machine drift between two cells of a run, which no interval of either tells.
MEASURED_APART: Final = 1.1
#: So much differ two loads of one file: where its weights come to lie is chance, which one load does not know.
TIMED_IN_TURNS: Final = 1.02
#: The interval over several processes knows that; what remains is not worth a decision.
OVER_PROCESSES: Final = 1.005
#: So many processes make an interval.
_PROCESSES: Final = 3


def one_of_each_variant(runs: Iterable[Run]) -> Iterator[Record]:
    """The first record of each variant, since all its cells tell the same of how it was made."""
    seen: set[tuple[str, str]] = set()
    for run in runs:
        for record in run.records:
            variant = (record.cell.model, str(record.facts.get("variant", "")))
            if not variant[1] or variant not in seen:
                seen.add(variant)
                yield record


@dataclass(frozen=True)
class Ratio:
    """How many times better than the baseline: 2 is half the time or half the bytes.

    :param value: baseline divided by this cell.
    :param low: with both intervals at their worst.
    :param high: with both intervals at their best.
    :param provenance: that of both numbers; a ratio of two different ones is never made.
    :param noisy: one of the two numbers is not to be relied on.
    :param apart: by how much the machine may have changed between the two.
    """

    value: float
    low: float | None = None
    high: float | None = None
    provenance: Provenance = "measured"
    noisy: bool = False
    apart: float = MEASURED_APART

    @property
    def certain(self) -> bool:
        """Whether there is a difference beyond the interval, as far as it is known."""
        if self.low is None or self.high is None:
            return not self.noisy
        return not self.noisy and not self.low / self.apart <= 1 <= self.high * self.apart


@dataclass(frozen=True)
class Row:
    """What is shown of one cell of one run; ratios are made when they are asked for.

    :param run: the run's label, unique among the runs that are reported together.
    :param record: what was recorded.
    :param baseline: the same cell without any technique, if that was measured in the same run.
    """

    run: str
    record: Record
    baseline: Record | None = None

    @property
    def cell(self) -> Axes:
        """The cell's five axes."""
        return self.record.cell

    @property
    def family(self) -> str:
        """The model that this one is compared with, which is mostly itself: both stand in one table."""
        return compared_with(self.record)

    @property
    def metric(self) -> str:
        """The name of the task's metric, whether or not it could be measured; empty when there is none."""
        named = self.record.facts.get("metric")
        if isinstance(named, str) and named:
            return named
        return next((name for name in METRICS if name in self.record.measurements), "")

    @property
    def speed_up(self) -> Ratio | None:
        """How many times faster than the baseline: as timed in turns, else from latencies, else from throughputs."""
        timed = self.get("speed_up")
        if timed is not None and timed.value is not None:
            return Ratio(timed.value, timed.low, timed.high, timed.provenance, apart=self._apart)
        # Where an answer is awaited, more of them in a second is not what makes it faster.
        return self._ratio("latency" if "latency" in self.record.measurements else "throughput", noisy=self._noisy)

    @property
    def shrink(self) -> Ratio | None:
        """The baseline's size divided by this one."""
        return self._ratio("artifact_bytes", noisy=False)

    @property
    def change(self) -> float | None:
        """What the task's metric gained, in its own unit; which way is better, its direction says."""
        ours, theirs = self._pair(self.metric)
        if ours is None or theirs is None or ours.value is None or theirs.value is None:
            return None
        return ours.value - theirs.value

    @property
    def metric_interval(self) -> tuple[float, float] | None:
        """What the task's metric may be: as recorded, else by the number of samples it was taken over."""
        found = self.get(self.metric)
        if found is None or found.value is None:
            return None
        if found.low is not None and found.high is not None:
            return found.low, found.high
        samples = fact(self.record.facts, "test_samples")
        if self.metric != "accuracy" or not samples or samples < 1 or not 0 <= found.value <= 1:
            return None
        return wilson(found.value, samples)

    def get(self, name: str) -> Measurement | None:
        """A measurement that has a number, or nothing."""
        measurement = self.record.measurements.get(name)
        return measurement if is_available(measurement) else None

    def value(self, name: str) -> float | None:
        """The number of a measurement that has one."""
        measurement = self.get(name)
        return measurement.value if measurement else None

    @property
    def _apart(self) -> float:
        processes = self.record.facts.get("processes")
        return OVER_PROCESSES if isinstance(processes, int) and processes >= _PROCESSES else TIMED_IN_TURNS

    @property
    def _noisy(self) -> bool:
        verdicts = (*self.record.verdicts, *(self.baseline.verdicts if self.baseline else ()))
        return self.record is not self.baseline and "noisy" in " ".join(verdicts)

    def _ratio(self, name: str, *, noisy: bool) -> Ratio | None:
        ours, theirs = self._pair(name)
        if not ours or not theirs:
            return None
        return divide(ours, theirs, noisy=noisy) if ours.direction == "higher" else divide(theirs, ours, noisy=noisy)

    def _pair(self, name: str) -> tuple[Measurement, Measurement] | tuple[None, None]:
        """Ours and the baseline's, where the two can be compared."""
        if self.baseline is None:
            return None, None
        ours = self.get(name)
        theirs = ours if self.baseline is self.record else self.baseline.measurements.get(name)
        if ours is None or theirs is None or not is_available(theirs):
            return None, None
        same = ours.unit == theirs.unit and ours.provenance == theirs.provenance
        return (ours, theirs) if same else (None, None)


def label_runs(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """Each run with a label of its own, also when two files hold runs of the same name."""
    names = Counter(run.name for run in runs)
    taken = {name for name, count in names.items() if count == 1}
    return [(_free_label(run.name, taken) if names[run.name] > 1 else run.name, run) for run in runs]


def _free_label(name: str, taken: set[str]) -> str:
    position = 1
    while (label := f"{name} #{position}") in taken:
        position += 1
    taken.add(label)
    return label


def make_rows(runs: Sequence[Run]) -> list[Row]:
    """All rows of all runs; of a cell that was recorded twice in one run, the last word."""
    return [row for label, run in label_runs(runs) for row in _rows_of_run(label, run.records)]


def _rows_of_run(label: str, records: Iterable[Record]) -> Iterator[Row]:
    final = last_words(records).values()
    measured = [record for record in final if record.status == "measured"]
    baselines = {_conditions(record, record.cell.model): record for record in measured if record.cell.chain == BASELINE}
    for record in final:
        theirs = baselines.get(_conditions(record, compared_with(record)))
        yield Row(label, record, theirs if record.status == "measured" else None)


def compared_with(record: Record) -> str:
    """The model whose baseline a record is compared with."""
    named = record.facts.get("baseline")
    return named if isinstance(named, str) and named else record.cell.model


def _conditions(record: Record, model: str) -> tuple[str, ...]:
    """Everything but the chain."""
    cell = record.cell
    return (record.suite, model, cell.backend, cell.device, cell.load)


def divide(baseline: Measurement, ours: Measurement, *, noisy: bool = False) -> Ratio | None:
    """How many times less ours is than the baseline, with both intervals at their worst and best."""
    value = _quotient(baseline.value, ours.value)
    if value is None:
        return None
    low, high = None, None
    # The baseline's own row compares a cell with itself: there is nothing uncertain in that.
    if ours is not baseline:
        low, high = _quotient(baseline.low, ours.high), _quotient(baseline.high, ours.low)
    return Ratio(value, low, high, ours.provenance, noisy)


def _quotient(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below is not None and above > 0 and below > 0 else None
