"""Techniques: what they are handed comes back as a model with the same ends, the same one for the same seed."""

from __future__ import annotations

from typing import Any, Final, get_args

import pytest

from tradeoff.chain import Step
from tradeoff.conformance.imports import loaded_by_importing
from tradeoff.conformance.kit import Kit
from tradeoff.conformance.nets import SMALL
from tradeoff.engine import training_environment
from tradeoff.spelling import Parameter, Value
from tradeoff.vocabulary import EPOCHS, Stage, Technique

STAGES: Final = get_args(Stage)


@pytest.fixture
def technique(kit: Kit, step: Step) -> Technique:
    """What the plugin declares."""
    return kit.registry.techniques[step.technique]


@pytest.fixture
def rewrites(technique: Technique) -> None:
    """Skip what is about Keras models."""
    if technique.stage != "model":
        pytest.skip(f"{technique.name} has stage {technique.stage}: it changes no Keras model")


def apply(kit: Kit, step: Step, net: str, values: dict[str, Value] | None = None) -> dict[str, Any]:
    """What comes of one net."""
    folder = str(kit.new_folder())
    values = dict(step.values) if values is None else values
    found: dict[str, Any] = kit.ask(
        training_environment(),
        "technique",
        technique=step.technique,
        values=values,
        data=str(kit.net(net)),
        seed=3,
        folder=folder,
    )
    return found


def applied(kit: Kit, step: Step, net: str) -> dict[str, Any]:
    """What comes of one net; it is changed once for all checks."""
    found: dict[str, Any] = kit.once((step.spelling, net), lambda: apply(kit, step, net))
    return found


@pytest.fixture
def made(kit: Kit, step: Step, rewrites: None) -> dict[str, Any]:
    """What comes of the first net that it does not refuse."""
    for net in SMALL:
        told = applied(kit, step, net)
        if told["how"] == "made":
            return {**told, "net": net}
    pytest.skip("it changes none of the nets, which test_it_changes_a_net tells")


def test_importing_the_plugin_imports_no_framework(kit: Kit, step: Step, technique: Technique) -> None:
    needs = {need.module.partition(".")[0] for need in technique.requires}
    found = loaded_by_importing(kit, "technique", step.technique, needs)
    assert not found, f"import {', '.join(found)} inside the functions that need it: pytest imports the plugin too"


def test_its_stage_and_its_function_belong_together(technique: Technique) -> None:
    assert technique.stage in STAGES, f"stage={technique.stage!r} is none of {', '.join(STAGES)}"
    assert (technique.stage == "model") == callable(technique.apply), "stage model has an `apply`, the others have none"
    both = callable(technique.encode) and callable(technique.decode)
    either = callable(technique.encode) or callable(technique.decode)
    assert both == either == (technique.stage == "artifact"), (
        "stage artifact has `encode` and `decode`, the others have neither"
    )


def test_its_parameters_have_defaults_that_they_themselves_allow(technique: Technique) -> None:
    for parameter in technique.parameters:
        assert isinstance(parameter, Parameter), f"a parameter is a {type(parameter).__name__}"
        if parameter.default is not None:
            parameter.check(parameter.default, technique.name)


def test_some_backend_realises_it_or_says_why_not(kit: Kit, technique: Technique) -> None:
    if technique.stage != "precision":
        pytest.skip(f"{technique.name} has stage {technique.stage}")
    heard = [
        name
        for name, backend in kit.registry.backends.items()
        if technique.name
        in (*backend.capabilities.precisions, *backend.capabilities.bits, *backend.capabilities.refusals)
    ]
    assert heard, f"no backend declares {technique.name}, and none says why it does not"


def test_it_changes_a_net(kit: Kit, step: Step, rewrites: None) -> None:
    told = {net: applied(kit, step, net) for net in SMALL}
    assert any(each["how"] == "made" for each in told.values()), "it changes none of the nets: " + "; ".join(
        f"{net}: {each['how']} {each['text']}" for net, each in told.items()
    )


@pytest.mark.parametrize("net", SMALL)
def test_a_net_is_changed_or_refused_with_a_reason(kit: Kit, step: Step, rewrites: None, net: str) -> None:
    told = applied(kit, step, net)
    assert told["how"] != "raised", (
        f"`apply` raises something else than tradeoff.Refused or tradeoff.BadInput: {told['text']}"
    )


def test_what_comes_back_is_a_keras_model_with_the_same_ends(made: dict[str, Any]) -> None:
    assert made["is_model"], f"`apply` gives a {made['type']}, expected a Keras model"
    assert made["ends"] == made["expected"], f"inputs and outputs are {made['ends']}, and were {made['expected']}"
    assert made["finite"], "an output of the model is no number"


def test_what_comes_back_can_be_written_and_read(made: dict[str, Any]) -> None:
    if not made["is_model"]:
        pytest.skip("it is no model")
    assert made["same_when_read"], "read again, the model answers otherwise"


def test_the_same_seed_gives_the_same_model(kit: Kit, step: Step, made: dict[str, Any]) -> None:
    if not made["is_model"]:
        pytest.skip("it is no model")
    again = apply(kit, step, made["net"])
    assert again["content"] == made["content"], "take what is random from job.seed: stored variants are keyed by it"


def test_it_does_not_load_the_task_whose_test_split_it_is_not_handed(made: dict[str, Any]) -> None:
    assert not made["asked"], (
        "`apply` calls job.task.load: the test split only judges; use job.train and job.validation"
    )


def test_it_leaves_data_and_folders_as_they_were(made: dict[str, Any]) -> None:
    assert not made["wrote"], "`apply` writes into the data that it is handed"
    assert not made["left"], f"`apply` leaves {', '.join(made['left'])}"


def test_the_ends_of_its_parameters_are_taken_or_refused(
    kit: Kit, step: Step, technique: Technique, made: dict[str, Any]
) -> None:
    values = {**dict(step.values), **_shortest(technique)}
    for parameter in technique.parameters:
        for value in _ends(parameter):
            told = apply(kit, step, made["net"], {**values, parameter.name: value})
            assert told["how"] != "raised", f"{parameter.name}={value!r} is within its range, and gives {told['text']}"


def _shortest(technique: Technique) -> dict[str, Value]:
    """As few epochs as it allows: what a value does is seen without training for long."""
    return {
        parameter.name: int(parameter.minimum)
        for parameter in technique.parameters
        if parameter.name == EPOCHS and parameter.type is int and parameter.minimum is not None
    }


def _ends(parameter: Parameter) -> list[Value]:
    if parameter.choices:
        return list(parameter.choices)
    ends = [end for end in (parameter.minimum, parameter.maximum) if end is not None and abs(end) <= 100]
    return [int(end) if parameter.type is int else float(end) for end in ends]
