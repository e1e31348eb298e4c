"""A choice sees what an artifact is worth on the validation split, and nothing of the test split."""

from __future__ import annotations

import pytest
from decided_runs import cell, number, run

from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import Wish, parse_goal
from tradeoff.errors import BadInput
from tradeoff.record import Record
from tradeoff.searching.by_validation import by_validation, run_by_validation


def judged(name: str, tested: float, validated: float, *verdicts: str, floor: float | None = None) -> Record:
    facts = {"accuracy": validated, "loss": 0.5, "samples": 180}
    return cell(
        name, {"accuracy": tested, "artifact_bytes": 1000}, *verdicts, validation=facts, floor=floor, test_samples=360
    )


def test_quality_and_its_interval_are_those_of_the_validation_split() -> None:
    seen = by_validation(judged("cnn/int8", tested=0.99, validated=0.9))
    assert seen.measurements["accuracy"].value == 0.9
    assert seen.measurements["accuracy"].direction == "higher"
    assert seen.measurements["loss"].value == 0.5
    assert seen.facts["test_samples"] == 180
    assert seen.measurements["artifact_bytes"] == number("artifact_bytes", 1000)


def test_the_verdict_on_the_floor_is_made_anew() -> None:
    lucky = judged("cnn/int8", 0.99, 0.9, floor=0.95)
    unlucky = judged("cnn/int8", 0.9, 0.99, "below floor 0.95", "noisy", floor=0.95)
    assert by_validation(lucky).verdicts == ("below floor 0.95",)
    assert by_validation(unlucky).verdicts == ("noisy",)


def test_the_best_on_the_test_split_is_not_chosen_for_it() -> None:
    found = run(judged("cnn/fp16", tested=0.99, validated=0.90), judged("cnn/int8", tested=0.90, validated=0.99))
    (advice,) = recommend([run_by_validation(found)], Wish(parse_goal("accuracy"))).advice
    assert advice.choice is not None
    assert advice.choice.record.cell.chain == "int8"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (cell("cnn/int8", {"accuracy": 0.9}), "has no quality on validation"),
        (Record(cell("cnn/int8", {}).cell, status="measured"), "has no metric; give data with labels"),
    ],
)
def test_without_a_quality_on_validation_there_is_nothing_to_choose_by(record: Record, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        by_validation(record)
