"""Plain text for the terminal: readable units, and names that cannot do anything."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.text import age, columns, safe, seconds, size


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0 B"), (999, "999 B"), (62_120, "62.1 kB"), (999_700, "1.00 MB"), (897_340, "897 kB"), (2.5e9, "2.50 GB")],
)
def test_sizes_have_three_digits_and_a_decimal_unit(value: float, told: str) -> None:
    assert size(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (4.04e-6, "4.04 µs"),
        (0.0112, "11.2 ms"),
        (0.9999e-3, "1.00 ms"),
        (83.0, "83.0 s"),
        (5e-10, "0.50 ns"),
        (0, "0 ns"),
    ],
)
def test_times_are_in_the_unit_a_person_would_choose(value: float, told: str) -> None:
    assert seconds(value) == told


@given(st.floats(1e-9, 1e3))
def test_a_time_reads_back_to_half_a_percent(value: float) -> None:
    written, unit = seconds(value).split()
    scale = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]
    assert abs(float(written) * scale - value) <= 0.0051 * value


@given(st.text())
def test_a_name_stays_on_its_line_and_moves_no_cursor(text: str) -> None:
    assert safe(text).isprintable()


def test_columns_stand_under_each_other() -> None:
    assert columns([("a", "long", "x"), ("bbb", "c", "y")]) == ["  a    long  x", "  bbb  c     y"]


def test_ages_are_in_whole_units() -> None:
    assert [age(5), age(70), age(7300), age(200_000)] == ["just now", "1 minute ago", "2 hours ago", "2 days ago"]
    assert re.match("1 day ago", age(90_000))
