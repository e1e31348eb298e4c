"""The report in sentences: each is true of the rows that it leads to, and hedged where the intervals say so."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from decided_runs import cell, number, run, runs
from hypothesis import given, settings

from tradeoff.record import Axes, Measurement, Record, Run
from tradeoff.reports.narrative.sentences import SECTIONS, Sentence
from tradeoff.reports.narrative.view import VIEW, narrative
from tradeoff.reports.renderers.markdown import Markdown
from tradeoff.reports.renderers.terminal import Terminal


def made(name: str, accuracy: float, latency: float, size: float, *verdicts: str, **more: Any) -> Record:
    numbers = {"latency": number("latency", latency, 0.001), "accuracy": accuracy, "artifact_bytes": size}
    return cell(name, {**numbers, **more.pop("numbers", {})}, *verdicts, **{"test_samples": 100_000, **more})


BASELINE = made("m/baseline", 0.98, 4e-3, 400e3)


def section(title: str, *runs: Run) -> list[str]:
    """The sentences of a section."""
    (table,) = (table for table in narrative(runs) if table.title == title)
    return [row[0].text for row in table.rows]


def test_what_is_smaller_and_faster_beyond_the_intervals_helped() -> None:
    told = section("What helped", run(BASELINE, made("m/int8", 0.98, 1e-3, 100e3)))
    assert told == [
        "int8 made m 4.00 times smaller on litert.",
        "int8 made m 4.00 times faster on litert.",
        "int8 left the accuracy of m as it was on litert, to the last sample.",
    ]


def test_several_backends_make_one_sentence() -> None:
    both = [made("m/baseline", 0.98, 1e-3, size, backend=b) for b, size in (("litert", 4e5), ("jax", 2e5))]
    small = [made("m/int8", 0.98, 1e-3, size, backend=b) for b, size in (("litert", 1e5), ("jax", 1e5))]
    assert "int8 made m 2.00 to 4.00 times smaller on litert and jax." in section("What helped", run(*both, *small))


def test_what_costs_accuracy_or_time_did_not_help_and_smaller_but_slower_surprises() -> None:
    one = run(BASELINE, made("m/int8", 0.90, 8e-3, 100e3))
    assert "int8 cost m 8.00 points of accuracy on litert." in section("What did not", one)
    assert "int8 made m 2.00 times slower on litert." in section("What did not", one)
    (surprise,) = section("What surprised", one)
    assert surprise == "int8 on litert made m 4.00 times smaller, and yet it takes 2.00 times as long to answer."


def test_a_change_within_the_intervals_is_hedged_and_nowhere_claimed() -> None:
    one = run(made("m/baseline", 0.98, 4e-3, 4e5, test_samples=100), made("m/int8", 0.97, 4e-3, 1e5, test_samples=100))
    assert not [text for text in section("What did not", one) if "accuracy" in text]
    assert (
        "int8 may have left m with less accuracy on litert, by 1.00 points: the intervals overlap, so no difference is "
        "shown." in section("What not to trust", one)
    )


def test_a_speed_up_of_a_noisy_cell_is_hedged() -> None:
    timed = Measurement(2.0, "1", "higher", low=1.9, high=2.1)
    first = made("m/int8", 0.98, 2e-3, 1e5)
    noisy = replace(first, measurements={**first.measurements, "speed_up": timed}, verdicts=("noisy",))
    assert "int8 made m 2.00 times faster on litert, though the machine was noisy." in section(
        "What helped", run(BASELINE, noisy)
    )


def test_a_technique_that_gains_nothing_over_the_chain_without_it_is_told() -> None:
    told = {"compared_with": "m/int8/litert/host-cpu/b1"}
    one = run(BASELINE, made("m/prune:0.8+int8", 0.98, 1e-3, 100e3, "no effect on this backend", no_effect=told))
    expected = "prune:0.8+int8 left m neither smaller nor faster than int8 does on litert."
    assert expected in section("What did not", one)


def test_a_larger_model_that_is_faster_surprises() -> None:
    quiet = {"undisturbed": 1.0, "speed": 1.0}
    big = made("big/baseline", 0.98, 1e-3, 4e5, numbers={"parameters": Measurement(3e4, "1")}, **quiet)
    small = made("small/baseline", 0.98, 2e-3, 1e5, numbers={"parameters": Measurement(1e4, "1")}, **quiet)
    assert section("What surprised", run(big, small)) == [
        "big has 3.00 times the parameters of small, and answers 2.00 times as fast on litert."
    ]


def test_what_not_to_trust_names_noise_models_few_samples_and_lost_cells() -> None:
    modelled = {"latency": Measurement(1.0, "s", "lower", "modelled", note="mean error 14 %")}
    chip = made("m/int8/mcu/chip/b1", 0.98, 1, 1e5, numbers=modelled, estimate={"error": 0.14, "fits": True})
    unknown = made("m/int8/mcu/other/b1", 0.98, 1, 1e5, numbers=modelled, estimate={"error": None})
    lost = Record(Axes.parse("m/int4/litert/host-cpu/b1"), status="crashed", reason="killed")
    told = section(
        "What not to trust",
        run(made("m/baseline", 0.98, 4e-3, 4e5, "noisy", test_samples=360), chip, unknown, lost),
    )
    assert "m/baseline/litert was timed while the machine was busy or slow, so do not decide from the latency." in told
    assert "Latencies on chip are modelled, not measured: such numbers were wrong by 14.00 % on the average." in told
    assert "Latencies on other are modelled, not measured: nobody has checked such numbers." in told
    assert "1 planned cell gave no numbers: m/int4/litert/host-cpu/b1." in told
    assert any(text.startswith("Accuracy on digits is over 360 samples") for text in told)


def test_every_sentence_leads_to_rows_that_are_there() -> None:
    text = Markdown().render_view(VIEW, [run(BASELINE, made("m/int8", 0.90, 8e-3, 100e3))], 100, False)
    links = set(re.findall(r"\]\(#(row-\d+)\)", text))
    assert links
    assert links == set(re.findall(r'<a name="(row-\d+)"></a>', text))


def test_there_is_no_sentence_without_rows() -> None:
    with pytest.raises(ValueError, match=r"no row is behind 'It is so\.'"):
        Sentence("What helped", "It is so.", ())


def test_several_runs_are_named() -> None:
    first = run(BASELINE, made("m/int8", 0.98, 1e-3, 100e3), name="first")
    second = run(made("m/baseline", 0.98, 4e-3, 400e3), name="second")
    told = section("What helped", first, second)
    assert told[0] == "In run first: int8 made m 4.00 times smaller on litert."


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert narrative([run()]) == []
    assert Terminal().render_view(VIEW, [run()], 100, False).startswith("No measured cell")


@settings(deadline=None, max_examples=40)
@given(runs(2, 7))
def test_whatever_the_numbers_every_sentence_has_rows_and_every_section_is_there(one: Run) -> None:
    tables = narrative([one])
    assert [table.title for table in tables][:4] in ([], list(SECTIONS))
    for table in tables[:4]:
        assert all(row[1].links for row in table.rows)
    Terminal().render_view(VIEW, [one], 80, False)
