"""A cell's way: each stage adds to the record, and what a later stage spoils the earlier ones keep."""

from __future__ import annotations

from typing import Any

import pytest
from user_project import Project

from tradeoff.corridor import _worse

POOR = """
class Poor(NumpyBackend):
    name = "poor"
    def load(self, job):
        runner = super().load(job)
        runner.layers = [(0 * kernel, 0 * bias) for kernel, bias in runner.layers]
        return runner
class Stuck(NumpyBackend):
    name = "stuck"
    def load(self, job):
        raise RuntimeError("will not load")
class Tiring(NumpyBackend):
    name = "tiring"
    def load(self, job):
        return TiringRunner(super().load(job))
class TiringRunner:
    def __init__(self, inner):
        self.inner = inner
    def bind(self, batch):
        if len(batch) == 1:
            raise RuntimeError("too tired for a single one")
        return self.inner.bind(batch)
@tradeoff.hookimpl
def tradeoff_backends():
    return [NumpyBackend(), Poor(), Stuck(), Tiring()]
"""


@pytest.fixture
def records(project: Project) -> dict[str, dict[str, Any]]:
    """By backend."""
    project.conftest(POOR)
    project.run("--tradeoff-backends=numpy,poor,stuck,tiring", cells="dense/baseline/[npst]*")
    return {cell.split("/")[2]: record for cell, record in project.records().items()}


def test_what_the_earlier_stages_found_out_stays_in_the_record(records: dict[str, dict[str, Any]]) -> None:
    assert {name: record["status"] for name, record in records.items()} == {
        "numpy": "measured", "poor": "measured", "stuck": "failed", "tiring": "failed",
    }  # fmt: skip
    whole = set(records["numpy"]["measurements"])
    built = {"parameters", "macs", "build_seconds", "build_epochs"}
    converted = built | {"artifact_bytes", "gzip_bytes", "conversion_seconds"}
    assert set(records["stuck"]["measurements"]) == converted
    judged = {"accuracy", "loss", "top1_agreement", "cosine", "parity_top1", "parity_cosine", "snr", "max_error"}
    assert set(records["tiring"]["measurements"]) == converted | judged
    assert converted < whole
    # A quality below the floor is a verdict, and the latency stands beside it.
    assert records["poor"]["verdicts"][0] == "below floor 0.95"
    assert records["poor"]["measurements"]["accuracy"]["value"] < 0.2
    assert "latency" in records["poor"]["measurements"]
    assert not any(verdict.startswith("below") for verdict in records["numpy"]["verdicts"])
    # Nor is it what the model gives that was converted.
    assert records["poor"]["verdicts"][1].startswith("parity: SNR ")
    assert records["poor"]["facts"]["parity"]["threshold"] == {"cosine": 0.99999, "snr": 60.0, "top1": 0.999}
    assert not any(verdict.startswith("parity") for verdict in records["numpy"]["verdicts"])


def test_without_timing_everything_else_is_in_the_record(project: Project) -> None:
    result = project.pytester.runpytest_subprocess(
        "--pyargs", "tradeoff.suites", "--benchmark-disable", "-p", "no:cacheprovider",
        "--tradeoff-cells=dense/baseline/numpy",
    )  # fmt: skip
    result.assert_outcomes(passed=1)
    (record,) = project.records().values()
    assert record["status"] == "measured"
    assert record["measurements"]["accuracy"]["value"] > 0.95
    assert "latency" not in record["measurements"]


def test_a_chain_of_several_steps_tells_what_each_of_them_contributed(project: Project) -> None:
    project.conftest(POOR)
    pruned = "prune:0.5:epochs=0"
    project.run(
        "--tradeoff-backends=numpy",
        f"--tradeoff-techniques={pruned},{pruned}+cluster:4:epochs=0",
        cells="dense/*/numpy",
    )
    alone, both = (record for _, record in sorted(project.records().items(), key=lambda item: "+" in item[0]))
    assert "waterfall" not in alone["facts"]
    rows = both["facts"]["waterfall"]
    assert [row["step"].partition(":")[0] for row in rows] == ["baseline", "prune", "cluster"]
    assert rows[0]["quality"] > 0.95
    assert rows[0]["gzip_bytes"] > rows[1]["gzip_bytes"] > rows[2]["gzip_bytes"]
    assert rows[2]["quality"] == both["measurements"]["accuracy"]["value"]
    assert all(row["seconds"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("value", "floor", "metric", "expected"),
    [
        (0.94, 0.95, "accuracy", True),
        (0.95, 0.95, "accuracy", False),
        (0.3, 0.2, "mae", True),
        (0.1, 0.2, "mse", False),
        (-1.0, 0.0, "r2", True),
    ],
)
def test_a_floor_is_under_what_should_be_high_and_over_what_should_be_low(
    value: float, floor: float, metric: str, expected: bool
) -> None:
    assert _worse(value, floor, metric) is expected
