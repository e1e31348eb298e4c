"""Amounts as a person writes them, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.decide.amounts import as_limit, parse_amount, written
from tradeoff.errors import BadInput


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("200ms", "s", 0.2),
        ("1.5 s", "s", 1.5),
        ("33 µs", "s", 33e-6),
        ("512kB", "B", 512e3),
        ("2 MiB", "B", 2 * 1024**2),
        ("1mJ", "J", 1e-3),
        ("1mWh", "J", 3.6),
        ("0.9", "1", 0.9),
        ("90%", "1", 0.9),
        ("30/s", "1/s", 30.0),
        ("60/min", "1/s", 1.0),
        ("1e3 B", "B", 1000.0),
    ],
)
def test_an_amount_is_read_with_its_unit(text: str, unit: str, value: float) -> None:
    assert parse_amount("--max", text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("200", "s", "--max '200' has no unit; write one of ns, us, µs, ms, s, min, such as 200ms"),
        ("512kb", "B", "--max '512kb' has the unit 'kb'; 'kB' may be meant; write one of B, kB, "),
        ("5 mV", "J", "--max '5 mV' has the unit 'mV'; write one of nJ, uJ, µJ, mJ, J, kJ, mWh, Wh, such as 1.5mJ"),
        ("fast", "s", "--max 'fast' is no amount; write a number and a unit, such as 200ms"),
        ("-3ms", "s", "--max '-3ms' cannot be kept by anything; write an amount above zero"),
        ("0ms", "s", "--max '0ms' cannot be kept by anything; write an amount above zero, such as 200ms"),
        ("", "1", "--max '' is no amount; write a number and a unit, such as 0.9 or 90%"),
        ("1e999s", "s", "--max '1e999s' cannot be kept by anything; "),
    ],
)
def test_what_is_no_amount_is_named_with_what_would_be(text: str, unit: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_amount("--max", text, unit)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (38_000, "B", "38 kB"),
        (999_700, "B", "1 MB"),
        (0.0123, "s", "12.3 ms"),
        (2e-5, "J", "20 µJ"),
        (30.0, "1/s", "30/s"),
    ],
)
def test_an_amount_is_told_in_the_nearest_unit(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text


@given(st.floats(-1e3, 1e3), st.booleans())
def test_a_metric_may_be_below_zero(value: float, most: bool) -> None:
    limit = parse_amount("", as_limit(value, "1", most), "1")
    assert (value <= limit) if most else (value >= limit)


@given(st.floats(1e-8, 1e9), st.sampled_from(["s", "B", "J", "1/s", "1"]), st.booleans())
def test_an_amount_keeps_the_limit_that_is_made_of_it(value: float, unit: str, most: bool) -> None:
    limit = parse_amount("", as_limit(value, unit, most), unit)
    assert (value <= limit) if most else (value >= limit)
    if unit != "1" and value >= 1e-6:
        assert limit == pytest.approx(value, rel=0.02)
