"""Ranges as a report shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from decided_runs import cell, number, run

from tradeoff.record import Measurement, Record, Run
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal

SHARES = (0.3, 0.5, 0.7)
CHAINS = ("prune:0.3", "prune", "prune:0.7")
CURVE = {"asked": "prune:0.3..0.7/3", "parameter": "prune sparsity", "points": list(zip(SHARES, CHAINS, strict=True))}


def point(chain: str, accuracy: float | None, size: float) -> Record:
    compressed = Measurement(size / 2, "B", "lower", "measured")
    values = {"accuracy": accuracy, "artifact_bytes": size, "latency": number("latency", 1e-3, 0.001)}
    return cell(f"cnn/{chain}", {**values, "gzip_bytes": compressed})


def asked(accuracies: tuple[float, ...], seed: int = 0, curves: Any = (CURVE,)) -> Run:
    sizes = (90e3, 70e3, 50e3)
    records = [point(*each) for each in zip(CHAINS, accuracies, sizes, strict=True)]
    made = run(point("baseline", 0.99, 100e3), *records, name=f"seed {seed}")
    return replace(made, options={"seed": seed, "curves": list(curves)})


def lines(*runs: Run) -> list[str]:
    """Of the table of the curve, from its title to the next one."""
    text = Terminal().render(runs, 200, False).splitlines()
    begin = next((place for place, line in enumerate(text) if line.startswith("Curve")), None)
    if begin is None:
        return []
    end = next((place for place, line in enumerate(text[begin:], begin) if not line.strip()), len(text))
    return text[begin:end]


def test_a_range_is_a_table_in_the_order_of_its_values_defaults_included() -> None:
    found = lines(asked((0.98, 0.97, 0.9)))
    assert found[0] == "Curve · prune sparsity · cnn · litert · host-cpu · b1"
    assert [line.split()[:4] for line in found if line.strip().startswith("0.")] == [
        ["0.3", "98.00", "%", "90.0"],
        ["0.5", "97.00", "%", "70.0"],
        ["0.7", "90.00", "%", "50.0"],
    ]
    assert "one seed" in found[-1]


def test_what_a_compressed_file_saves_is_told_beside_its_size() -> None:
    found = next(line for line in lines(asked((0.98, 0.97, 0.9))) if line.strip().startswith("0.3"))
    assert "90.0 kB" in found
    assert "45.0 kB" in found


def test_over_seeds_it_has_the_mean_and_its_interval() -> None:
    found = lines(*(asked((0.98, each, 0.9), seed) for seed, each in enumerate((0.95, 0.96, 0.97))))
    row = next(line for line in found if line.strip().startswith("0.5"))
    # The standard error is 0.01 / sqrt(3), and 4.303 of them with two degrees of freedom are 2.48 points.
    assert "96.00 %" in row
    assert "93.52 – 98.48 %" in row
    assert "Student" in found[-1]


def test_two_runs_of_one_seed_are_no_two_seeds() -> None:
    found = lines(asked((0.98, 0.97, 0.9)), asked((0.98, 0.97, 0.9)))
    assert "one seed" in found[-1]


def test_two_values_are_no_curve_and_without_a_range_there_is_none() -> None:
    short = {**CURVE, "points": CURVE["points"][:2]}
    assert lines(asked((0.98, 0.97, 0.9), curves=(short,))) == []
    assert lines(asked((0.98, 0.97, 0.9), curves=())) == []


@pytest.mark.parametrize(
    "told", [[7], [{}], [{"parameter": "x", "points": 3}], [{"parameter": "x", "points": [[1]]}], 5]
)
def test_a_file_that_tells_nonsense_of_its_ranges_is_reported_without_them(told: Any) -> None:
    made = replace(asked((0.98, 0.97, 0.9)), options={"curves": told})
    assert "Curve" not in Markdown().render((made,), 200, False)
