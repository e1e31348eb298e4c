"""Which chains ``tradeoff order`` tries, and what it refuses."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.chain import parse_chain
from tradeoff.errors import BadInput
from tradeoff.ordering.plan import Ways, ways_of
from tradeoff.registry import load_registry

TECHNIQUES = load_registry().techniques


def chains(ways: Ways) -> dict[tuple[str, ...], str]:
    return {way.members: way.chain for way in ways.ways}


def epochs_of(chain: str) -> int:
    return sum(int(dict(step.values)["epochs"]) for step in parse_chain(chain, TECHNIQUES).model_steps)


def test_two_techniques_are_tried_alone_and_in_both_orders_with_equal_training() -> None:
    found = ways_of(["prune:0.8", "cluster"], 12, TECHNIQUES)
    assert chains(found) == {
        (): "baseline",
        ("prune:0.8",): "prune:0.8:epochs=12",
        ("cluster",): "cluster:epochs=12",
        # Six is what both have when nothing is said.
        ("prune:0.8", "cluster"): "prune:0.8+cluster",
        ("cluster", "prune:0.8"): "cluster+prune:0.8",
    }


def test_what_does_not_divide_goes_to_the_first() -> None:
    found = chains(ways_of(["prune", "cluster", "qat"], 7, TECHNIQUES))
    assert found["qat", "cluster", "prune"] == "qat:epochs=3+cluster:epochs=2+prune:epochs=2+int8"


@pytest.mark.parametrize("words", [["int8", "prune", "cluster"], ["prune", "int8", "cluster"]])
def test_a_precision_stands_at_the_end_of_every_chain_wherever_it_was_named(words: list[str]) -> None:
    found = ways_of(words, 12, TECHNIQUES)
    assert found.names == ("prune", "cluster")
    assert chains(found)[()] == "int8"
    assert all(way.chain.endswith("int8") for way in found.ways)


def test_what_one_of_them_implies_all_have_or_precisions_would_be_compared() -> None:
    found = chains(ways_of(["prune", "qat"], 12, TECHNIQUES))
    assert found[()] == "int8"
    assert found["prune",] == "prune:epochs=12+int8"


@given(st.sets(st.sampled_from(["prune", "cluster", "qat", "distill", "channels"]), min_size=2), st.integers(5, 60))
def test_every_order_is_there_once_and_trains_for_as_long(names: set[str], epochs: int) -> None:
    found = ways_of(sorted(names), epochs, TECHNIQUES)
    counts = dict.fromkeys((0, 1, 2, len(names)))
    assert len(found.ways) == len(set(found.ways)) == sum(math.perm(len(names), count) for count in counts)
    assert {way.members for way in found.ways} >= set(permutations(sorted(names)))
    assert {epochs_of(way.chain) for way in found.ways if way.members} == {epochs}


@pytest.mark.parametrize(
    ("words", "epochs", "told"),
    [
        (["prune"], 12, "prune alone has no order. Try prune,cluster,qat"),
        (["int8"], 12, "precisions come last and have no order"),
        (["prune", "prune"], 12, "prune is named twice"),
        (["prune", "cluster+qat"], 12, "'cluster\\+qat' is not one technique"),
        (["prune:epochs=3", "qat"], 12, "leave epochs out; --epochs is shared out"),
        (["prune", "qat", "cluster"], 2, "--epochs 2 are too few for 3 techniques that train; give 3 or more"),
        (["prune", "qat", "cluster", "distill", "channels", "scale"], 12, "6 techniques have too many orders"),
        (["prune", "qut"], 12, "did you mean 'qat'"),
        (["prune", "qat", "int8", "fp16"], 12, "precision"),
    ],
)
def test_what_cannot_be_ordered_is_told(words: list[str], epochs: int, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        ways_of(words, epochs, TECHNIQUES)
