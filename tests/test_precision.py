"""The precisions and how they are written."""

from __future__ import annotations

import pytest

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.plugins.precision import tradeoff_techniques

TECHNIQUES = {technique.name: technique for technique in tradeoff_techniques()}


def test_every_precision_is_one_and_says_what_it_is() -> None:
    assert {technique.stage for technique in TECHNIQUES.values()} == {"precision"}
    assert len({technique.summary for technique in TECHNIQUES.values()}) == len(TECHNIQUES)
    assert all(technique.apply is None and technique.summary for technique in TECHNIQUES.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mixed", "mixed"),
        ("mixed:float=ends", "mixed"),
        ("mixed:float=ends:count=1", "mixed"),
        ("mixed:float=first", "mixed:float=first"),
        ("mixed:count=3:float=last", "mixed:float=last:count=3"),
        ("mixed:float=depthwise", "mixed:float=depthwise"),
        ("mixed:float=conv2d_1", "mixed:float=conv2d_1"),
    ],
)
def test_mixed_has_one_spelling_for_one_thing(text: str, expected: str) -> None:
    assert parse_chain(text, TECHNIQUES).spelling == expected


def test_what_mixed_means_when_nothing_is_written() -> None:
    step = parse_chain("mixed", TECHNIQUES).precision
    assert step is not None
    assert dict(step.values) == {"float": "ends", "count": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mixed:count=0", "count=0 is not a whole number from 1 to 64"),
        ("mixed:count=2.5", "is not a whole number from 1 to 64"),
        ("mixed:float=a,b", "is not a word"),
        ("mixed:dense", "is not understood"),
        ("int8+mixed", "asks for 2 precisions"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(tradeoff.BadInput, match=why):
        parse_chain(text, TECHNIQUES)
