"""Enough is known of the machine to tell it from another, without importing anything heavy."""

from __future__ import annotations

import json
from importlib.metadata import version

from tradeoff import Requirement
from tradeoff.machine import cpu_flags, describe_machine, installed_version, versions_of


def test_the_description_is_plain_data_with_nothing_left_empty() -> None:
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert all(machine[key] for key in ("node", "system", "architecture", "processor", "python"))
    assert machine["cores"] >= 1
    assert machine["memory_bytes"] is None or machine["memory_bytes"] > 10**8


def test_the_instruction_sets_do_not_depend_on_their_order() -> None:
    assert cpu_flags()
    assert cpu_flags().split() == sorted(cpu_flags().split())


def test_versions_are_told_of_what_is_installed_and_of_nothing_else() -> None:
    needs = [Requirement("pytest", "pytest"), Requirement("nowhere", "no-such-distribution")]
    assert versions_of(needs) == {"pytest": version("pytest")}
    assert installed_version("no-such-distribution") is None
