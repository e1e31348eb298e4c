"""What a search may propose: legal chains, sensible values, and precisions that the backend has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from searched import SPACE, TECHNIQUES

from tradeoff.cell import parse_backend
from tradeoff.chain import parse_chain
from tradeoff.errors import BadInput, TradeoffError
from tradeoff.registry import load_registry
from tradeoff.searching.space import (
    Proposal,
    all_words,
    choices_for,
    default_words,
    dial_of,
    propose,
    space_of,
    values_of,
    yardsticks,
)
from tradeoff.spelling import Parameter


@dataclass
class Dice:
    """Chooses at random, or what it was told to."""

    random: random.Random = field(default_factory=lambda: random.Random(0))
    fixed: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        self.asked.append(name)
        return self.fixed.get(name) or self.random.choice(choices)

    def place(self, name: str, count: int) -> int:
        self.asked.append(name)
        return self.random.randrange(count)


def test_every_proposal_is_a_chain_that_can_be_spelled_and_a_precision_that_the_backend_has() -> None:
    dice = Dice()
    for _ in range(500):
        found = propose(SPACE, TECHNIQUES, dice)
        chain = parse_chain(found.chain, TECHNIQUES)
        assert chain.spelling == found.chain
        assert chain.precision_name in (*SPACE.precisions[found.backend], "int8")
        assert len(chain.model_steps) <= 2
        assert [step.technique for step in chain.model_steps] == sorted(
            (step.technique for step in chain.model_steps), key=["cut", "share", "learn"].index
        )


def test_what_a_technique_implies_is_not_proposed_against_it() -> None:
    for _ in range(50):
        found = propose(SPACE, TECHNIQUES, Dice(fixed={"first": "learn", "second": "none", "backend": "litert"}))
        assert found.chain in ("learn", "learn+pack")


def test_a_coding_is_only_proposed_where_weights_have_few_values() -> None:
    plain = Dice(fixed={"first": "cut", "second": "none", "backend": "litert", "precision on litert": "float32"})
    propose(SPACE, TECHNIQUES, plain)
    assert "coding" not in plain.asked
    for more in ({"first": "share"}, {"precision on litert": "int8"}):
        dice = Dice(fixed={**plain.fixed, **more})
        propose(SPACE, TECHNIQUES, dice)
        assert "coding" in dice.asked


def test_where_there_is_one_choice_nobody_is_asked() -> None:
    dice = Dice(fixed={"first": "none", "backend": "mcu"})
    assert propose(SPACE, TECHNIQUES, dice).chain in ("int8", "int8+pack")
    assert "precision on mcu" not in dice.asked


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (Parameter("share", float, 0.5, 0, 0.99), (0.05, 0.95, 19)),
        (Parameter("share", float, 0.5, 0.13, 0.99), (0.15, 0.95, 17)),
        (Parameter("values", int, 16, 2, 256), (2, 256, 8)),
        (Parameter("count", int, 1, 1, 4), (1, 4, 4)),
        (Parameter("width", float, 0.0, 0, 4), None),
        (Parameter("least", int, 512, 1), None),
        (Parameter("word", str, "a", choices=("a", "b")), None),
    ],
)
def test_a_bounded_number_has_a_ladder_of_values(
    parameter: Parameter, expected: tuple[float, float, int] | None
) -> None:
    values = values_of(parameter)
    assert (values[0], values[-1], len(values)) == expected if expected else not values


def test_a_word_stands_for_its_ladder_its_range_or_itself() -> None:
    assert dial_of("share", TECHNIQUES).steps[:3] == ("share:2", "share:4", "share:8")
    assert "cut" in dial_of("cut", TECHNIQUES).steps
    assert dial_of("cut:0.2..0.8/4", TECHNIQUES).steps == ("cut:0.2", "cut:0.4", "cut:0.6", "cut:0.8")
    assert dial_of("cut:0.3:epochs=2", TECHNIQUES).steps == ("cut:0.3:epochs=2",)
    assert dial_of("learn", TECHNIQUES).steps == ("learn",)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prun"], "unknown technique 'prun'; did you mean 'prune'?"),
        (["prune+int8"], "is a chain; name its techniques one by one"),
        (["prune", "prune:0.9"], "prune is named twice"),
        (["prune:2"], "sparsity=2 is not a number from 0 to 0.99"),
    ],
)
def test_a_mistake_in_a_technique_is_told(words: list[str], told: str) -> None:
    registry = load_registry()
    with pytest.raises(TradeoffError, match=told.replace("?", r"\?").replace(".", r"\.")):
        space_of(words, [parse_backend("litert", registry.backends)], registry)


def test_the_default_space_has_the_precisions_of_each_backend_and_no_coding_where_nothing_decodes() -> None:
    registry = load_registry()
    here, notes = default_words(registry, here=True)
    there, _ = default_words(registry, here=False)
    assert not notes
    assert set(here) - set(there) == {"huffman"}
    backends = [parse_backend(word, registry.backends) for word in ("litert", "mcu")]
    space = space_of(here, backends, registry)
    assert space.precisions == {"litert": ("float32", "fp16", "dynamic", "int8"), "mcu": ("float32", "int8")}
    assert yardsticks(space, ("baseline", "fp16", "dynamic", "int8"), registry.techniques)[:4] == [
        Proposal(chain, "litert") for chain in ("baseline", "fp16", "dynamic", "int8")
    ]


def test_all_words_are_in_an_order_that_ends_with_what_trains_for_a_precision() -> None:
    words = all_words(load_registry())
    assert words.index("channels") < words.index("prune") < words.index("cluster") < words.index("qat")
    assert words.index("distill") < words.index("prune")


def test_the_choices_for_a_yardstick_propose_just_that() -> None:
    for wanted in (Proposal("baseline", "litert"), Proposal("fp16", "litert"), Proposal("int8", "mcu")):
        assert propose(SPACE, TECHNIQUES, Dice(fixed=choices_for(wanted))) == wanted


def test_a_name_twice_is_told_with_the_range_that_was_meant() -> None:
    registry = load_registry()
    with pytest.raises(BadInput, match=r"prune:LOW\.\.HIGH/COUNT"):
        space_of(["prune:0.5", "prune:0.9"], [parse_backend("litert", registry.backends)], registry)
