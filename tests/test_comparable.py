"""Two machines, and whether what they measured can be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compared_runs import run

from tradeoff.compare.comparable import differences, machine_key


def test_the_same_machine_differs_in_nothing() -> None:
    assert differences(run(), run()) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("processor", "Intel Xeon"), ("architecture", "aarch64"), ("cores", 4), ("memory_bytes", 8_000_000_000)],
)
def test_another_processor_or_much_less_memory_is_another_machine(name: str, value: object) -> None:
    (found,) = differences(run(), run(**{name: value}))
    assert found.decisive
    assert "->" in str(found)


@pytest.mark.parametrize(("name", "value"), [("node", "lab2"), ("system", "Linux 6.8"), ("python", "3.13.0")])
def test_another_name_or_version_is_told_and_decides_nothing(name: str, value: str) -> None:
    (found,) = differences(run(), run(**{name: value}))
    assert not found.decisive
    assert found.what == name


def test_memory_may_differ_a_little() -> None:
    assert differences(run(), run(memory_bytes=15_900_000_000)) == ()


def test_versions_seed_and_timing_are_told() -> None:
    changed = replace(run(), versions={"keras": "3.13"}, options={"seed": 1, "timing": {"max_time": 5.0}})
    assert {found.what for found in differences(run(), changed)} == {"keras", "seed", "timing max_time"}


def test_machines_that_say_nothing_are_not_taken_for_the_same() -> None:
    silent = replace(run(), machine={})
    assert [found.what for found in differences(silent, silent) if found.decisive] == [
        "processor",
        "architecture",
        "cores",
    ]


def test_a_history_is_kept_apart_by_processor_and_not_by_name() -> None:
    assert machine_key(run()) == machine_key(run(node="lab2")) != machine_key(run(cores=2))
