"""A load has one spelling, and what is wrong with another is said with what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeoff.cell import SCENARIOS, Load, parse_load
from tradeoff.errors import TradeoffError
from tradeoff.spelling import spell_value


@pytest.mark.parametrize(
    ("written", "spelling"),
    [
        ("8", "b8"),
        (" b8 ", "b8"),
        ("stream", "stream"),
        ("stream:lanes=1", "stream"),
        ("stream:lanes=4", "stream:lanes=4"),
        ("multi:8", "multi:8"),
        ("multi:samples=16", "multi:16"),
        ("server:200", "server:200"),
        ("server:rate=200.0", "server:200"),
        ("server:0.50:seconds=60:lanes=2:seed=0", "server:0.5:lanes=2:seconds=60"),
        ("server:200:seed=7", "server:200:seed=7"),
        ("offline", "offline"),
        ("offline:32", "offline"),
        ("offline:8", "offline:8"),
        ("sweep", "sweep"),
        ("sweep:most=64:gain=0.1", "sweep:gain=0.1:most=64"),
    ],
)
def test_a_load_has_one_spelling_that_reads_as_the_same_load(written: str, spelling: str) -> None:
    load = parse_load(written)
    assert load.spelling == spelling
    assert parse_load(spelling) == load


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_spelling_has_nothing_that_pytest_or_a_shell_would_read_as_its_own(name: str) -> None:
    needed = {"multi": "multi:8", "server": "server:200.5"}
    assert not set(parse_load(needed.get(name, name)).spelling) & set("[](),@/+*? ")


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("b0", "load 'b0' is not understood; write b1, b8, b32, the samples in one request, up to 999999; or a"),
        ("b1000000", "or a scenario: stream, multi:8, server:200, offline, sweep"),
        ("", "load '' is not understood"),
        ("steam", "load 'steam' is not understood"),
        ("b8:lanes=2", "load 'b8:lanes=2' is not understood"),
        ("server", "server: rate is missing, a number from 0.1 to 100000; write server:RATE:lanes=LANES"),
        ("server:fast", "server: rate='fast' is not a number from 0.1 to 100000"),
        ("server:0", "server: rate=0 is not a number from 0.1 to 100000"),
        ("server:nan", "server: rate=nan is not a number"),
        ("server:inf", "server: rate='inf' is not|server: rate=inf is not"),
        ("server:200:seconds=601", "server: seconds=601 is not a number from 0 to 600"),
        ("multi", "multi: samples is missing, a whole number from 2 to 999999"),
        ("multi:1", "multi: samples=1 is not a whole number from 2"),
        ("stream:lanes=65", "stream: lanes=65 is not a whole number from 1 to 64"),
        ("stream:2", "stream: '2' is not understood; write stream:lanes=LANES"),
        ("offline:batch=8:batch=9", "offline: batch is given twice"),
        ("sweep:gain=-0.1", "sweep: gain=-0.1 is not a number from 0 to 1"),
        ("sweep:step=4", "step"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(written: str, error: str) -> None:
    with pytest.raises(TradeoffError, match=error):
        parse_load(written)


def test_a_load_of_a_number_of_samples_has_no_scenario() -> None:
    assert parse_load("b8") == Load(8)
    assert parse_load("offline:8") != Load(8)


def test_the_page_on_loads_has_every_parameter_with_its_default_and_what_is_valid() -> None:
    page = (Path(__file__).parent.parent / "docs" / "loads.md").read_text(encoding="utf-8")
    rows = [[cell.strip().strip("`") for cell in line[1:-1].split("|")] for line in page.splitlines() if "|" in line]
    told = [row[:4] for row in rows if row[0] in SCENARIOS and len(row) == 5]
    assert told == [
        [name, one.name, "" if one.default is None else spell_value(one.default), one.expected()]
        for name, parameters in SCENARIOS.items()
        for one in parameters
    ]
