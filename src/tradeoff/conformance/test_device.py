"""Devices: what a latency on them is, and whether they are there, which costs nothing to ask."""

from __future__ import annotations

from typing import Final, get_args

from tradeoff.conformance.imports import FRAMEWORKS, loaded_by_importing
from tradeoff.conformance.kit import Kit
from tradeoff.errors import Reason
from tradeoff.matrix import devices_of
from tradeoff.vocabulary import Environment, Provenance

#: It is asked before anything runs, and in `tradeoff list`.
QUICK_SECONDS: Final = 0.5


def test_importing_the_plugin_imports_no_framework(kit: Kit, device: str) -> None:
    found = loaded_by_importing(kit, "device", device)
    assert not found, f"import {', '.join(found)} inside the functions that need it: pytest imports the plugin too"


def test_its_provenance_says_what_a_latency_is(kit: Kit, device: str) -> None:
    known = [each for each in get_args(Provenance) if each != "unavailable"]
    assert kit.registry.devices[device].provenance in known, f"one of {', '.join(known)}"


def test_whether_it_is_there_is_said_quickly_and_without_a_framework(kit: Kit, device: str) -> None:
    told = kit.ask(Environment("devices"), "present", device=device)
    heavy = sorted(FRAMEWORKS & {*told["imported"]})
    assert not heavy, f"`present` imports {', '.join(heavy)}"
    assert told["seconds"] <= QUICK_SECONDS, f"`present` takes {told['seconds']:.1f} s"


def test_that_it_is_not_there_has_a_reason_of_the_vocabulary(kit: Kit, device: str) -> None:
    told = kit.ask(Environment("devices"), "present", device=device)
    if told["refusal"] is None:
        return
    reason, detail = told["refusal"]
    assert told["type"] == "Refusal", f"`present` gives a {told['type']}, expected a tradeoff.Refusal or None"
    assert reason in get_args(Reason), f"{reason!r} is none of {', '.join(get_args(Reason))}"
    assert detail.strip(), "the refusal says nothing but its reason"


def test_some_backend_runs_on_it(kit: Kit, device: str) -> None:
    backends = kit.registry.backends.items()
    runs = [name for name, backend in backends if device in devices_of(kit.registry, name, backend.capabilities)]
    assert runs, f"no backend declares {device}: nothing can be measured on it"
