"""What can be asked for, on the command line and in scenarios, and what mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeoff.decide.scenarios import parse_scenario, read_scenario, shipped
from tradeoff.decide.wishes import LIMITS, Goal, Roles, check_limits, parse_goal, parse_limit
from tradeoff.errors import BadInput, TradeoffError


def test_an_objective_is_one_or_weighted_or_in_order() -> None:
    assert parse_goal("energy") == Goal("one", (("energy", 1.0),))
    assert parse_goal("accuracy:2, latency:0.5") == Goal("weighted", (("accuracy", 2.0), ("latency", 0.5)))
    assert parse_goal("accuracy > latency") == Goal("in order", (("accuracy", 1.0), ("latency", 1.0)))


@pytest.mark.parametrize("text", ["energy", "accuracy:2,latency:0.5", "accuracy>latency>size"])
def test_an_objective_is_told_as_it_is_written(text: str) -> None:
    assert str(parse_goal(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latancy", "unknown objective 'latancy'; did you mean 'latency'?"),
        ("", "unknown objective ''."),
        ("accuracy>accuracy", "--objective 'accuracy>accuracy' names accuracy twice; name it once"),
        ("accuracy:2,latency", "--objective 'accuracy:2,latency': 'latency' is not NAME:WEIGHT with a weight above 0"),
        ("accuracy:-1", "--objective 'accuracy:-1': 'accuracy:-1' is not NAME:WEIGHT"),
        ("accuracy:0,size:1", "--objective 'accuracy:0,size:1': 'accuracy:0' is not NAME:WEIGHT"),
    ],
)
def test_what_is_no_objective_is_named_with_what_would_be(text: str, message: str) -> None:
    with pytest.raises(TradeoffError) as error:
        parse_goal(text)
    assert str(error.value).startswith(message)


def test_a_share_above_one_is_no_accuracy_and_two_metrics_are_one_too_many() -> None:
    with pytest.raises(BadInput, match=r"'90' is more than all; write a share such as 0\.9, or 90%"):
        parse_limit("min-accuracy", "90", "--min-accuracy")
    with pytest.raises(BadInput, match="min-accuracy and max-error are both given"):
        check_limits([parse_limit("min-accuracy", "0.9", ""), parse_limit("max-error", "0.1", "")])


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_scenario_can_be_read_and_says_what_it_stands_for(name: str) -> None:
    wish = read_scenario(name)
    assert wish.title
    assert wish.summary
    assert wish.limits
    assert all(limit.why for limit in wish.limits)


def test_a_scenario_in_a_file_has_the_fields_of_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    limits = "\n".join(f'{name} = "{text}"' for name, text in (("max-latency", "3ms"), ("min-accuracy", "90%")))
    file.write_text(f'device = "stm32*"\nobjective = "size"\nallow = ["noisy"]\n{limits}\n', encoding="utf-8")
    wish = read_scenario(str(file))
    assert (wish.device, wish.model, str(wish.goal), wish.allow) == ("stm32*", "*", "size", {"noisy"})
    assert [(limit.name, limit.value) for limit in wish.limits] == [("max-latency", 0.003), ("min-accuracy", 0.9)]
    assert parse_scenario("min-accuracy = 0.9", "x").limits[0].value == 0.9
    assert set(LIMITS) >= {limit.name for limit in wish.limits}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = = b", "x is not TOML: "),
        (
            'max_latency = "3ms"',
            "x: 'max_latency' is no field of a scenario; did you mean 'max-latency'? Known:",
        ),
        ('max-latency = "3"', "x: max-latency '3' has no unit; "),
        ("max-latency = 3", "x: max-latency '3' has no unit; "),
        ("max-latency = true", "x: max-latency is True; write a text in quotes"),
        ("device = 3", "x: device is 3; write a text in quotes"),
        ('allow = ["everything"]', "x: unknown doubt in allow 'everything'."),
        ("allow = [[1]]", "x: unknown doubt in allow '[1]'."),
        ("why = 3", "x: why is 3; it is a table"),
        ('[why]\nmax-size = "small"', "x: why gives a reason for 'max-size', which is not a limit of this scenario"),
        ('objective = "speed"', "x: unknown objective 'speed'."),
    ],
)
def test_a_mistake_in_a_scenario_is_named_by_file_and_field(text: str, message: str) -> None:
    with pytest.raises(TradeoffError) as error:
        parse_scenario(text, "x")
    assert str(error.value).startswith(message)


def test_a_scenario_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(TradeoffError, match="unknown scenario 'wearible'; did you mean 'wearable'"):
        read_scenario("wearible")
    with pytest.raises(BadInput, match=r"none\.toml: there is no such file"):
        read_scenario(str(tmp_path / "none.toml"))
    (tmp_path / "large.toml").write_bytes(b"#" * 200_000)
    with pytest.raises(BadInput, match="it is no scenario"):
        read_scenario(str(tmp_path / "large.toml"))


# --- cascades ---------------------------------------------------------------------------------------


def test_a_scenario_asks_for_cascades_and_says_who_may_play_which_part() -> None:
    assert parse_scenario("", "x").cascade is None
    assert parse_scenario("cascade = false", "x").cascade is None
    assert parse_scenario("cascade = true", "x").cascade == Roles()
    assert parse_scenario("[cascade]\nsmall = 'dense/*'", "x").cascade == Roles("dense/*", "*")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cascade = 'yes'", "x: cascade is 'yes'; write true, or a table with the globs small and large"),
        ("[cascade]\nmiddle = 'a'", "x: cascade has the field 'middle'; known: small, large"),
        ("[cascade]\nsmall = 3", "x: cascade.small is 3; write a text in quotes"),
    ],
)
def test_what_is_no_cascade_is_told(text: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_scenario(text, "x")
    assert str(error.value) == message


def test_at_least_one_shipped_scenario_asks_for_cascades() -> None:
    assert {name for name in shipped() if read_scenario(name).cascade} == {"always-on", "frugal-service"}
