"""What is claimed of two runs, and what is not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from compared_runs import CELL, accuracy, latency, record, run, sampled, size, speed_up, with_verdict
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.compare.comparing import ALPHA, FEWEST_TOGETHER, Comparison, Effect, compare
from tradeoff.record import Measurement, Record, Status


def only(found: Comparison) -> Effect:
    (effect,) = found.effects
    return effect


def effect_of(old: dict[str, Measurement], new: dict[str, Measurement], **facts: object) -> Effect:
    return only(compare(run(record(old, **facts)), run(record(new, **facts))))


# --- latency ----------------------------------------------------------------------------------------


def test_slower_is_worse_and_faster_is_better() -> None:
    slower, faster = effect_of(latency(1e-3), latency(1.1e-3)), effect_of(latency(1e-3), latency(0.9e-3))
    assert (slower.verdict, faster.verdict) == ("worse", "better")
    assert slower.change == pytest.approx(0.1)
    assert slower.low is not None
    assert slower.high is not None
    assert 0 < slower.low < 0.1 < slower.high


def test_what_lies_within_the_intervals_is_no_difference() -> None:
    assert effect_of(latency(1e-3, 0.2), latency(1.1e-3, 0.2)).verdict == "no difference shown"


def test_what_is_certain_and_small_is_not_worth_a_word() -> None:
    effect = effect_of(speed_up(2.0, 1e-6), speed_up(2.0 / 1.019, 1e-6))
    assert effect.adjusted is not None
    assert effect.adjusted < ALPHA
    assert effect.verdict == "no difference shown"


def test_a_smaller_speed_up_is_worse_by_the_time_it_costs() -> None:
    effect = effect_of(speed_up(2.0), speed_up(1.6))
    assert effect.verdict == "worse"
    assert effect.change == pytest.approx(-0.2)
    assert effect.harm == pytest.approx(0.25)


def test_on_a_busy_machine_a_latency_has_to_change_more() -> None:
    before, after = latency(1e-3), latency(1.04e-3)
    assert effect_of(before, after).verdict == "worse"
    assert effect_of(before, after, undisturbed=0.5).verdict == "no difference shown"
    assert effect_of(before, after, speed=0.8).verdict == "no difference shown"


def test_a_speed_up_is_as_sure_on_a_busy_machine() -> None:
    assert effect_of(speed_up(2.0), speed_up(1.94), undisturbed=0.5, speed=0.6).verdict == "worse"


def test_few_loads_claim_less() -> None:
    assert effect_of(speed_up(2.0), speed_up(1.955), loads=15).verdict == "worse"
    assert effect_of(speed_up(2.0), speed_up(1.955), loads=3).verdict == "no difference shown"


def test_a_lopsided_interval_counts_on_the_side_that_matters() -> None:
    wide_above = sampled(1e-3, low=0.999e-3, high=1.5e-3)
    found = {}
    for name, new in (("slower", 1.2e-3), ("faster", 0.8e-3)):
        found[name] = effect_of({"latency": wide_above}, latency(new))
    assert found["faster"].verdict == "better"
    assert found["slower"].verdict == "no difference shown"


@pytest.mark.parametrize("noisy", ["old", "new"])
def test_a_noisy_cell_gives_no_verdict_on_latency_and_others_remain(noisy: str) -> None:
    old, new = record(latency(1e-3) | size(10)), record(latency(2e-3) | size(20))
    if noisy == "old":
        old = with_verdict(old, "noisy")
    else:
        new = with_verdict(new, "noisy")
    time, bytes_ = compare(run(old), run(new)).effects
    assert (time.verdict, time.reason) == ("cannot be compared", f"noisy in the {noisy} run")
    assert bytes_.verdict == "worse"


def test_a_latency_without_an_interval_is_not_judged() -> None:
    bare = {"latency": Measurement(1e-3, "s", "lower")}
    assert "no interval" in effect_of(bare, latency(2e-3)).reason


def test_cells_that_move_alike_are_told_together() -> None:
    cells = [f"cnn/prune:0.{n}/litert/host-cpu/b1" for n in range(1, 1 + FEWEST_TOGETHER)]
    old, new = (run(*(record(latency(t, 0.01), cell, undisturbed=0.5) for cell in cells)) for t in (1e-3, 1.04e-3))
    claimed = [effect for effect in compare(old, new).effects if effect.verdict == "worse"]
    assert [effect.cell for effect in claimed] == ["*/*/litert/host-cpu/*"]
    assert claimed[0].change == pytest.approx(0.04)
    assert f"{FEWEST_TOGETHER} cells together" in claimed[0].reason


def test_the_same_artifact_twice_is_no_second_witness() -> None:
    cells = [f"cnn/prune:0.{n}/litert/host-cpu/b1" for n in range(1, 1 + FEWEST_TOGETHER)]
    records = [replace(record(latency(1e-3), cell), same_as="another" if n else None) for n, cell in enumerate(cells)]
    assert not any("*" in effect.cell for effect in compare(run(*records), run(*records)).effects)


# --- how often a claim is made ----------------------------------------------------------------------


def drawn(generator: random.Random, slower: float = 0.0, cells: int = 12) -> list[Record]:
    """Cells as a busy machine measures them: the intervals know less than what two runs differ by."""
    made = []
    for number in range(cells):
        ratio = 2.0 / (1 + slower * (number == 0)) * (1 + generator.gauss(0, 0.005))
        time = 1e-3 * (1 + slower * (number == 0)) * (1 + generator.gauss(0, 0.015))
        cell = f"cnn/prune:0.{number + 1}/litert/host-cpu/b1"
        facts = {"undisturbed": 0.6, "speed": 0.8}
        made.append(record(latency(time, 0.005) | speed_up(ratio, 0.004), cell, **facts))
    return made


def test_of_twenty_pairs_of_equal_runs_at_most_one_is_said_to_differ() -> None:
    generator = random.Random(1)
    claims = 0
    for _ in range(100):
        found = compare(run(*drawn(generator)), run(*drawn(generator)))
        claims += any(effect.verdict in ("worse", "better") for effect in found.effects)
    assert claims <= 5


def test_a_cell_that_is_slower_by_four_percent_is_found_nine_times_in_ten() -> None:
    generator = random.Random(2)
    hits = 0
    for _ in range(100):
        found = compare(run(*drawn(generator)), run(*drawn(generator, slower=0.04)))
        hits += any(effect.verdict == "worse" and "prune:0.1/" in effect.cell for effect in found.effects)
    assert hits >= 90


def test_the_more_tests_the_more_each_has_to_show() -> None:
    changed = record(speed_up(2.0)), record(speed_up(1.93))
    others = [record(speed_up(2.0), f"cnn/prune:0.{n}/litert/host-cpu/b1") for n in range(1, 200)]
    alone = only(compare(run(changed[0]), run(changed[1])))
    crowd = compare(run(changed[0], *others), run(changed[1], *others))
    assert crowd.tests == 200
    (among,) = (effect for effect in crowd.effects if effect.cell == CELL)
    assert alone.p == among.p
    assert among.adjusted == pytest.approx(200 * (alone.p or 0))


NUMBERS = st.floats(1e-6, 1e3)


@given(NUMBERS, NUMBERS, st.floats(0, 0.5))
def test_to_and_fro_are_opposite_verdicts(old: float, new: float, share: float) -> None:
    there, back = (
        effect_of(latency(old, share), latency(new, share)),
        effect_of(latency(new, share), latency(old, share)),
    )
    if there.change and back.change:
        opposite = {"worse": "better", "better": "worse"}
        # Of a share so near to the smallest, one way can be beyond it and the other not.
        if min(abs(there.change), abs(back.change)) > there.smallest:
            assert back.verdict == opposite.get(there.verdict, there.verdict)
    for effect in (there, back):
        assert effect.low is not None
        assert effect.high is not None
        assert effect.low - 1e-9 <= (effect.change or 0) <= effect.high + 1e-9


# --- size, accuracy, memory, energy -----------------------------------------------------------------


def test_one_byte_more_is_worse_for_certain() -> None:
    effect = effect_of(size(1000), size(1001))
    assert (effect.verdict, effect.p) == ("worse", None)


def test_accuracy_is_a_difference_in_points_and_small_ones_are_not_told() -> None:
    effect = effect_of(accuracy(0.98), accuracy(0.97))
    assert effect.points
    assert effect.change == pytest.approx(-0.01)
    assert effect.harm == pytest.approx(0.01)
    assert effect.verdict == "worse"
    assert "over how many samples" in effect.reason
    assert effect_of(accuracy(0.98), accuracy(0.979)).verdict == "no difference shown"


def test_with_the_number_of_samples_accuracy_has_an_interval() -> None:
    few = effect_of(accuracy(0.98), accuracy(0.97), test_samples=360)
    many = effect_of(accuracy(0.98), accuracy(0.97), test_samples=100_000)
    assert (few.verdict, many.verdict) == ("no difference shown", "worse")
    assert few.low is not None
    assert many.low is not None
    assert few.low < many.low < -0.01


def test_none_wrong_of_ten_is_no_proof() -> None:
    effect = effect_of(accuracy(1.0), accuracy(0.9), test_samples=10)
    assert effect.verdict == "no difference shown"


def test_an_error_is_told_as_a_share_of_itself() -> None:
    mae = {"mae": Measurement(2.0, "1", "lower")}, {"mae": Measurement(2.2, "1", "lower")}
    effect = effect_of(*mae, metric="mae")
    assert (effect.verdict, effect.points) == ("worse", False)
    assert effect.change == pytest.approx(0.1)


def test_memory_has_to_change_by_five_percent_and_by_more_than_an_allocators_step() -> None:
    def memory(old: float, new: float) -> str:
        found = effect_of(
            {"peak_bytes": Measurement(old, "B", "lower")}, {"peak_bytes": Measurement(new, "B", "lower")}
        )
        return found.verdict

    assert memory(100e6, 110e6) == "worse"
    assert memory(100e6, 104e6) == "no difference shown"
    assert memory(1e6, 1.2e6) == "no difference shown"


def test_energy_is_compared_by_its_unit() -> None:
    joules = [{"energy": sampled(value, unit="J")} for value in (1.0, 1.2)]
    effect = effect_of(*joules)
    assert (effect.quantity, effect.verdict) == ("energy", "worse")


# --- what cannot be compared ------------------------------------------------------------------------


def everything(factor: float = 1.0) -> Record:
    memory = {"peak_bytes": Measurement(1e8 * factor, "B", "lower")}
    joules = {"energy": sampled(factor, unit="J")}
    return record(latency(1e-3 * factor) | accuracy(0.98) | size(1000) | memory | joules)


def test_of_another_processor_only_accuracy_and_size_are_compared() -> None:
    found = compare(run(everything()), run(everything(2), processor="Intel Xeon"))
    verdicts = {effect.quantity: effect.verdict for effect in found.effects}
    refused = {name for name, verdict in verdicts.items() if verdict == "cannot be compared"}
    assert refused == {"latency", "memory", "energy"}
    assert "AMD EPYC 7B13 -> Intel Xeon" in found.refusal


def test_who_insists_is_obeyed_and_it_shows() -> None:
    found = compare(run(everything()), run(everything(2), processor="Intel Xeon"), force=True)
    assert found.forced
    assert not found.refusal
    assert {effect.verdict for effect in found.effects if effect.quantity == "latency"} == {"worse"}
    assert not compare(run(everything()), run(everything()), force=True).forced


def test_what_was_simulated_does_not_depend_on_the_machine() -> None:
    simulated = [{"latency": Measurement(value, "s", "lower", "simulated")} for value in (1e-3, 1.1e-3)]
    found = compare(run(record(simulated[0])), run(record(simulated[1]), processor="Intel Xeon"))
    assert only(found).verdict == "worse"


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (Measurement(None, "s", "lower", "unavailable"), "no number in the new run"),
        (Measurement(1e-3, "s", "lower", "modelled"), "measured in the old run, modelled in the new one"),
        (Measurement(1.0, "ms", "lower"), "the units differ: s and ms"),
        (Measurement(1e-3, "s", "none"), "nothing says which way is better"),
        (Measurement(0.0, "s", "lower"), "a share of nothing cannot be told"),
        (Measurement(float("nan"), "s", "lower"), "no number in the new run"),
    ],
)
def test_what_cannot_be_compared_says_why(new: Measurement, reason: str) -> None:
    effect = effect_of(latency(1e-3), {"latency": new})
    assert (effect.verdict, effect.reason) == ("cannot be compared", reason)


@pytest.mark.parametrize("status", ["crashed", "skipped", "not run"])
def test_a_cell_that_only_one_run_has_measured_is_listed(status: Status) -> None:
    whole, lost = record(latency(1e-3)), replace(record({}), status=status, reason="because")
    found = compare(run(whole), run(lost))
    assert not found.effects
    assert [(one.cell, one.elsewhere, one.reason) for one in found.only_old] == [(CELL, status, "because")]
    assert [one.elsewhere for one in compare(run(), run(whole)).only_new] == ["not selected"]


def test_equal_cells_of_two_suites_are_not_mixed() -> None:
    one, other = record(size(1)), replace(record(size(2)), suite="test_other")
    found = compare(run(one, other), run(one, other))
    assert [effect.verdict for effect in found.effects] == ["no difference shown"] * 2
