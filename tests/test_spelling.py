"""Names with parameters: one thing has one spelling, and a wrong one says what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.errors import BadInput, UnknownName, nearest
from tradeoff.spelling import Parameter, Value, parse_values, spell, spell_value, split, usage

PRUNE = (
    Parameter("sparsity", float, 0.5, 0, 1, positional=True),
    Parameter("steps", int, 1, minimum=1),
    Parameter("schedule", str, "once", choices=("once", "cubic")),
    Parameter("global", bool, False),
)

values = st.fixed_dictionaries(
    {
        "sparsity": st.floats(0, 1),
        "steps": st.integers(1, 10**9),
        "schedule": st.sampled_from(("once", "cubic")),
        "global": st.booleans(),
    }
)


@given(values)
def test_what_is_spelled_reads_back_as_the_same_values(chosen: dict[str, Value]) -> None:
    name, arguments = split(spell("prune", PRUNE, chosen))
    assert name == "prune"
    assert parse_values("prune", PRUNE, arguments) == chosen


@given(values)
def test_a_spelling_can_be_selected_with_pytest_and_stands_in_a_chain(chosen: dict[str, Value]) -> None:
    assert not set(spell("prune", PRUNE, chosen)) & set("[](),@+/ ")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        name, arguments = split(text)
        parse_values(name, PRUNE, arguments)
    except BadInput as error:
        assert str(error)
    except UnknownName as error:
        assert "Known: global, schedule, sparsity, steps" in str(error)


def test_defaults_are_left_out_and_numbers_are_short() -> None:
    assert spell("prune", PRUNE, {"sparsity": 0.50, "steps": 1}) == "prune"
    assert spell("prune", PRUNE, parse_values("prune", PRUNE, ["0.80", "steps=3"])) == "prune:0.8:steps=3"
    assert spell_value(1e20) == "1e20"
    assert spell_value(2.0) == "2"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["2"], "prune: sparsity=2 is not a number from 0 to 1"),
        (["nan"], "is not a number from 0 to 1"),
        (["steps=0"], "steps=0 is not a whole number of at least 1"),
        (["steps=1.5"], "steps='1.5' is not a whole number of at least 1"),
        (["schedule=linear"], "schedule=linear is not one of once, cubic"),
        (["global=maybe"], "global='maybe' is not true or false"),
        (["0.5", "sparsity=0.6"], "sparsity is given twice"),
        (["0.5", "0.6"], "write prune:SPARSITY:steps=STEPS:schedule=SCHEDULE:global=GLOBAL"),
    ],
)
def test_a_wrong_value_says_what_would_be_valid(arguments: list[str], told: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_values("prune", PRUNE, arguments)
    assert told in str(caught.value)


def test_an_unknown_parameter_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'sparsity'"):
        parse_values("prune", PRUNE, ["sparcity=0.5"])


def test_a_required_parameter_that_is_missing_is_named() -> None:
    with pytest.raises(BadInput, match="distill: student is missing, a word; write distill:student=STUDENT"):
        parse_values("distill", (Parameter("student", str),), [])


def test_a_default_of_false_is_a_default() -> None:
    assert parse_values("x", (Parameter("flag", bool, False),), []) == {"flag": False}


def test_usage_of_something_without_parameters_says_so() -> None:
    assert usage("fp16", ()) == "fp16 takes no parameters"


def test_the_nearest_name_ignores_case_and_is_none_for_nonsense() -> None:
    assert nearest("LiteRT", ["litert", "keras"]) == "litert"
    assert nearest("zzzz", ["litert", "keras"]) is None


def test_of_very_many_names_those_that_begin_alike_are_told() -> None:
    known = [*(f"board{number}" for number in range(60)), *(f"stm32f{number}" for number in range(5))]
    text = str(UnknownName("device", "stm33", known))
    assert text.endswith("Known: stm32f0, stm32f1, stm32f2, stm32f3, stm32f4 and 60 more.")
    assert str(UnknownName("device", "nothing like it", known)).endswith(" and 45 more.")
