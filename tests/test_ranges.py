"""Learnt ranges lie beside the variant's model, and whoever drops them or does not take them says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import tradeoff
from tradeoff.ranges import RANGES_FILE, read_ranges, told_of_ranges, write_ranges

LEARNT = {tradeoff.INPUT: (0.0, 1.0), "conv": (-1.5, 2.25)}


def test_what_is_written_is_read_in_the_same_order(tmp_path: Path) -> None:
    write_ranges(LEARNT, tmp_path)
    found = read_ranges(tmp_path)
    assert found == LEARNT
    assert list(found or {}) == list(LEARNT)


def test_where_nothing_was_learnt_there_is_no_file(tmp_path: Path) -> None:
    write_ranges({}, tmp_path)
    assert not (tmp_path / RANGES_FILE).exists()
    assert read_ranges(tmp_path) is None


@pytest.mark.parametrize("edges", [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("inf")), (float("-inf"), 0.0)])
def test_what_is_no_range_is_not_written(tmp_path: Path, edges: tuple[float, float]) -> None:
    with pytest.raises(tradeoff.TradeoffError, match="the learnt range of conv is"):
        write_ranges({"conv": edges}, tmp_path)
    assert not (tmp_path / RANGES_FILE).exists()


def test_the_record_says_whether_a_backend_took_them() -> None:
    assert told_of_ranges("litert", "int8", LEARNT, LEARNT) == "litert takes the ranges that were learnt"
    assert told_of_ranges("litert", "int16x8", LEARNT, None).startswith("litert does not take learnt ranges in int16x8")
    assert told_of_ranges("litert", "int8", None, None) == ""
