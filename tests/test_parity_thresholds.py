"""Parity: what a precision may lose, and the words for what lost more."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tradeoff.parity.thresholds import facts, is_exact, verdict
from tradeoff.registry import Registry, load_registry
from tradeoff.vocabulary import COARSEST, FLOAT32, Technique, Tolerance

REGISTRY = load_registry()
KNOWN = ("float32", *(name for name, known in REGISTRY.techniques.items() if known.stage == "precision"))
INT8 = REGISTRY.tolerance_of("int8")
GOOD = {"parity_top1": 1.0, "parity_cosine": 1.0, "snr": 130.0, "max_error": 1e-7}


@pytest.mark.parametrize("least", [*map(REGISTRY.tolerance_of, KNOWN), COARSEST], ids=[*KNOWN, "of-a-plugin"])
def test_what_is_as_good_as_float32_is_good_for_every_precision(least: Tolerance) -> None:
    assert verdict(GOOD, least, 360) == ""


@pytest.mark.parametrize("least", [*map(REGISTRY.tolerance_of, KNOWN), COARSEST], ids=[*KNOWN, "of-a-plugin"])
def test_what_is_no_number_is_good_for_none(least: Tolerance) -> None:
    broken = {"parity_top1": 0.0, "parity_cosine": 0.0, "snr": None, "max_error": None}
    assert verdict(broken, least, 360).startswith("parity: SNR no number < ")


def test_a_verdict_names_everything_that_is_beyond_and_by_how_much() -> None:
    found = verdict({**GOOD, "snr": 12.04, "parity_top1": 0.9}, INT8, 360)
    assert found == "parity: SNR 12.0 dB < 20 dB, top-1 90.00 % < 97.00 %"
    assert verdict({**GOOD, "parity_cosine": 0.9}, FLOAT32, 360) == "parity: cosine 0.900000 < 0.99999"


def test_exactly_the_threshold_is_within() -> None:
    exactly = {"snr": INT8.snr, "parity_cosine": INT8.cosine, "parity_top1": INT8.top1}
    assert verdict(exactly, INT8, 10**6) == ""


def test_what_differs_in_nothing_is_within_although_its_snr_is_no_number() -> None:
    exact = {"parity_cosine": 1.0, "snr": None, "max_error": 0.0}
    assert is_exact(exact)
    assert verdict(exact, FLOAT32, 1) == ""


@pytest.mark.parametrize(("samples", "wrong", "told"), [(20, 1, False), (20, 2, True), (360, 1, False)])
def test_a_single_sample_is_never_held_against_an_artifact(samples: int, wrong: int, told: bool) -> None:
    found = verdict({**GOOD, "parity_top1": (samples - wrong) / samples}, FLOAT32, samples)
    assert bool(found) is told


def test_a_regression_is_judged_without_decisions() -> None:
    assert verdict({"parity_cosine": 1.0, "snr": 30.0, "max_error": 0.1}, INT8, 10) == ""


def test_a_plugin_says_what_its_precision_may_lose_or_is_allowed_as_much_as_the_coarsest() -> None:
    own = Tolerance(0.5, snr=3.0, top1=0.9, layer_snr=2.0)
    brought = {"ternary": Technique("ternary", "precision", tolerance=own), "vague": Technique("vague", "precision")}
    assert Registry(techniques=brought).tolerance_of("ternary") == own
    assert Registry(techniques=brought).tolerance_of("vague") == COARSEST
    assert all(COARSEST.snr <= REGISTRY.tolerance_of(name).snr for name in KNOWN)
    assert all(COARSEST.top1 <= REGISTRY.tolerance_of(name).top1 for name in KNOWN)


def test_a_coarser_precision_is_never_held_to_more() -> None:
    order = ("float32", "fp16", "bf16", "int8w", "dynamic", "int8", "int4")
    for finer, coarser in pairwise(order):
        fine, coarse = REGISTRY.tolerance_of(finer), REGISTRY.tolerance_of(coarser)
        assert fine.snr >= coarse.snr
        assert fine.cosine >= coarse.cosine


def test_the_record_holds_the_numbers_and_what_was_expected() -> None:
    found = facts(GOOD, "int8", INT8)
    assert found["snr"] == 130.0
    assert found["precision"] == "int8"
    assert found["threshold"] == {"cosine": 0.995, "snr": 20.0, "top1": 0.97}
