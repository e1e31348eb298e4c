"""'No effect on this backend': a technique depends on something else, and nothing became smaller or faster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from user_project import Project

import tradeoff
from tradeoff.cell import Cell, Load, parse_backend
from tradeoff.chain import parse_chain
from tradeoff.effect import explanation, same_size, same_speed, without_saving, words
from tradeoff.record import Measurement
from tradeoff.registry import Registry, load_registry


def needs(name: str, realised_by: str) -> tradeoff.Technique:
    return tradeoff.Technique(name, stage="model", apply=lambda job: job.model, realised_by=realised_by)


@pytest.fixture(scope="module")
def registry() -> Registry:
    found = load_registry()
    more = [needs("zeros", "a coder"), needs("shares", "a book"), needs("student", "")]
    more.append(replace(needs("prepares", ""), implies="int8"))
    return replace(found, techniques={**found.techniques, **{one.name: one for one in more}})


def cell(registry: Registry, chain: str) -> Cell:
    backend = parse_backend("litert", registry.backends)
    return Cell("dense", parse_chain(chain, registry.techniques), backend, "host-cpu", Load(1))


@pytest.mark.parametrize(
    ("chain", "other"),
    [
        ("zeros", "baseline"),
        ("zeros+int8", "int8"),
        ("student+zeros+shares+int8", "student+int8"),
        ("zeros+student", "baseline"),
        ("zeros+prepares", "int8"),
        ("prepares+zeros", "prepares+int8"),
    ],
)
def test_a_cell_is_compared_with_what_came_before_the_first_technique_that_depends_on_something(
    registry: Registry, chain: str, other: str
) -> None:
    found = without_saving(cell(registry, chain), registry)
    assert found is not None
    assert found.chain.spelling == other


@pytest.mark.parametrize("chain", ["baseline", "int8", "student", "student+int8"])
def test_a_chain_that_depends_on_nothing_is_not_compared(registry: Registry, chain: str) -> None:
    assert without_saving(cell(registry, chain), registry) is None


@pytest.mark.parametrize(("ours", "same"), [(100_000, True), (100_400, True), (99_600, True), (99_000, False)])
def test_sizes_within_half_a_per_cent_are_the_same(ours: int, same: bool) -> None:
    assert same_size({"bytes": ours}, {"bytes": 100_000}) is same


@pytest.mark.parametrize(
    ("low", "high", "same"), [(0.97, 1.03, True), (1.005, 1.015, True), (1.05, 1.2, False), (0.7, 0.9, False)]
)
def test_a_speed_up_that_is_two_per_cent_from_1_is_one(low: float, high: float, same: bool) -> None:
    measured = Measurement((low + high) / 2, "1", "higher", "measured", low, high)
    assert same_speed(measured) is same


def test_without_a_measurement_no_difference_in_speed_was_shown() -> None:
    assert same_speed(None)
    assert same_speed(Measurement(None, "1", "higher", "unavailable"))


def test_the_verdict_says_what_would_make_the_saving_real_once(registry: Registry) -> None:
    one, sizes = cell(registry, "zeros+shares+zeros+int8"), {"bytes": 10, "gzip_bytes": 5}
    told = explanation(one, cell(registry, "int8"), registry, {**sizes, "gzip_bytes": 3}, sizes, False)
    assert words(told) == "no effect on this backend: a coder; a book"
    assert told["compared_with"] == "dense/int8/litert/host-cpu/b1"
    assert (told["bytes"], told["gzip_bytes"], told["timed"]) == ([10, 10], [5, 3], False)


TECHNIQUES = """
import dataclasses
def zeros(job):
    import numpy
    for weight in job.model.trainable_variables:
        if len(weight.shape) == 2:
            kernel = numpy.array(weight)
            kernel[abs(kernel) < numpy.median(abs(kernel))] = 0
            weight.assign(kernel)
    return tradeoff.Rewritten(job.model, left_out={"dense_9": "not there"}, notes=("half",), facts={"share": 0.5})
@tradeoff.hookimpl
def tradeoff_techniques():
    return [tradeoff.Technique("zeros", stage="model", apply=zeros, realised_by="a coder"),
            tradeoff.Technique("quiet", stage="model", apply=zeros)]
"""


@pytest.fixture
def records(project: Project) -> dict[str, dict[str, Any]]:
    """By chain."""
    project.conftest(TECHNIQUES)
    project.run("--tradeoff-techniques=baseline,zeros,quiet", cells="dense/*/numpy")
    return {name.split("/")[1]: record for name, record in project.records().items()}


@pytest.mark.frameworks
def test_a_record_has_the_verdict_and_the_verification(records: dict[str, dict[str, Any]]) -> None:
    zeros = records["zeros"]
    assert "no effect on this backend: a coder" in zeros["verdicts"]
    assert zeros["facts"]["no_effect"]["timed"]
    assert zeros["facts"]["no_effect"]["gzip_bytes"][1] < 0.8 * zeros["facts"]["no_effect"]["gzip_bytes"][0]
    assert not any(verdict.startswith("no effect") for verdict in records["quiet"]["verdicts"])
    assert "verified" not in records["baseline"]["facts"]
    (step,) = zeros["facts"]["verified"]
    assert step["after"]["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert step["before"]["parameters"] == step["after"]["parameters"] == 50610
    assert step["before"]["macs"] == step["after"]["macs"] == 50200
    assert [layer["name"] for layer in step["layers"]] == ["dense", "dense_1", "dense_2"]
    assert (step["left_out"], step["notes"], step["told"]) == ({"dense_9": "not there"}, ["half"], {"share": 0.5})
    assert step["seconds"] > 0
    (own,) = zeros["facts"]["training"]["curves"]
    assert own["epochs"] == zeros["facts"]["training"]["epochs"] == own["epoch"][-1]
    assert own["metric"][-1] == pytest.approx(zeros["facts"]["training"]["validation"], abs=1e-4)
    assert (step["curves"], step["curves_untold"]) == ([], 0)
    assert step["peak_bytes"] >= 0
