"""The choice of the threshold of a cascade against what it may know, and cascades among other candidates."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
from cascaded_runs import answered, small_runs, three
from decided_runs import cell, run
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.answers import Answers
from tradeoff.decide.advice import Advice
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.cascades import Cascade, cascade_of, points_of
from tradeoff.decide.counting import ABOVE, curve_of, stage_of, thresholds_of
from tradeoff.decide.fronts import dominates
from tradeoff.decide.objectives import OBJECTIVES, numbers_of, wilson
from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import Roles, Wish, parse_goal, parse_limit
from tradeoff.record import Record, Run

OFTEN = settings(deadline=None, max_examples=60)
ANYBODY = Roles()
LIMITS: tuple[dict[str, str], ...] = (
    *({}, {"min_accuracy": "0.9"}, {"max_latency": "9ms"}),
    {"min_accuracy": "0.9", "max_energy": "1mJ"},
)


def wish(goal: str, roles: Roles | None = ANYBODY, **limits: str) -> Wish:
    told = tuple(parse_limit(n.replace("_", "-"), text, n) for n, text in limits.items())
    return Wish(parse_goal(goal), told, cascade=roles)


def answer(one: Run, asked: Wish) -> Advice:
    (advice,) = recommend([one], asked).advice
    return advice


def cascades(advice: Advice) -> tuple[Cascade, ...]:
    assert advice.cascades is not None
    return advice.cascades.candidates


# --- two as one -------------------------------------------------------------------------------------


def at(threshold: float, one: Run) -> Cascade:
    """The dense net before the mobilenet, with a threshold of one's own."""
    advice = answer(one, wish("accuracy", None))
    everyone = {r.candidate.record.cell.model: r.candidate for r in advice.rejected}
    assert advice.choice is not None
    everyone[advice.choice.record.cell.model] = advice.choice
    small, large = everyone["dense"], everyone["mobilenet"]
    told = [Answers.from_json(c.record.facts["answers"]["test"], "") for c in (small, large)]
    stage = stage_of(curve_of(told[0], told[1], [threshold]), 0, len(told[0]))
    return cascade_of(small, large, threshold, stage, stage)


def test_at_zero_a_cascade_is_the_small_one_but_for_the_room_of_both() -> None:
    found = at(0.0, three())
    for name in ("accuracy", "latency", "energy"):
        assert found.numbers[name].value == pytest.approx(found.small.numbers[name].value)
    for name in ("size", "ram", "p99"):
        assert found.numbers[name].value == found.small.numbers[name].value + found.large.numbers[name].value


def test_above_one_it_is_the_large_one_at_the_cost_of_both() -> None:
    found = at(ABOVE, three())
    assert found.numbers["accuracy"].value == pytest.approx(found.large.numbers["accuracy"].value)
    for name in ("latency", "energy", "size", "ram", "p99"):
        both = found.small.numbers[name].value + found.large.numbers[name].value
        assert found.numbers[name].value == pytest.approx(both)


def test_its_intervals_know_that_another_split_would_pass_on_another_share() -> None:
    found = at(0.6, three())
    least, most = wilson(found.test.share, 500)
    small, large = (half.numbers["latency"] for half in found.halves)
    number = found.numbers["latency"]
    assert (number.low, number.high) == pytest.approx((small.low + least * large.low, small.high + most * large.high))
    accuracy = found.numbers["accuracy"]
    assert (accuracy.low, accuracy.high) == wilson(found.test.accuracy, 500)


def test_a_cascade_is_as_modelled_as_its_less_measured_half() -> None:
    one = three()
    modelled = replace(one.records[2].measurements["latency"], provenance="modelled", note="by a fit")
    large = replace(one.records[2], measurements={**one.records[2].measurements, "latency": modelled})
    found = at(0.6, replace(one, records=(*one.records[:2], large)))
    number = found.numbers["latency"]
    assert number.provenance == "modelled"
    assert number.note.startswith("by a fit; mean over requests, of which ")
    assert found.numbers["energy"].provenance == "measured"


def test_what_one_half_does_not_have_the_cascade_does_not_have() -> None:
    one = three()
    numbers = {n: m for n, m in one.records[2].measurements.items() if n != "energy"}
    found = at(0.6, replace(one, records=(*one.records[:2], replace(one.records[2], measurements=numbers))))
    assert "energy" not in numbers_of(found.record)
    assert found.record.measurements["energy"].note == "mobilenet/baseline/litert has none"


def test_a_cascade_has_the_doubts_of_both_but_a_floor_of_its_own() -> None:
    one = run(
        answered("dense/int8", 0.80, 1e-3, "below floor 0.9", floor=0.9),
        answered("mobilenet/baseline", 0.99, 20e-3, "noisy", floor=0.9),
    )
    low, high = at(0.0, one), at(ABOVE, one)
    assert low.doubts == {"noisy": "noisy: mobilenet/baseline/litert", "floor": "below floor 0.9"}
    assert high.doubts == {"noisy": "noisy: mobilenet/baseline/litert"}


# --- the choice -------------------------------------------------------------------------------------


def test_a_cascade_is_chosen_where_it_is_cheaper_than_all_that_are_good_enough() -> None:
    advice = answer(three(), wish("latency", min_accuracy="0.93"))
    assert isinstance(advice.choice, Cascade)
    assert advice.choice.numbers["accuracy"].value >= 0.93
    singles = [r.candidate for r in advice.rejected if not r.candidate.halves and r.fits]
    assert singles
    assert all(advice.choice.numbers["latency"].cost < one.numbers["latency"].cost for one in singles)
    assert answer(three(), wish("latency", None, min_accuracy="0.93")).choice in singles


def test_the_threshold_is_the_cheapest_that_is_accurate_enough_on_the_validation_split() -> None:
    advice = answer(three(), wish("latency", min_accuracy="0.93"))
    assert advice.cascades is not None
    for tried in advice.cascades.tried:
        good = [
            (int(passed), float(threshold))
            for threshold, passed, right in zip(
                tried.validation.thresholds, tried.validation.passed, tried.validation.accuracies, strict=True
            )
            if right >= 0.93
        ]
        if tried.cascade is not None:
            assert tried.cascade.threshold == min(good)[1]
        else:
            assert not good or min(good)[0] in (0, tried.validation.samples)


def shuffled(one: Run, seed: int) -> Run:
    """The same run with other answers to the test split, and other accuracies to go with it."""
    chance = random.Random(seed)

    def changed(record: Record) -> Record:
        told: dict[str, Any] = record.facts["answers"]
        right, sure = list(told["test"]["right"]), list(told["test"]["confidence"])
        chance.shuffle(sure)
        right = [chance.choice("01") for _ in right]
        test = {**told["test"], "right": "".join(right), "confidence": sure}
        accuracy = replace(record.measurements["accuracy"], value=right.count("1") / len(right))
        facts = {**record.facts, "answers": {**told, "test": test}}
        return replace(record, facts=facts, measurements={**record.measurements, "accuracy": accuracy})

    return replace(one, records=tuple(map(changed, one.records)))


@settings(deadline=None, max_examples=15)
@given(
    st.integers(0, 1000),
    st.sampled_from(["latency", "accuracy", "accuracy>latency", "energy>accuracy", "accuracy:2,latency:1"]),
    st.sampled_from(LIMITS),
)
def test_the_threshold_never_depends_on_the_test_split(seed: int, goal: str, limits: dict[str, str]) -> None:
    def told(one: Run) -> list[tuple[str, float | None, str]]:
        found = answer(one, wish(goal, **limits)).cascades
        assert found is not None
        return [(t.name, t.cascade.threshold if t.cascade else None, t.why) for t in found.tried]

    assert told(three(samples=120)) == told(shuffled(three(samples=120), seed))


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(["0.80", "0.85", "0.90", "0.95", "0.96", "0.99"]), st.sampled_from(["latency", "energy"]))
def test_what_is_promised_beside_a_cascade_is_what_is_given(least: str, goal: str) -> None:
    asked = wish(goal, min_accuracy=least, max_latency="6ms")
    advice = answer(three(), asked)
    for found in advice.relaxations:
        others = tuple(one for one in asked.limits if one.name != found.limit.name)
        limit = parse_limit(found.limit.name, found.to, "")
        assert answer(three(), replace(asked, limits=(*others, limit))).choice == found.candidate
    for option in advice.runner_up.instead if advice.runner_up else ():
        if option.startswith("--"):
            name, text = option.removeprefix("--").split()
            others = tuple(one for one in asked.limits if one.name != name)
            after = answer(three(), replace(asked, limits=(*others, parse_limit(name, text, ""))))
            assert advice.runner_up is not None
            assert after.choice == advice.runner_up.candidate


def test_every_cascade_says_how_much_it_passes_on_and_whether_the_large_one_is_as_cheap() -> None:
    one = run(answered("dense/int8", 0.75, 15e-3), answered("mobilenet/baseline", 0.97, 20e-3))
    advice = answer(one, wish("accuracy"))
    (rejected,) = [r for r in advice.rejected if r.candidate.halves] or [None]
    assert rejected is not None
    assert rejected.reasons[-1].text.startswith("passes on ")
    assert ": slower than the large one alone (" in rejected.reasons[-1].text
    assert math.isclose(rejected.reasons[-1].value or 0, cascades(advice)[0].test.share)


def test_where_one_alone_is_as_good_there_is_no_cascade_and_that_is_told() -> None:
    advice = answer(three(), wish("latency"))
    assert advice.cascades is not None
    assert advice.cascades.candidates == ()
    assert {one.why.partition(" is ")[0] for one in advice.cascades.tried} == {"by the validation split nothing"}


def test_where_no_threshold_is_good_enough_the_best_is_told() -> None:
    advice = answer(three(), wish("latency", min_accuracy="0.999"))
    assert advice.cascades is not None
    assert all(
        one.why.startswith("on the validation split no threshold keeps min-accuracy: accuracy is 0.9")
        for one in advice.cascades.tried
    )


# --- who may take part ------------------------------------------------------------------------------


def left_out(one: Run, asked: Wish) -> str:
    found = answer(one, asked).cascades
    assert found is not None
    return "; ".join(found.left_out)


def test_records_without_answers_are_told_and_left_out() -> None:
    one = three()
    old = cell("cnn/fp16", {"accuracy": 0.99, "latency": 2e-3}, test_samples=500)
    told = left_out(replace(one, records=(*one.records, old)), wish("accuracy"))
    assert told == "cnn/fp16/litert has no answers sample by sample, as records of older versions: measure again"
    bare = left_out(run(old), wish("accuracy"))
    assert "of 0 cells with answers no two make a cascade" in bare


def test_answers_to_other_samples_are_told_and_left_out() -> None:
    one = three()
    other = answered("cnn/fp16", 0.9, 2e-3, samples=400)
    told = left_out(replace(one, records=(*one.records, other)), wish("accuracy"))
    assert told == "cnn/fp16/litert has answers to other samples than the rest"


@pytest.mark.parametrize(
    "answers",
    [
        {"validation": {"right": "012"}, "test": {}},
        {"validation": 3, "test": 4},
        {"validation": {"right": "01", "confidence": [0.5], "of": 2}, "test": {}},
        {"validation": {"right": "", "confidence": [], "of": 0}, "test": {"right": "", "confidence": [], "of": 0}},
    ],
)
def test_broken_answers_are_told_and_left_out(answers: dict[str, Any]) -> None:
    one = three()
    broken = answered("cnn/fp16", 0.9, 2e-3, answers=answers)
    told = left_out(replace(one, records=(*one.records, broken)), wish("accuracy"))
    assert told == "cnn/fp16/litert has answers that are not what a record holds"


def test_broken_confidences_are_told_and_left_out() -> None:
    one = three()
    facts = dict(one.records[0].facts)
    facts["answers"]["validation"]["confidence"][3] = 17.0
    told = left_out(replace(one, records=(replace(one.records[0], facts=facts), *one.records[1:])), wish("accuracy"))
    assert told.startswith("dense/int8/litert, validation: its answers hold what is neither right nor wrong")


def test_a_noisy_cell_takes_part_only_where_that_is_put_up_with() -> None:
    noisy = run(answered("dense/int8", 0.8, 1e-3, "noisy"), answered("mobilenet/baseline", 0.97, 20e-3))
    asked = wish("accuracy", max_latency="10ms")
    assert "no cascade is made of dense/int8/litert (noisy), for that doubt" in left_out(noisy, asked)
    advice = answer(noisy, replace(asked, allow=frozenset(["noisy"])))
    assert isinstance(advice.choice, Cascade)
    assert any("put up with" in text for text in advice.cautions)
    hints = answer(noisy, asked).hints
    assert hints == (f"{advice.choice.name} would be chosen with --allow noisy; better measure it again",)


def test_only_requests_of_one_sample_and_only_classifications() -> None:
    batch = run(answered("dense/int8/litert/host-cpu/b8", 0.8, 1e-3))
    assert left_out(batch, wish("accuracy")) == "cascades are of requests with one sample, b1: this load is b8"
    errors = run(cell("m/a", {"mae": 0.3, "latency": 1e-3}))
    assert left_out(errors, wish("latency")) == "cascades are of classifications: the metric here is mae"


def test_who_plays_which_part_can_be_said() -> None:
    advice = answer(three(), wish("accuracy", Roles("dense/*", "cnn/*")))
    assert advice.cascades is not None
    assert [one.name for one in advice.cascades.tried] == ["dense/int8/litert>cnn/int8/litert"]
    assert "of mobilenet/* before *" in left_out(three(), wish("accuracy", Roles("mobilenet/*")))


def test_pairs_are_made_of_what_nothing_dominates_and_not_without_end() -> None:
    dominated = answered("vgg/int8", 0.75, 5e-3)
    one = three()
    advice = answer(replace(one, records=(*one.records, dominated)), wish("accuracy"))
    assert advice.cascades is not None
    assert not [t for t in advice.cascades.tried if "vgg" in t.name]
    many = run(*(answered(f"m{n}/int8", 0.5 + 0.03 * n, 1e-3 * (n + 1), samples=200) for n in range(16)))
    found = answer(many, wish("accuracy"))
    assert found.cascades is not None
    assert len(found.cascades.tried) == 60
    assert "more pairs: name the cells with --small and --large" in found.cascades.left_out[-1]


def test_the_told_points_hold_both_ends_and_the_chosen_threshold() -> None:
    advice = answer(three(), wish("latency", min_accuracy="0.93"))
    assert advice.cascades is not None
    tried = next(one for one in advice.cascades.tried if one.cascade is not None)
    assert tried.cascade is not None
    for split in ("validation", "test"):
        points = [one for one in points_of(tried) if one["split"] == split]
        assert len(points) <= 42
        assert (points[0]["share"], points[-1]["share"]) == (0.0, 1.0)
        (chosen,) = (one for one in points if one["threshold"] == tried.cascade.threshold)
        stage = tried.cascade.test if split == "test" else tried.cascade.validation
        assert chosen["accuracy"] == stage.accuracy


# --- everything together ----------------------------------------------------------------------------


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    goals = ["latency", "energy", "accuracy", "accuracy>latency", "energy>accuracy>size", "accuracy:2,latency:1"]
    amounts = {
        "max_latency": ("2ms", "4.5ms"),
        "max_energy": ("2mJ", "6mJ"),
        "max_size": ("3kB", "9kB"),
        "min_accuracy": ("0.5", "0.7", "90%"),
    }
    names = draw(st.lists(st.sampled_from(sorted(amounts)), max_size=3, unique=True))
    return wish(draw(st.sampled_from(goals)), **{name: draw(st.sampled_from(amounts[name])) for name in names})


def limited(asked: Wish, name: str, text: str) -> Wish:
    others = tuple(limit for limit in asked.limits if limit.name != name)
    return replace(asked, limits=(*others, parse_limit(name, text, f"--{name}")))


def worth(candidate: Candidate) -> list[float]:
    return [candidate.numbers[name].cost if name in candidate.numbers else math.inf for name in OBJECTIVES]


@OFTEN
@given(small_runs(), wishes())
def test_the_choice_keeps_all_limits_and_nothing_that_fits_dominates_it(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    if advice.choice is None:
        assert not any(r.fits for r in advice.rejected)
        return
    assert all(limit.kept(advice.choice.numbers[limit.objective]) for limit in asked.limits)
    ours = worth(advice.choice)
    assert not [r for r in advice.rejected if r.fits and dominates(worth(r.candidate), ours)]
    told = {r.candidate.spelling for r in advice.rejected} | {advice.choice.spelling}
    assert told == {*(r.cell.spelling for r in one.records), *(c.spelling for c in cascades(advice))}


@OFTEN
@given(small_runs(), wishes())
def test_whatever_is_promised_was_tried(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    for found in advice.relaxations:
        assert answer(one, limited(asked, found.limit.name, found.to)).choice == found.candidate
    for option in advice.runner_up.instead if advice.runner_up else ():
        if option.startswith("--"):
            name, text = option.removeprefix("--").split()
            assert advice.runner_up is not None
            assert answer(one, limited(asked, name, text)).choice == advice.runner_up.candidate
    for hint in advice.hints:
        if "--allow" in hint:
            doubt: Any = hint.partition("--allow ")[2].partition(";")[0]
            after = answer(one, replace(asked, allow=asked.allow | {doubt})).choice
            assert after is not None
            assert hint.startswith(f"{after.name} would be chosen")
        elif " fits with " in hint:
            name, _, options = hint.partition(" fits with ")
            wider, words = asked, options.split()
            for option, text in zip(words[::2], words[1::2], strict=True):
                wider = limited(wider, option.removeprefix("--"), text)
            then = answer(one, wider)
            assert then.choice is not None
            assert name == then.choice.name or any(r.candidate.name == name and r.fits for r in then.rejected)


@OFTEN
@given(small_runs(), wishes())
def test_without_cascades_the_answer_is_the_one_among_single_cells(one: Run, asked: Wish) -> None:
    """Where no pair competes, asking for cascades changes nothing."""
    advice = answer(one, asked)
    if not cascades(advice):
        assert advice.choice == answer(one, replace(asked, cascade=None)).choice


@OFTEN
@given(small_runs(), wishes())
def test_a_threshold_is_the_best_of_all_by_the_validation_split(one: Run, asked: Wish) -> None:
    if asked.goal.kind != "one":
        return
    (name,) = asked.goal.names
    for found in cascades(answer(one, asked)):
        splits = [Answers.from_json(half.record.facts["answers"]["validation"], "") for half in found.halves]
        costs = [half.numbers[name].value for half in found.halves] if name != "accuracy" else []
        best = math.inf
        for threshold in thresholds_of(splits[0]):
            curve = curve_of(*splits, [threshold])
            share, accuracy = float(curve.shares[0]), float(curve.accuracies[0])
            kept = all(
                limit.kept(replace(found.small.numbers[limit.objective], value=value))
                for limit in asked.limits
                if (value := _at(found, limit.objective, share, accuracy)) is not None
            )
            if kept:
                best = min(best, costs[0] + share * costs[1] if costs else -accuracy)
        ours = costs[0] + found.validation.share * costs[1] if costs else -found.validation.accuracy
        assert ours == pytest.approx(best)


def _at(found: Cascade, name: str, share: float, accuracy: float) -> float | None:
    """What a limit is held against at a threshold; nothing for what none moves."""
    if name == "accuracy":
        return accuracy
    both = [half.numbers.get(name) for half in found.halves]
    if name not in ("latency", "energy") or both[0] is None or both[1] is None:
        return None
    return both[0].value + share * both[1].value
