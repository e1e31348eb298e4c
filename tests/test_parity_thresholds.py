"""Parity: what a precision may lose, and the words for what lost more."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tradeoff.parity.thresholds import OTHERS, THRESHOLDS, facts, is_exact, threshold_of, verdict

GOOD = {"parity_top1": 1.0, "parity_cosine": 1.0, "snr": 130.0, "max_error": 1e-7}


@pytest.mark.parametrize("precision", [*THRESHOLDS, "of-a-plugin"])
def test_what_is_as_good_as_float32_is_good_for_every_precision(precision: str) -> None:
    assert verdict(GOOD, precision, 360) == ""


@pytest.mark.parametrize("precision", [*THRESHOLDS, "of-a-plugin"])
def test_what_is_no_number_is_good_for_none(precision: str) -> None:
    broken = {"parity_top1": 0.0, "parity_cosine": 0.0, "snr": None, "max_error": None}
    assert verdict(broken, precision, 360).startswith("parity: SNR no number < ")


def test_a_verdict_names_everything_that_is_beyond_and_by_how_much() -> None:
    found = verdict({**GOOD, "snr": 12.04, "parity_top1": 0.9}, "int8", 360)
    assert found == "parity: SNR 12.0 dB < 20 dB, top-1 90.00 % < 97.00 %"
    assert verdict({**GOOD, "parity_cosine": 0.9}, "float32", 360) == "parity: cosine 0.900000 < 0.99999"


def test_exactly_the_threshold_is_within() -> None:
    least = threshold_of("int8")
    assert verdict({"snr": least.snr, "parity_cosine": least.cosine, "parity_top1": least.top1}, "int8", 10**6) == ""


def test_what_differs_in_nothing_is_within_although_its_snr_is_no_number() -> None:
    exact = {"parity_cosine": 1.0, "snr": None, "max_error": 0.0}
    assert is_exact(exact)
    assert verdict(exact, "float32", 1) == ""


@pytest.mark.parametrize(("samples", "wrong", "told"), [(20, 1, False), (20, 2, True), (360, 1, False)])
def test_a_single_sample_is_never_held_against_an_artifact(samples: int, wrong: int, told: bool) -> None:
    found = verdict({**GOOD, "parity_top1": (samples - wrong) / samples}, "float32", samples)
    assert bool(found) is told


def test_a_regression_is_judged_without_decisions() -> None:
    assert verdict({"parity_cosine": 1.0, "snr": 30.0, "max_error": 0.1}, "int8", 10) == ""


def test_a_precision_that_nobody_here_knows_is_allowed_as_much_as_the_coarsest() -> None:
    assert threshold_of("ternary") == OTHERS
    assert all(OTHERS.snr <= known.snr and OTHERS.top1 <= known.top1 for known in THRESHOLDS.values())


def test_a_coarser_precision_is_never_held_to_more() -> None:
    order = ("float32", "fp16", "bf16", "int8w", "dynamic", "int8", "int4")
    for finer, coarser in pairwise(order):
        assert THRESHOLDS[finer].snr >= THRESHOLDS[coarser].snr
        assert THRESHOLDS[finer].cosine >= THRESHOLDS[coarser].cosine


def test_the_record_holds_the_numbers_and_what_was_expected() -> None:
    found = facts(GOOD, "int8")
    assert found["snr"] == 130.0
    assert found["precision"] == "int8"
    assert found["threshold"] == {"cosine": 0.995, "snr": 20.0, "top1": 0.97}
