"""What is told of a device that is not here: numbers with their kind and their error, and never more than is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import pytest

from tradeoff.conformance.damage import KINDS
from tradeoff.conformance.kit import Converted, Kit, Subject
from tradeoff.vocabulary import Direction, Provenance

#: Units by what a figure is called; every other figure may have any of them.
UNITS: Final = {"latency": "s", "energy": "J"}
ANY_UNIT: Final = ("s", "J", "B", "1")
#: Operators are rounded one by one.
ROUNDED: Final = 1.01


@pytest.fixture
def made(kit: Kit, estimated: Subject, precision: str) -> Converted:
    """A small net in one precision."""
    return kit.made(estimated, precision)


@pytest.fixture
def told(kit: Kit, estimated: Subject, made: Converted) -> Mapping[str, Any]:
    """What is told of requests of one sample, of two, and of as many as the kit asks for."""
    sizes = sorted({1, min(2, estimated.most), estimated.most})
    found: Mapping[str, Any] = kit.look(estimated, "estimates", made, sizes=sizes)
    if found["strangers"]:
        pytest.fail(f"{', '.join(found['strangers'])} in an Estimated: its figures are Figure, its operators Operator")
    return found


def _all(told: Mapping[str, Any], what: str) -> list[Any]:
    return [each for found in told["found"] for each in found[what]]


def _values(told: Mapping[str, Any], name: str) -> list[float]:
    """Of one figure, by the size of the request, where it is told."""
    found = [each["value"] for each in _all(told, "figures") if each["name"] == name]
    return [value for value in found if value is not None]


def test_a_figure_is_a_number_that_can_be_or_says_why_there_is_none(told: Mapping[str, Any]) -> None:
    for figure in _all(told, "figures"):
        value, name = figure["value"], figure["name"]
        assert isinstance(name, str), f"a figure is called {name!r}"
        assert name.isidentifier(), f"a figure is called {name!r}: it becomes a column"
        if value is None:
            assert figure["note"].strip(), f"{name} has no value, and no note that tells why"
        else:
            assert math.isfinite(value), f"{name} is {value}"
            assert value >= 0, f"{name} is {value}, less than nothing"


def test_each_figure_is_told_once(told: Mapping[str, Any]) -> None:
    assert not told["twice"], f"{', '.join(told['twice'])}: told more than once, and only the last would be seen"


def test_units_directions_and_provenances_are_of_the_vocabulary(told: Mapping[str, Any]) -> None:
    sources = [each for each in get_args(Provenance) if each not in ("measured", "unavailable")]
    for figure in _all(told, "figures"):
        name, unit = figure["name"], figure["unit"]
        expected = UNITS.get(name) or ("B" if name.endswith("_bytes") else unit)
        assert unit == expected, f"{name} is in {unit!r}, expected {expected!r}"
        assert unit in ANY_UNIT, f"{name} is in {unit!r}, expected one of {', '.join(ANY_UNIT)}"
        assert figure["direction"] in get_args(Direction), f"{name} is better {figure['direction']!r}"
        assert figure["provenance"] in sources, (
            f"{name} is {figure['provenance']!r}: nothing is measured on a device that is not here; one of "
            f"{', '.join(sources)}"
        )


def test_a_modelled_number_has_its_error_or_says_how_it_was_made(
    kit: Kit, estimated: Subject, told: Mapping[str, Any]
) -> None:
    validated = kit.registry.devices[estimated.device].validated
    for figure in _all(told, "figures"):
        name, error = figure["name"], figure["error"]
        assert error is None or (math.isfinite(error) and error >= 0), f"the error of {name} is {error}: it is a share"
        if figure["value"] is None or figure["provenance"] != "modelled" or error is not None:
            continue
        note = figure["note"].strip()
        if name in UNITS:
            # A device can be checked in one precision and not in another; then a note says so.
            assert note or not validated, f"{estimated.device} is validated, and its {name} has neither error nor note"
        else:
            assert note, f"{name} has neither an error nor a note that tells how it was made"


def test_what_does_not_fit_has_a_verdict_that_says_so(told: Mapping[str, Any]) -> None:
    for found in told["found"]:
        assert found["fits"] in (True, False, None), f"fits={found['fits']!r}"
        if found["fits"] is False:
            assert found["verdicts"], "it does not fit, and no verdict says by how much"
    for verdict in _all(told, "verdicts"):
        assert verdict.strip(), "a verdict says nothing"
        assert "\n" not in verdict, f"a verdict is one line: {verdict!r}"


def test_the_same_request_is_told_of_in_the_same_way(told: Mapping[str, Any]) -> None:
    assert told["again"], "asked again, it tells something else: what is stored would depend on when it was asked"


@pytest.mark.parametrize("name", UNITS)
def test_more_samples_do_not_take_less(told: Mapping[str, Any], name: str) -> None:
    values = _values(told, name)
    if len(values) < len(told["found"]):
        pytest.skip(f"{name} is not told")
    assert values == sorted(values), f"{name} of larger and larger requests: {_listed(values)}"


def test_operators_add_up_to_no_more_than_the_latency(told: Mapping[str, Any]) -> None:
    for found in told["found"]:
        operators = found["operators"]
        assert all(operator["kind"].strip() for operator in operators), "an operator without a kind"
        for operator in operators:
            for name in ("seconds", "weights_bytes", "output_bytes", "flops"):
                number = operator[name]
                assert number is None or (math.isfinite(number) and number >= 0), f"{operator['name']}: {name}={number}"
        seconds = [operator["seconds"] for operator in operators if operator["seconds"] is not None]
        assert not seconds or found["source"].strip(), "operators with seconds, and `source` does not say whose"
        latency = _values({"found": [found]}, "latency")
        if seconds and latency:
            assert sum(seconds) <= ROUNDED * latency[0], (
                f"the operators take {sum(seconds):.3g} s together, and the request {latency[0]:.3g} s"
            )


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_artifact_is_told_by_a_message_and_no_traceback(
    kit: Kit, estimated: Subject, made: Converted, kind: str
) -> None:
    told = kit.look(estimated, "estimate spoilt", made, kind=kind)
    assert told["how"] != "raised", f"a file that is {kind}: {told['text']}\nraise tradeoff.BadInput with what is wrong"


def test_a_device_that_nobody_has_is_refused_or_makes_no_difference(
    kit: Kit, estimated: Subject, made: Converted
) -> None:
    told = kit.look(estimated, "estimate nowhere", made)
    assert told["how"] != "raised", f"`estimate` for a device that nobody has: {told['text']}"
    assert told["how"] != "told" or told["same"], (
        "`estimate` tells something of its own of a device that nobody has: raise tradeoff.Refused('no such device', …)"
    )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
