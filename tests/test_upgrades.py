"""Runs with several versions of a framework: which two are compared, and what a version can have moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from compared_runs import CELL, accuracy, latency, record, run, size

from tradeoff.compare.upgrades import Upgrade, upgrades
from tradeoff.record import Measurement, Record, Run

OTHER = "dense/int8/litert/host-cpu/b1"


def with_versions(versions: Mapping[str, str], *records: Record, name: str = "a run", python: str = "3.12.1") -> Run:
    return replace(run(*(records or (cell(),)), name=name, python=python), versions=versions)


def cell(
    spelling: str = CELL, numbers: Mapping[str, Measurement] | None = None, *, content: str = "1", runtime: str = "1"
) -> Record:
    return record(numbers or size(1000), spelling, content=content, runtime=runtime)


def steps(*runs: Run) -> list[Upgrade]:
    return upgrades(runs, 20)[0]


def names(*runs: Run) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(one.old, one.new, one.names) for one in steps(*runs)]


# --- which runs -------------------------------------------------------------------------------------


def test_runs_with_the_same_versions_have_no_step() -> None:
    assert steps(with_versions({"keras": "3.15.1"}), with_versions({"keras": "3.15.1"})) == []


def test_a_step_leads_from_the_older_version_to_the_newer_one_in_whatever_order_they_were_given() -> None:
    newer, older = with_versions({"jax": "0.10.2"}), with_versions({"jax": "0.9.10"})
    assert names(newer, older) == [(1, 0, ("jax",))]


@pytest.mark.parametrize(
    ("older", "newer"), [("2.9", "2.10"), ("2.21.0rc1", "2.21.0"), ("2.21", "2.21.1"), ("1.0.dev3", "1.0.dev12")]
)
def test_versions_are_ordered_as_a_person_counts(older: str, newer: str) -> None:
    assert names(with_versions({"jax": newer}), with_versions({"jax": older})) == [(1, 0, ("jax",))]


def test_of_many_versions_each_is_compared_with_the_one_before() -> None:
    runs = [with_versions({"jax": version}) for version in ("0.10.2", "0.10.0", "0.10.1")]
    assert names(*runs) == [(1, 2, ("jax",)), (2, 0, ("jax",))]


def test_the_two_runs_are_those_that_differ_least_in_everything_else() -> None:
    runs = (
        with_versions({"tensorflow": "2.20.0", "keras": "3.14.0"}),
        with_versions({"tensorflow": "2.20.0", "keras": "3.15.1"}),
        with_versions({"tensorflow": "2.21.0", "keras": "3.15.1"}),
    )
    assert names(*runs) == [(1, 2, ("tensorflow",)), (0, 1, ("keras",))]


def test_two_runs_that_have_measured_the_same_cells_are_preferred() -> None:
    runs = (
        with_versions({"jax": "1"}, cell(), cell(OTHER)),
        with_versions({"jax": "2"}, cell("cnn/int8/jax/host-cpu/b1")),
        with_versions({"jax": "2"}, cell()),
        with_versions({"jax": "2"}, cell(), cell(OTHER)),
    )
    assert names(*runs) == [(0, 3, ("jax",))]


def test_two_runs_that_have_the_same_frameworks_are_preferred_to_two_that_have_not() -> None:
    runs = (
        with_versions({"h5py": "3.14", "tensorflow": "2.21"}),
        with_versions({"h5py": "3.16", "jax": "0.10.2"}),
        with_versions({"h5py": "3.16", "tensorflow": "2.20"}),
    )
    assert names(*runs) == [(0, 2, ("h5py", "tensorflow"))]


def test_a_run_of_the_same_machine_is_preferred() -> None:
    elsewhere = with_versions({"jax": "2"})
    elsewhere = replace(elsewhere, machine={**elsewhere.machine, "processor": "Intel Xeon"})
    assert names(with_versions({"jax": "1"}), elsewhere, with_versions({"jax": "2"})) == [(0, 2, ("jax",))]


def test_what_changed_in_the_same_two_runs_is_one_step_and_all_of_it_is_told() -> None:
    old, new = (
        with_versions({"tensorflow": "2.20.0", "h5py": "3.16"}),
        with_versions({"tensorflow": "2.21.0", "h5py": "3.14"}),
    )
    (step,) = steps(old, new)
    assert (step.old, step.new, step.names) == (0, 1, ("tensorflow", "h5py"))
    assert step.changes == {"tensorflow": ("2.20.0", "2.21.0"), "h5py": ("3.16", "3.14")}


def test_what_runs_the_artifacts_decides_which_run_is_the_older_one() -> None:
    old, new = (
        with_versions({"h5py": h5py, "tensorflow": version}, cell(runtime=f"keras 3.15.1 tensorflow {version}"))
        for h5py, version in (("3.16", "2.20.0"), ("3.14", "2.21.0"))
    )
    assert names(new, old) == [(1, 0, ("tensorflow", "h5py"))]


def test_a_distribution_that_only_one_run_has_is_no_version() -> None:
    assert steps(with_versions({"keras": "3.15.1", "jax": "0.10.2"}), with_versions({"keras": "3.15.1"})) == []


def test_the_version_of_python_counts() -> None:
    assert names(with_versions({}, python="3.12.1"), with_versions({}, python="3.13.0")) == [(0, 1, ("Python",))]


def test_of_too_many_steps_the_rest_is_counted() -> None:
    found, more = upgrades([with_versions({"jax": f"0.{minor}"}) for minor in range(6)], 2)
    assert ([(one.old, one.new) for one in found], more) == ([(0, 1), (1, 2)], 3)


# --- what moved -------------------------------------------------------------------------------------


def moved(old: Record, new: Record, before: str = "1", after: str = "2") -> tuple[Upgrade, list[tuple[str, str]]]:
    (step,) = steps(with_versions({"jax": before}, old), with_versions({"jax": after}, new))
    return step, [(effect.measurement, step.cause(effect)) for effect in step.moved]


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ({"content": "2"}, "file"),
        ({"runtime": "2"}, "runtime"),
        ({"content": "2", "runtime": "2"}, "file and runtime"),
    ],
)
def test_what_moved_tells_whether_the_file_or_what_runs_it_is_another(facts: dict[str, str], cause: str) -> None:
    _, found = moved(cell(), cell(numbers=size(1100), **facts))
    assert found == [("artifact_bytes", cause)]


def test_what_moved_with_the_same_file_on_the_same_runtime_is_not_laid_to_the_version() -> None:
    step, found = moved(cell(numbers=latency(1e-3)), cell(numbers=latency(2e-3)))
    assert found == []
    assert [effect.measurement for effect in step.adrift] == ["latency"]


def test_keras_on_another_engine_is_laid_to_no_version() -> None:
    old, new = (replace(cell(numbers=size(n)), facts={"engine": e}) for n, e in ((1000, "jax"), (1100, "tensorflow")))
    step, found = moved(old, new)
    assert found == []
    assert step.adrift == ()
    assert set(step.causes.values()) == {"engine"}


def test_another_python_is_around_every_cell() -> None:
    old, new = (with_versions({}, cell(numbers=latency(s)), python=p) for s, p in ((1e-3, "3.12"), (2e-3, "3.13")))
    (step,) = steps(old, new)
    assert [step.cause(effect) for effect in step.moved] == ["surroundings"]


def test_records_that_do_not_say_what_they_ran_are_counted_as_moved() -> None:
    _, found = moved(record(size(1000)), record(size(1100)))
    assert found == [("artifact_bytes", "unknown")]


def test_what_is_within_its_interval_or_too_small_has_not_moved() -> None:
    _, found = moved(
        cell(numbers=latency(1e-3) | accuracy(0.98)), cell(numbers=latency(1.001e-3) | accuracy(0.981), runtime="2")
    )
    assert found == []


@pytest.mark.parametrize(
    ("runtimes", "contents", "cause"),
    [("1111", "1111", "nothing"), ("1222", "1111", "runtime"), ("1122", "2111", "file and runtime")],
)
def test_cells_together_have_the_causes_of_all_of_them(runtimes: str, contents: str, cause: str) -> None:
    cells = [f"model{place}/int8/litert/host-cpu/b1" for place in range(4)]
    old = [cell(one, latency(1e-3)) for one in cells]
    new = [
        cell(one, latency(1.5e-3), runtime=runtime, content=content)
        for one, runtime, content in zip(cells, runtimes, contents, strict=True)
    ]
    (step,) = steps(with_versions({"jax": "1"}, *old), with_versions({"jax": "2"}, *new))
    (together,) = (effect for effect in step.comparison.effects if effect.cell.startswith("*/"))
    assert step.cause(together) == cause
    assert (together in step.adrift) == (cause == "nothing")
