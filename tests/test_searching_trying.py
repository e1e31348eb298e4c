"""What a sampler is told of a cell that went to the end."""

from __future__ import annotations

from decided_runs import cell

from tradeoff.decide.wishes import Wish, parse_goal, parse_limit
from tradeoff.record import Record
from tradeoff.searching.trying import judged


def record(validated: float, **values: float) -> Record:
    facts = {"accuracy": validated, "samples": 180}
    return cell("cnn/int8", {"accuracy": 0.5, **values}, validation=facts, floor=None)


def wish(goal: str, **limits: str) -> Wish:
    named = {name.replace("_", "-"): text for name, text in limits.items()}
    return Wish(parse_goal(goal), tuple(parse_limit(name, text, name) for name, text in named.items()))


def test_it_is_told_costs_in_the_order_of_the_goal_by_validation() -> None:
    found = judged(record(0.9, artifact_bytes=5_000.0), wish("accuracy>size"))
    assert found.ended == "judged"
    assert found.values == (-0.9, 5_000.0)
    assert found.fits
    assert found.numbers["accuracy"] == 0.9


def test_a_limit_that_is_missed_is_told_by_how_much() -> None:
    found = judged(record(0.6, artifact_bytes=9_000.0), wish("size", min_accuracy="0.9", max_size="6kB"))
    assert not found.fits
    assert round(found.missed["min-accuracy"], 3) == 0.333
    assert found.missed["max-size"] == 0.5


def test_a_number_that_nobody_can_tell_is_a_failure_and_not_a_miss() -> None:
    asked = wish("accuracy", max_energy="1mJ")
    found = judged(record(0.9), asked)
    assert found.ended == "failed"
    assert "energy unavailable" in found.why


def test_what_was_not_timed_since_a_limit_speaks_against_it_is_as_bad_as_can_be() -> None:
    found = judged(record(0.5), wish("latency", min_accuracy="0.9"))
    assert found.ended == "judged"
    assert found.values == (1e30,)
