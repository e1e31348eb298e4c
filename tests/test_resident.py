"""The peak of this process's memory: also one that is over, and without what was there before."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tradeoff.measure import resident
from tradeoff.measure.resident import KernelMeter, Peak, PeakMeter, SamplingMeter, peak_meter, settle

MB = 1_000_000
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")


def measured(meter: PeakMeter, megabytes: int, seconds: float = 0.0) -> Peak:
    """The peak of having so much, for so long, and having it no more."""
    settle()
    meter.begin()
    hoard = b"x" * (megabytes * MB)
    time.sleep(seconds)
    assert len(hoard) == megabytes * MB
    del hoard
    return meter.end()


@linux
def test_the_kernel_sees_a_peak_that_is_over_however_short() -> None:
    meter = peak_meter()
    assert isinstance(meter, KernelMeter)
    peak = measured(meter, 200)
    assert peak.added == pytest.approx(200 * MB, rel=0.03)
    assert peak.whole > peak.added
    assert peak.note == ""


@linux
def test_a_higher_peak_before_hides_nothing_and_stays_that_of_the_whole_process() -> None:
    higher = b"x" * (200 * MB)
    ever = resident._ever()
    del higher
    peak = measured(peak_meter(), 100)
    assert peak.added == pytest.approx(100 * MB, rel=0.03)
    # The kernel counts in batches of pages.
    assert peak.whole == pytest.approx(ever, rel=0.01)


@linux
def test_where_nothing_happens_there_is_next_to_nothing() -> None:
    assert measured(peak_meter(), 0).added < MB


def test_looking_all_the_time_sees_what_lasts_and_says_what_it_may_miss() -> None:
    higher = b"x" * (300 * MB)
    del higher
    peak = measured(SamplingMeter(), 100, seconds=0.1)
    assert peak.added == pytest.approx(100 * MB, rel=0.03)
    assert peak.note == "looked at every 1 ms: a shorter peak is not seen"


def test_a_process_that_was_never_as_large_is_measured_exactly_without_looking() -> None:
    settle()
    meter = SamplingMeter()
    meter.begin()
    record = resident._ever() + 100 * MB
    hoard = b"x" * record
    del hoard
    peak = meter.end()
    assert peak.note == ""
    assert peak.added == pytest.approx(record, rel=0.03)


@pytest.mark.parametrize("content", [None, "VmPeak:\t 100 kB\n"])
def test_without_a_kernel_that_begins_anew_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "status").write_text(content, encoding="ascii")
    monkeypatch.setattr(resident, "_CLEAR", tmp_path / "clear_refs")
    monkeypatch.setattr(resident, "_STATUS", tmp_path / "status")
    assert isinstance(peak_meter(), SamplingMeter)


def test_a_kernel_that_ignores_the_wish_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("VmHWM:\t  300000 kB\nVmRSS:\t  100000 kB\n", encoding="ascii")
    monkeypatch.setattr(resident, "_CLEAR", tmp_path / "clear_refs")
    monkeypatch.setattr(resident, "_STATUS", tmp_path / "status")
    assert isinstance(peak_meter(), SamplingMeter)
