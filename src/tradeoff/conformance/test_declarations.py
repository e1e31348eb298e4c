"""What a backend says of itself can be planned with, and costs nothing to ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

from tradeoff.conformance.imports import loaded_by_importing
from tradeoff.conformance.kit import Kit, Subject
from tradeoff.errors import Reason
from tradeoff.spelling import Parameter, parse_values, spell, split
from tradeoff.vocabulary import Backend, Environment, Refusal, Requirement

REASONS: Final = get_args(Reason)


def test_importing_the_plugin_imports_no_framework(kit: Kit, subject: Subject) -> None:
    needs = {need.module.partition(".")[0] for need in (*subject.backend.requires, *subject.backend.converter_requires)}
    found = loaded_by_importing(kit, "backend", subject.choice.name, needs)
    assert not found, f"import {', '.join(found)} inside the functions that need it: pytest imports the plugin too"


def test_every_declared_precision_is_one_that_can_be_asked_for(kit: Kit, subject: Subject) -> None:
    known = {"float32", *(name for name, each in kit.registry.techniques.items() if each.stage == "precision")}
    unknown = [name for name in subject.can.precisions if name not in known]
    assert subject.can.precisions, "a backend that realises no precision has no cell"
    assert not unknown, f"{unknown}: no plugin brings such a precision; known: {', '.join(sorted(known))}"


def test_every_refusal_has_a_reason_of_the_vocabulary_and_words_of_its_own(subject: Subject) -> None:
    for precision, refusal in subject.can.refusals.items():
        assert isinstance(refusal, Refusal), f"refusals[{precision!r}] is a {type(refusal).__name__}"
        assert refusal.reason in REASONS, f"{precision}: {refusal.reason!r} is none of {', '.join(REASONS)}"
        assert refusal.detail.strip(), f"{precision}: the refusal says nothing but its reason"


def test_nothing_is_both_realised_and_refused(subject: Subject) -> None:
    both = sorted({*subject.can.precisions} & {*subject.can.refusals})
    assert not both, f"{', '.join(both)}: take it out of precisions, or out of refusals"


def test_every_declared_device_is_registered(kit: Kit, subject: Subject) -> None:
    unknown = [name for name in subject.can.devices if name not in kit.registry.devices]
    assert not unknown, f"{unknown}: no plugin brings such a device; known: {', '.join(sorted(kit.registry.devices))}"


def test_limits_and_endings_are_of_their_kind(subject: Subject) -> None:
    can = subject.can
    assert can.max_batch is None or can.max_batch >= 1, f"max_batch={can.max_batch!r}: at least one, or None for any"
    # A folder has no ending: it goes by the name of its format, such as saved_model.
    known = all(ending.startswith(".") or ending.isidentifier() for ending in can.reads)
    assert known, f"reads={can.reads!r}: endings, such as '.tflite'"
    has_load = type(subject.backend).load is not Backend.load
    assert can.runs == has_load, "a backend has a `load`, or says runs=False"


def test_its_parameters_have_defaults_that_they_themselves_allow(subject: Subject) -> None:
    for parameter in subject.backend.parameters:
        assert isinstance(parameter, Parameter), f"a parameter is a {type(parameter).__name__}"
        if parameter.default is not None:
            parameter.check(parameter.default, subject.choice.name)
    spelling = spell(subject.choice.name, subject.backend.parameters, subject.choice.parameters)
    _, arguments = split(spelling)
    read = parse_values(subject.choice.name, subject.backend.parameters, arguments)
    assert read == subject.choice.parameters, f"{spelling} reads back as {read}"


def test_what_it_needs_is_said_as_requirements(subject: Subject) -> None:
    backend, parameters = subject.backend, subject.choice.parameters
    for need in (*backend.requires, *backend.converter_requires, *backend.needs(parameters)):
        assert isinstance(need, Requirement), f"a requirement is a {type(need).__name__}"
        assert need.installed(), f"{need.module} is not installed: pip install {need.distribution}"


def test_its_environments_are_plain_and_the_same_each_time_they_are_asked_for(subject: Subject) -> None:
    backend, parameters = subject.backend, subject.choice.parameters
    for _ in range(2):
        _check_plain(backend.environment(parameters, subject.device))
    assert backend.environment(parameters, subject.device) == backend.environment(parameters, subject.device)
    found = backend.conversion_environment(parameters)
    assert found == backend.conversion_environment(parameters), "equal environments share a worker"
    if found is not None:
        _check_plain(found)


def _check_plain(environment: Environment) -> None:
    assert isinstance(environment, Environment)
    hash(environment)
    assert _all_text(environment.modules), f"modules={environment.modules!r}: names of modules"
    assert all(_all_text(pair) for pair in environment.variables), f"variables={environment.variables!r}: pairs of text"


def _all_text(things: Iterable[object]) -> bool:
    return all(isinstance(thing, str) for thing in things)
