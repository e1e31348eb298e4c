from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.errors import BadInput
from tradeoff.own.preprocessing import PREPROCESSING, apply, parse_preprocessing, shape_after, spell_preprocessing

numbers = st.floats(min_value=-1e6, max_value=1e6).filter(lambda number: abs(number) > 1e-6)
steps = st.lists(
    st.sampled_from(["channels", "flatten"])
    | st.builds(lambda name, n: f"{name}:{n}".replace("e+", "e"), st.sampled_from(["divide", "multiply"]), numbers)
    | st.builds(lambda n: f"subtract:{n}".replace("e+", "e"), numbers),
    min_size=1,
    max_size=4,
).map("+".join)


@given(steps)
def test_a_canonical_spelling_reads_back_as_the_same_steps(text: str) -> None:
    parsed = parse_preprocessing(text)
    spelling = spell_preprocessing(parsed)
    assert parse_preprocessing(spelling) == parsed
    assert spell_preprocessing(parse_preprocessing(spelling)) == spelling


@given(steps, st.lists(st.integers(1, 4), max_size=3))
def test_the_announced_shape_is_the_shape_that_comes_out(text: str, shape: list[int]) -> None:
    parsed = parse_preprocessing(text)
    result = apply(parsed, np.zeros((2, *shape), np.uint8))
    assert result.shape == (2, *shape_after(parsed, tuple(shape)))
    assert result.dtype == np.float32


@given(st.text())
def test_any_text_gives_steps_or_an_error_for_a_person(text: str) -> None:
    try:
        parse_preprocessing(text)
    except BadInput as error:
        assert repr(text) in str(error)


def test_two_spellings_of_one_thing_become_one() -> None:
    assert (
        spell_preprocessing(parse_preprocessing(" divide:255.0 + subtract:number=5e-1 ")) == "divide:255+subtract:0.5"
    )


def test_steps_are_done_in_the_order_they_are_written() -> None:
    x = np.array([[0], [255]], np.uint8)
    assert apply(parse_preprocessing("divide:255+subtract:0.5+multiply:2"), x).tolist() == [[-1.0], [1.0]]
    assert apply(parse_preprocessing("subtract:255+multiply:2"), x).tolist() == [[-510.0], [0.0]]


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "i8", "f2", "f8", "?", ">i2"])
def test_without_steps_values_stay_as_they_are_and_become_float32(dtype: str) -> None:
    x = np.array([[0, 1], [1, 0]], dtype)
    result = apply((), x)
    assert result.dtype == np.float32
    assert (result == x).all()


def test_the_given_array_is_not_changed() -> None:
    x = np.ones((2, 2), np.float32)
    apply(parse_preprocessing("multiply:3"), x)
    assert (x == 1).all()


def test_no_text_is_no_step() -> None:
    assert parse_preprocessing("") == parse_preprocessing("  ") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("divide", "number is missing.*write divide:NUMBER"),
        ("divide:0", "divide by zero; write for instance divide:255"),
        ("divide:1e-60", "divide by zero"),
        ("divide:nan", "is not a number from"),
        ("multiply:inf", "is not a number from"),
        ("multiply:1e39", "is not a number from"),
        ("divide:abc", "'abc' is not a number"),
        ("divide:1:2", "'2' is not understood"),
        ("channels:3", "channels takes no parameters"),
        ("divid:255", "unknown preprocessing step 'divid'; did you mean 'divide'"),
        ("divide:255++flatten", "nothing before, between or after"),
        ("+", "nothing before, between or after"),
        ("1/255", "does not begin with a name"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        parse_preprocessing(text)


@pytest.mark.parametrize(
    ("text", "value", "told"),
    [("", 1e300, "float32"), ("multiply:1e38", 1e3, "multiply:1e38"), ("divide:1e-30", 1e20, "divide:1e-30")],
)
def test_values_that_leave_float32_are_told_with_the_step_that_made_them(text: str, value: float, told: str) -> None:
    with pytest.raises(BadInput, match=f"{told} makes values that are too large"):
        apply(parse_preprocessing(text), np.array([[value]]))


def test_every_step_has_a_line_for_a_person() -> None:
    assert set(PREPROCESSING) == {
        "resize", "divide", "subtract", "multiply", "channels", "gray", "channels_first", "flatten",
    }  # fmt: skip
    assert all(PREPROCESSING.values())
