"""Artifacts: they stand for themselves, tell when they are spoilt, and say what they consist of."""

from __future__ import annotations

from typing import Any

import pytest

from tradeoff.conformance.damage import KINDS
from tradeoff.conformance.kit import Converted, Kit, Subject
from tradeoff.vocabulary import FLOAT32, Backend

#: Constants may be packed in the artifact; so many times its bytes, and they are not in it.
PACKED = 8
#: How far the operators together may be from the request they are part of: measuring them costs something.
APART = 5.0


@pytest.fixture(autouse=True)
def _runs(subject: Subject) -> None:
    if not subject.can.runs:
        pytest.skip(f"{subject.choice.name} only has a size: nothing runs what it writes")


@pytest.fixture
def made(kit: Kit, subject: Subject, precision: str) -> Converted:
    """A small net in one precision."""
    return kit.made(subject, precision)


def test_an_artifact_stands_for_itself(kit: Kit, subject: Subject, precision: str, made: Converted) -> None:
    told = kit.look(subject, "moved", made)
    assert not told["how"], f"carried to another place, without the folder it was made in, it gives {told['how']}"
    assert told["difference"] <= FLOAT32.batches, "carried to another place it answers otherwise"


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_artifact_is_told(kit: Kit, subject: Subject, kind: str) -> None:
    told = kit.look(subject, "bad", kit.made(subject, subject.precision), kind=kind)
    assert told["how"] in ("refused", "bad input"), (
        f"a file that is {kind}: it {told['how']} {told['text']}\n"
        "let `load` raise tradeoff.BadInput with the file's name and what is wrong with it"
    )
    assert told["text"].strip()


def test_running_leaves_no_file_and_the_artifact_as_it_was(
    kit: Kit, subject: Subject, precision: str, made: Converted
) -> None:
    told = kit.look(subject, "leaves", made)
    assert not told["left"], f"loading and running leave {', '.join(told['left'])}"
    assert not told["changed"], "loading or running changes the artifact"


def test_nothing_is_pickled(kit: Kit, subject: Subject, precision: str, made: Converted) -> None:
    told = kit.look(subject, "pickles", made)
    assert not told["inside"], f"{', '.join(told['inside'])}: a pickle, which can run any code when it is opened"
    assert not told["opened"], f"loading opens a pickle of {', '.join(told['opened'][:5])}"


def test_what_it_consists_of_is_plausible(kit: Kit, subject: Subject, precision: str, made: Converted) -> None:
    one, many = kit.look(subject, "anatomy", made, sizes=[1, subject.most])["found"]
    if one is None or many is None:
        pytest.skip("`anatomy` does not say")
    numbers = [number for found in (one, many) for number in found.values() if number is not None]
    assert all(number >= 0 for number in numbers), f"fewer bytes than none: {one}"
    assert one["weights_bytes"] == many["weights_bytes"], "weights do not depend on the size of a request"
    if one["weights_bytes"] is not None:
        assert 0 < one["weights_bytes"] <= PACKED * made.bytes, (
            f"{one['weights_bytes']} bytes of weights in an artifact of {made.bytes}"
        )
    if one["activations_bytes"] is not None:
        assert one["activations_bytes"] <= many["activations_bytes"], "more samples do not take less"


def test_its_profile_adds_up(kit: Kit, subject: Subject) -> None:
    if type(subject.backend).profile is Backend.profile:
        pytest.skip("there is no `profile`")
    told = kit.look(subject, "profile", kit.large(subject))
    profile = told["found"]
    if profile is None:
        pytest.skip("`profile` does not say")
    operators = profile["operators"]
    assert operators, "a profile without operators says nothing: give None"
    assert all(operator["kind"].strip() for operator in operators), "an operator without a kind"
    _check_numbers(operators)
    seconds = [operator["seconds"] for operator in operators if operator["seconds"] is not None]
    if profile["seconds"] == "unavailable":
        assert not seconds, "seconds are told, and said to be unavailable"
        return
    assert seconds, f"seconds are said to be {profile['seconds']}, and none is told"
    whole = told["seconds"]
    assert whole / APART <= sum(seconds) <= whole * APART, (
        f"the operators take {sum(seconds):.2g} s together, the request {whole:.2g} s"
    )


def _check_numbers(operators: list[dict[str, Any]]) -> None:
    for operator in operators:
        for name in ("seconds", "weights_bytes", "output_bytes", "flops"):
            assert operator[name] is None or operator[name] >= 0, f"{operator['name']}: {name}={operator[name]}"
