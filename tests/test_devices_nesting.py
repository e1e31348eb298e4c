"""The choice of costs judged with the rest: made anew for each part that is left out, by the others alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tradeoff.cli import main
from tradeoff.devices import nesting
from tradeoff.devices.costs import CHOICES, COSTS, FORMS
from tradeoff.devices.nesting import validate_nested
from tradeoff.devices.points import System, systems_of
from tradeoff.devices.validating import validate

A7 = "stm32mp157@tflite"


def spoilt(system: System, family: str) -> System:
    """The system with absurd latencies of one family."""
    points = (replace(p, seconds=p.seconds * (1000 if p.family == family else 1)) for p in system.points)
    return replace(system, points=tuple(points))


def chosen(system: System, family: str) -> str:
    return {found[0][1][0].family: form for form, found in nesting._families([system], [system])}[family]


def test_every_choice_is_made_of_known_costs_and_the_forms_of_profiles_are_among_them() -> None:
    assert {cost for costs in CHOICES.values() for cost in costs} == set(COSTS)
    assert FORMS.items() <= CHOICES.items()
    assert len(set(CHOICES.values())) == len(CHOICES) >= 6


def test_the_points_that_are_left_out_have_no_say_in_what_is_chosen() -> None:
    (system,) = systems_of(A7)
    family = "squeezenet"
    spoilt_system = spoilt(system, family)
    assert chosen(spoilt_system, family) == chosen(system, family)
    # For the other families they are points like all others.
    assert chosen(spoilt_system, "resnet") != chosen(system, "resnet")


def test_where_one_form_is_always_chosen_nested_is_as_plain() -> None:
    (nested,), (plain,) = validate_nested([A7]), validate([A7])
    assert nested.chosen == (("interpreted", 19),)
    assert plain.system.form == "interpreted"
    assert nested.findings.points == plain.points
    assert nested.findings.mean == pytest.approx(plain.mean, rel=1e-6)


def test_who_is_asked_for_does_not_change_what_is_chosen() -> None:
    (alone,) = validate_nested(["rp2040@tflm"])
    together = {found.findings.system.name: found for found in validate_nested(["rp2040@tflm", A7])}
    assert together["rp2040@tflm"] == alone


def test_the_command_prints_both_beside_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "validate", A7, "--nested"]) == 0
    text = capsys.readouterr().out
    assert "nested mean" in text
    assert "interpreted 19" in text
    assert main(["devices", "validate", A7]) == 0
    assert "nested" not in capsys.readouterr().out


def test_plain_data_has_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "validate", A7, "--nested", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["nested"]["chosen"] == {"interpreted": 19}
    assert row["nested"]["mean_error"] == pytest.approx(row["mean_error"], rel=1e-6)


@pytest.mark.deep
def test_chosen_anew_the_errors_stay_below_those_of_simple_answers() -> None:
    found = {nested.findings.system.name: nested.findings for nested in validate_nested(["stm32h747@x-cube-ai-8"])}
    assert found["stm32h747@x-cube-ai-8"].mean < 0.08
    assert found["stm32h747@x-cube-ai-8"].near >= 0.7
