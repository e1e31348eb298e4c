"""The recommendation held against brute force: what is chosen, what is said against the rest, what would change it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from decided_runs import cell, number, run, runs
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.decide.advice import Advice
from tradeoff.decide.candidates import Candidate, Doubt, doubts_of
from tradeoff.decide.fronts import dominates
from tradeoff.decide.objectives import OBJECTIVES, numbers_of
from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import LIMITS, Wish, parse_goal, parse_limit
from tradeoff.errors import BadInput
from tradeoff.record import Measurement, Record, Run

#: The first example imports NumPy, which a deadline would not forgive.
OFTEN = settings(deadline=None, max_examples=60)
GOALS = ("latency", "energy", "size", "accuracy", "accuracy>latency", "size>accuracy>energy", "accuracy:2,latency:1")
AMOUNTS = {
    "max-latency": ("1ms", "2ms", "4.5ms"),
    "max-size": ("1kB", "3kB", "8kB"),
    "max-ram": ("1MB", "2MB", "6MB"),
    "max-energy": ("1mJ", "4mJ"),
    "min-accuracy": ("0.6", "90%", "0.95"),
}


@st.composite
def wishes(draw: st.DrawFn, goals: Iterable[str] = GOALS) -> Wish:
    names = draw(st.lists(st.sampled_from(sorted(AMOUNTS)), max_size=3, unique=True))
    return wish(draw(st.sampled_from(sorted(goals))), {name: draw(st.sampled_from(AMOUNTS[name])) for name in names})


def wish(goal: str = "accuracy>latency", limits: Mapping[str, str] | None = None, *allow: Doubt) -> Wish:
    told = tuple(parse_limit(name, text, f"--{name}") for name, text in (limits or {}).items())
    return Wish(parse_goal(goal), told, allow=frozenset(allow))


def limited(asked: Wish, name: str, text: str) -> Wish:
    others = tuple(limit for limit in asked.limits if limit.name != name)
    return replace(asked, limits=(*others, parse_limit(name, text, f"--{name}")))


def answer(one: Run, asked: Wish) -> Advice:
    (advice,) = recommend([one], asked).advice
    return advice


def fits(record: Record, asked: Wish) -> bool:
    """The same question, asked of the record in the plainest way."""
    numbers, timed = numbers_of(record), {"latency", "energy", "p99", "throughput"}
    used = {*asked.goal.names, *(limit.objective for limit in asked.limits)}
    spoilt = {"noisy", "overloaded"} if used & timed else set()
    spoilt |= {"parity"} | ({"floor"} if "accuracy" not in {limit.objective for limit in asked.limits} else set())
    if used - numbers.keys() or (doubts_of(record).keys() & spoilt) - asked.allow:
        return False
    return all(
        numbers[limit.objective].value <= limit.value if limit.most else numbers[limit.objective].value >= limit.value
        for limit in asked.limits
    )


def costs(candidate: Candidate) -> list[float]:
    return [candidate.numbers[name].cost if name in candidate.numbers else math.inf for name in OBJECTIVES]


@OFTEN
@given(runs(), wishes())
def test_the_choice_fits_and_there_is_one_exactly_when_anything_does(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    fitting = [record.cell.spelling for record in one.records if fits(record, asked)]
    assert (advice.choice is not None) == bool(fitting)
    if advice.choice is not None:
        assert advice.choice.spelling in fitting
        assert {r.candidate.spelling for r in advice.rejected if r.fits} == {*fitting} - {advice.choice.spelling}


@OFTEN
@given(runs(), wishes())
def test_nothing_that_fits_dominates_the_choice(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    if advice.choice is not None:
        ours = costs(advice.choice)
        assert not [r for r in advice.rejected if r.fits and dominates(costs(r.candidate), ours)]
        assert advice.standing != "dominated"


@OFTEN
@given(runs(), wishes(["latency", "energy", "size", "accuracy"]))
def test_the_choice_is_the_best_of_those_that_fit(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    if advice.choice is not None:
        (name,) = asked.goal.names
        best = min(numbers_of(record)[name].cost for record in one.records if fits(record, asked))
        assert advice.choice.numbers[name].cost == best


@OFTEN
@given(runs(), wishes(["accuracy>latency", "size>accuracy>energy"]))
def test_in_order_the_choice_is_tied_or_better_at_every_step(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    if advice.choice is None:
        return
    left = [numbers_of(record) for record in one.records if fits(record, asked)]
    for name in asked.goal.names[:-1]:
        best = min(numbers[name].cost for numbers in left)
        most = max(numbers[name].most for numbers in left if numbers[name].cost == best)
        worst = max(numbers[name].cost for numbers in left if numbers[name].least <= most)
        assert advice.choice.numbers[name].cost <= worst
        # Two that are equally good may have intervals of different widths: either may be the one to be tied with.
        if sum(numbers[name].cost == best for numbers in left) > 1:
            return
        left = [numbers for numbers in left if numbers[name].cost <= worst]
    last = asked.goal.names[-1]
    assert advice.choice.numbers[last].cost == min(numbers[last].cost for numbers in left)


@OFTEN
@given(runs(2), wishes(["latency", "energy", "size", "accuracy"]), st.floats(1.0, 4.0))
def test_more_room_never_makes_the_choice_worse(one: Run, asked: Wish, factor: float) -> None:
    before = answer(one, asked).choice
    for limit in asked.limits:
        wider = limit.value * factor if limit.most else limit.value / factor
        after = answer(
            one, replace(asked, limits=tuple(replace(o, value=wider) if o is limit else o for o in asked.limits))
        )
        if before is not None:
            assert after.choice is not None
            name = asked.goal.names[0]
            assert after.choice.numbers[name].cost <= before.numbers[name].cost


@OFTEN
@given(runs(2), wishes(["accuracy:2,latency:1", "size:1,energy:3,accuracy:0.5"]), st.floats(1.0, 4.0))
def test_more_room_never_makes_the_weighted_sum_worse(one: Run, asked: Wish, factor: float) -> None:
    advice = answer(one, asked)
    for limit in asked.limits:
        wider = limit.value * factor if limit.most else limit.value / factor
        more = answer(
            one, replace(asked, limits=tuple(replace(o, value=wider) if o is limit else o for o in asked.limits))
        )
        if advice.choice is not None and more.choice is not None and more.choice.spelling != advice.choice.spelling:
            (lost,) = (r for r in more.rejected if r.candidate.spelling == advice.choice.spelling)
            assert [reason.why for reason in lost.reasons] == ["goal"]
            assert (lost.reasons[0].by or 0.0) >= 0


@OFTEN
@given(runs(), wishes())
def test_every_reason_is_true(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    limits = {limit.name: limit for limit in asked.limits}
    told = {r.candidate.spelling for r in advice.rejected} | ({advice.choice.spelling} if advice.choice else set())
    assert told == {record.cell.spelling for record in one.records}
    for rejection in advice.rejected:
        assert rejection.reasons
        numbers = rejection.candidate.numbers
        for reason in rejection.reasons:
            if reason.why == "limit":
                limit = limits[reason.about]
                assert reason.value == numbers[limit.objective].value
                assert reason.by is not None
                assert reason.by > 0
                assert reason.by == pytest.approx(abs(numbers[limit.objective].value - limit.value))
            elif reason.why == "unknown":
                name = limits[reason.about].objective if reason.about in limits else reason.about
                assert name not in numbers
            elif reason.why == "doubt":
                assert reason.about in doubts_of(rejection.candidate.record)
            else:
                assert advice.choice is not None
                assert reason.by is not None
                assert reason.by >= 0
                if reason.by > 0 and reason.about in OBJECTIVES and asked.goal.kind == "one":
                    assert numbers[reason.about].cost > advice.choice.numbers[reason.about].cost


@OFTEN
@given(runs(2), wishes())
def test_what_a_relaxation_promises_is_what_it_gives(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    for found in advice.relaxations:
        assert found.by > 0
        after = answer(one, limited(asked, found.limit.name, found.to))
        assert after.choice is not None
        assert after.choice.spelling == found.candidate.spelling
        assert advice.choice is None or after.choice.spelling != advice.choice.spelling


@OFTEN
@given(runs(2), wishes(["latency", "energy", "size", "accuracy", "accuracy:2,latency:1"]))
def test_with_less_room_than_a_limit_costs_the_choice_stays(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    seen = set()
    for found in advice.relaxations:
        if found.limit.name in seen:
            continue
        seen.add(found.limit.name)
        nearly = found.limit.value + (0.99 if found.limit.most else -0.99) * found.by
        after = answer(
            one, replace(asked, limits=tuple(replace(o, value=nearly) if o is found.limit else o for o in asked.limits))
        )
        assert (after.choice and after.choice.spelling) == (advice.choice and advice.choice.spelling)
    for limit in asked.limits:
        if limit.name not in seen:
            without = answer(
                one,
                replace(
                    asked,
                    limits=tuple(replace(o, value=1e9 if o.most else 0) if o is limit else o for o in asked.limits),
                ),
            )
            assert (without.choice and without.choice.spelling) == (advice.choice and advice.choice.spelling)


@OFTEN
@given(runs(2), wishes())
def test_what_makes_the_runner_up_the_choice_does_so(one: Run, asked: Wish) -> None:
    second = answer(one, asked).runner_up
    for option in [text for text in second.instead if text.startswith("--")] if second else []:
        name, text = shlex.split(option)
        after = answer(one, limited(asked, name.removeprefix("--"), text))
        assert after.choice is not None
        assert second is not None
        assert after.choice.spelling == second.candidate.spelling


@OFTEN
@given(runs(2), wishes())
def test_every_hint_is_true(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    for hint in advice.hints:
        if "--allow" in hint:
            name, doubt = hint.split()[0], hint.partition("--allow ")[2].partition(";")[0]
            choice = answer(one, replace(asked, allow=frozenset([doubt]))).choice  # type: ignore[list-item]
            assert choice is not None
            assert choice.name == name
            assert choice is not advice.choice
        elif " fits with " in hint:
            name, _, options = hint.partition(" fits with ")
            wider, words = asked, shlex.split(options)
            for option, text in zip(words[::2], words[1::2], strict=True):
                wider = limited(wider, option.removeprefix("--"), text)
            (record,) = (r for r in one.records if r.cell.spelling.startswith(f"{name}/"))
            assert fits(record, wider)
        else:
            objective = LIMITS[next(name for name in LIMITS if name in hint)][0]
            assert not any(objective in numbers_of(record) for record in one.records)


@OFTEN
@given(runs(2), wishes(["accuracy:2,latency:1", "size:1,energy:3,accuracy:0.5"]))
def test_within_the_told_weights_the_choice_stays(one: Run, asked: Wish) -> None:
    advice = answer(one, asked)
    for text in advice.weights:
        name = text.split()[2]
        for word, step in (("below", 0.5), ("above", 2.0)):
            if f"{word} " not in text:
                goal = [(n, w * step if n == name else w) for n, w in asked.goal.terms]
                moved = answer(one, replace(asked, goal=parse_goal(",".join(f"{n}:{w}" for n, w in goal)))).choice
                assert moved is not None
                assert advice.choice is not None
                score = [sum(w * s for w, s in _scaled(one, goal, c)) for c in (moved, advice.choice)]
                assert score[0] == pytest.approx(score[1])


def _scaled(one: Run, goal: list[tuple[str, float]], candidate: Candidate) -> list[tuple[float, float]]:
    """Each weight with the place of the candidate between the best and the worst of all."""
    found = []
    for name, weight in goal:
        known = [numbers[name].cost for r in one.records if name in (numbers := numbers_of(r))]
        value = candidate.numbers[name].cost
        if min(known) > 0:
            known, value = [math.log(cost) for cost in known], math.log(value)
        found.append((weight, (value - min(known)) / ((max(known) - min(known)) or 1)))
    return found


# --- doubts -----------------------------------------------------------------------------------------


def test_a_noisy_cell_is_not_chosen_for_its_latency_unless_that_is_put_up_with() -> None:
    one = run(cell("m/a", {"latency": 1e-3, "accuracy": 0.9}, "noisy"), cell("m/b", {"latency": 2e-3, "accuracy": 0.9}))
    advice = answer(one, wish("latency"))
    assert advice.choice is not None
    assert advice.choice.name == "m/b/litert"
    assert advice.hints == ("m/a/litert would be chosen with --allow noisy; better measure it again",)
    brave = answer(one, wish("latency", {}, "noisy"))
    assert brave.choice is not None
    assert brave.choice.name == "m/a/litert"
    assert brave.cautions[0] == "noisy: its timing is not to be relied on, which was put up with"


def test_noise_is_of_no_consequence_where_nothing_timed_decides() -> None:
    one = run(cell("m/a", {"artifact_bytes": 1e3}, "noisy"), cell("m/b", {"artifact_bytes": 2e3}))
    advice = answer(one, wish("size"))
    assert advice.choice is not None
    assert advice.choice.name == "m/a/litert"
    assert "the decision does not rest on that" in advice.cautions[0]


def test_a_limit_on_accuracy_takes_the_place_of_the_floor() -> None:
    one = run(cell("m/a", {"accuracy": 0.85, "latency": 1e-3}, "below floor 0.9"))
    assert answer(one, wish("latency")).choice is None
    assert answer(one, wish("latency", {"min-accuracy": "0.8"})).choice is not None


def test_what_nobody_measured_is_told() -> None:
    one = run(cell("m/a", {"energy": number("energy", 1e-3, provenance="modelled", note="from operations")}))
    assert answer(one, wish("energy")).cautions == ("energy is modelled, not measured: from operations",)


def test_a_limit_that_the_interval_passes_is_told() -> None:
    one = run(cell("m/a", {"latency": number("latency", 1e-3, 0.2), "accuracy": 0.9}, test_samples=100))
    cautions = answer(one, wish("latency", {"max-latency": "1.1ms", "min-accuracy": "0.85"})).cautions
    assert cautions == (
        "max-latency is kept by the estimate; the interval of latency goes to 1.2 ms",
        "min-accuracy is kept by the estimate; the interval of accuracy goes to 0.8256",
    )


def test_a_tie_in_what_decides_is_told() -> None:
    one = run(*(cell(f"m/{n}", {"latency": number("latency", v, 0.1)}) for n, v in (("a", 1e-3), ("b", 1.05e-3))))
    assert answer(one, wish("latency")).cautions == (
        "latency cannot be told from that of m/b/litert: the intervals overlap",
    )


def test_a_weighted_choice_that_nothing_tells_from_another_says_so() -> None:
    one = run(*(cell(f"m/{n}", {"latency": number("latency", v, 0.1)}) for n, v in (("a", 1e-3), ("b", 1.05e-3))))
    assert answer(one, wish("latency:2")).cautions == (
        "latency cannot be told from that of m/b/litert: the intervals overlap",
    )


def test_the_memory_of_a_simulators_process_is_not_that_of_the_chip() -> None:
    numbers = {"peak_bytes": 30e6, "arena_bytes": 9e3}
    (chip, here) = recommend(
        [run(cell("m/a/tflm/stm32@tflm/b1", numbers, device_provenance="simulated"), cell("m/a", numbers))], wish("ram")
    ).advice
    assert [one.choice.numbers["ram"].name for one in (chip, here) if one.choice] == ["arena_bytes", "peak_bytes"]


def test_what_the_model_of_a_device_says_of_its_memory_goes_before_an_arena() -> None:
    numbers = {"ram_bytes": 13e3, "arena_bytes": 9e3}
    found = cell("m/a/tflm/stm32@tflm/b1", numbers, device_provenance="modelled")
    assert answer(run(found), wish("ram", {"max-ram": "12kB"})).choice is None
    assert answer(run(found), wish("ram", {"max-ram": "14kB"})).choice is not None


# --- groups -----------------------------------------------------------------------------------------


def test_a_cell_that_several_runs_have_measured_counts_once_and_the_newest_run_decides() -> None:
    old = run(cell("m/a", {"latency": 1e-3}), started="2026-01-01", name="old")
    new = run(cell("m/a", {"latency": 3e-3}), cell("m/b", {"latency": 2e-3}), started="2026-02-01", name="new")
    (advice,) = recommend([new, old], wish("latency")).advice
    assert advice.choice is not None
    assert advice.choice.name == "m/b/litert"
    assert advice.repeated == ("m/a/litert/host-cpu/b1",)


def test_another_machine_another_device_and_another_task_are_decided_by_themselves() -> None:
    numbers = {"latency": 1e-3}
    here = run(cell("m/a", numbers), cell("m/a/tflm/stm32@tflm/b1", numbers), cell("n/a", numbers, task="words"))
    there = run(cell("m/a", numbers), cores=2, started="2026-02-01")
    conditions = [advice.conditions for advice in recommend([here, there], wish("latency")).advice]
    assert [(c.task, c.device, c.machine[-1]) for c in conditions] == [
        ("digits", "host-cpu", "8"),
        ("digits", "stm32@tflm", "8"),
        ("words", "host-cpu", "8"),
        ("digits", "host-cpu", "2"),
    ]


def test_a_simulated_device_is_the_same_on_every_machine() -> None:
    runs = [
        run(
            cell(f"m/{name}/tflm/stm32@tflm/b1", {"latency": 1e-3}, device_provenance="simulated"),
            cores=cores,
            name=name,
        )
        for name, cores in (("a", 2), ("b", 8))
    ]
    (advice,) = recommend(runs, wish("latency")).advice
    assert advice.conditions.machine == ""
    assert len(advice.rejected) == 1


def test_no_number_and_a_number_that_is_none_are_the_same() -> None:
    odd = number("latency", math.nan)
    one = run(cell("m/a", {"latency": odd}), cell("m/b", {"latency": math.inf}), cell("m/c", {"latency": 1.0}))
    advice = answer(one, wish("latency"))
    assert advice.choice is not None
    assert advice.choice.name == "m/c/litert"
    assert [r.reasons[0].text for r in advice.rejected] == ["latency unavailable", "latency unavailable"]


def test_a_device_that_no_cell_has_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"no cell of these runs is asked for by --device 'gpu'.*devices host-cpu"):
        recommend([run(cell("m/a", {"latency": 1.0}))], replace(wish("latency"), device="gpu"))


def test_a_limit_that_has_the_wrong_direction_for_the_metric_is_an_error() -> None:
    with pytest.raises(BadInput, match=r"min-accuracy 0\.9: of mae, .* less is better; use max-error"):
        recommend([run(cell("m/a", {"mae": 0.3}))], wish("accuracy", {"min-accuracy": "0.9"}))
    best = answer(run(cell("m/a", {"mae": 0.3}), cell("m/b", {"mae": 0.2})), wish("accuracy", {"max-error": "0.25"}))
    assert best.choice is not None
    assert best.choice.name == "m/b/litert"


def test_a_metric_below_zero_can_be_limited_and_relaxed() -> None:
    one = run(
        *(cell(f"m/{n}", {"r2": Measurement(v, "1", "higher")}, metric="r2") for n, v in (("a", -0.5), ("b", -0.25)))
    )
    advice = answer(one, wish("accuracy", {"min-accuracy": "0.5"}))
    assert advice.choice is None
    (found,) = advice.relaxations
    assert (found.candidate.name, found.to) == ("m/b/litert", "-0.2500")
    assert answer(one, limited(wish("accuracy"), "min-accuracy", found.to)).choice is not None
