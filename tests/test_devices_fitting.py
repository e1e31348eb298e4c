"""Cycles fitted to published latencies, and how wrong they are on points that they were not fitted to."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
from device_nets import findings

from tradeoff.devices.costs import COSTS, FORMS, SHARES, Shape, costs_of
from tradeoff.devices.fitting import USUAL, Samples, fit, learn, usual
from tradeoff.devices.points import System, population, published, systems_of
from tradeoff.devices.validating import Miss, _by_submitter, validate_energy
from tradeoff.errors import BadInput

#: Nets that differ in what they are made of, in counts.
COUNTS = [
    dict(zip(FORMS["compiled"], row, strict=True))
    for row in (
        (8e6, 1e5, 1e3, 2e5, 1e4, 20),
        (1e6, 9e5, 1e3, 4e5, 1e4, 30),
        (2e4, 0, 3e5, 1e3, 100, 8),
        (3e6, 3e5, 1e4, 8e5, 9e4, 90),
        (1e5, 1e4, 1e4, 1e4, 6e5, 12),
        (5e4, 5e3, 5e3, 2e3, 1e3, 80),
        (4e6, 0, 0, 1e4, 1e3, 5),
    )
]
TRUE = {
    "conv_macs": 1.3,
    "depthwise_macs": 5.0,
    "dense_macs": 1.0,
    "outputs": 30.0,
    "elements": 12.0,
    "operators": 4000.0,
}


def cycles(counts: dict[str, float], scale: float = 1.0) -> float:
    return scale * sum(TRUE[cost] * count for cost, count in counts.items())


def test_cycles_come_back_from_latencies_that_were_made_of_them() -> None:
    found = fit(Samples(COUNTS, [cycles(counts) for counts in COUNTS]), usual("compiled"))
    assert found == pytest.approx(TRUE, rel=0.2)
    assert found["conv_macs"] == pytest.approx(TRUE["conv_macs"], rel=0.02)


def test_a_system_without_points_is_like_its_population_and_a_few_points_set_its_speed() -> None:
    systems = [Samples(COUNTS, [cycles(counts, scale) for counts in COUNTS]) for scale in (0.8, 0.9, 1.0, 1.1, 1.3)]
    prior = learn("compiled", systems)
    assert fit(Samples([], []), prior)["conv_macs"] == pytest.approx(1.3, rel=0.15)
    slow = fit(Samples(COUNTS[:1], [cycles(COUNTS[0], 3.0)]), prior)
    assert cycles(COUNTS[3], 3.0) == pytest.approx(sum(slow[cost] * n for cost, n in COUNTS[3].items()), rel=0.15)


def test_cycles_are_never_negative_even_where_the_points_contradict_each_other() -> None:
    found = fit(Samples([COUNTS[0], COUNTS[0]], [1.0, 1e12]), usual("compiled"))
    assert min(found.values()) > 0


def test_every_cost_has_a_usual_number_of_cycles_a_share_and_is_in_a_form() -> None:
    assert set(USUAL) == set(SHARES) == set(COSTS) == {cost for form in FORMS.values() for cost in form}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape("CONV_2D", 720, 10, 80, (8, 3, 3, 1)), {"conv_macs": 720, "outputs": 80, "patches": 90, "operators": 1}),
        (Shape("DEPTHWISE_CONV_2D", 720, 80, 80, (1, 3, 3, 8)), {"depthwise_macs": 720, "outputs": 80, "operators": 1}),
        (Shape("FULLY_CONNECTED", 90, 9, 10, (10, 9)), {"dense_macs": 90, "outputs": 10, "operators": 1}),
        (Shape("MEAN", 0, 90, 10, ()), {"elements": 90, "moved": 90, "operators": 1}),
        (Shape("ADD", 0, 90, 90, ()), {"elements": 90, "moved": 90, "operators": 1}),
        (Shape("PAD", 0, 90, 99, ()), {"moved": 99, "operators": 1}),
        (Shape("RESHAPE", 0, 90, 90, ()), {}),
    ],
)
def test_an_operator_counts_what_it_computes_writes_and_moves(shape: Shape, expected: dict[str, float]) -> None:
    assert costs_of(shape) == expected


def test_every_point_has_a_source_and_counts_something() -> None:
    systems = published()
    assert sum(len(system.points) for system in systems) > 400
    for system in systems:
        for point in system.points:
            assert point.source
            assert point.seconds > 0
            assert point.counts["operators"] >= 1


def test_a_population_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match="there is no population 'toasters'; known: cortex-"):
        population("toasters")


# --- what must hold of the model, on published points that were left out -------------------------------------


@pytest.mark.parametrize(
    ("name", "mean", "near"),
    [("stm32h747@x-cube-ai-8", 0.08, 0.70), ("stm32h747@x-cube-ai-7", 0.08, 0.70), ("stm32mp157@tflite", 0.08, 0.70)],
)
def test_a_family_that_is_left_out_is_estimated_within_eight_percent_on_the_mean(
    name: str, mean: float, near: float
) -> None:
    (found,) = (f for f in findings() if f.system.name == name)
    assert found.points == sum(len(system.points) for system in systems_of(name)) >= 18
    assert found.mean < mean
    assert found.near > near


def test_a_submitter_that_is_left_out_is_estimated_better_than_by_the_simple_answer() -> None:
    found = [f for f in findings() if f.system.left_out == "submitter" and f.system.population == "cortex-m"]
    assert fmean(abs(miss.error) for f in found for miss in f.misses) < 0.14


def test_a_family_that_is_left_out_on_phones_and_boards_is_estimated_within_twenty_percent() -> None:
    found = [f for f in findings() if f.system.population.startswith("cortex-a-")]
    assert sum(f.points for f in found) > 100
    assert fmean(abs(miss.error) for f in found for miss in f.misses) < 0.20


def test_energy_is_within_ten_percent_of_what_was_published_when_time_is_known() -> None:
    errors = [abs(error) for found in validate_energy(published()) for error in found.errors]
    assert len(errors) > 50
    assert fmean(errors) < 0.05
    assert fmean(error <= 0.10 for error in errors) > 0.9


def test_what_is_left_out_does_not_help_to_estimate_itself() -> None:
    """With latencies that were made a thousand times longer, the other points tell what they always told."""
    system = systems_of("psoc62@plumerai-2023")[0]
    others = population("cortex-m")
    longer = [_longer(member) if member.submitter == system.submitter else member for member in others]
    found = []
    for members in (others, longer):
        misses: dict[tuple[str, str], list[Miss]] = {(system.name, system.precision): []}
        _by_submitter(members, [system], misses)
        found.append([miss.estimated for miss in misses[system.name, system.precision]])
    assert found[0] == pytest.approx(found[1])


def _longer(system: System) -> System:
    return replace(system, points=tuple(replace(point, seconds=1000 * point.seconds) for point in system.points))
