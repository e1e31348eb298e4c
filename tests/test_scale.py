"""``scale``: by hand, and by a search that keeps to its budget and its floor; what cannot be built is not trained."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from compressing import accuracy, job
from trained import NOISE, data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense
from tradeoff.plugins.scale.cost import cost
from tradeoff.plugins.scale.knobs import Knobs, scaled
from tradeoff.plugins.scale.search import MOST, Candidate, _order, candidates
from tradeoff.plugins.scale.technique import knobs_of, scale, tradeoff_techniques

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
QUICK = replace(dense.RECIPE, epochs=6)


@cache
def weights() -> list[Any]:
    training.set_seed(0)
    net = dense.build()
    part = tradeoff.Split(data().train.x[:640], data().train.y[:640])
    training.train(net, QUICK, part, data().validation, task(), 0, silent)
    found: list[Any] = net.get_weights()
    return found


def order(spelling: str, model: Any = None, **changes: Any) -> tradeoff.Rewriting:
    found = weights()
    if model is None:
        training.set_seed(0)
        model = dense.build()
        model.set_weights(found)
    (step,) = parse_chain(spelling, {one.name: one for one in tradeoff_techniques()}).model_steps
    return replace(job(model, dict(step.values), "scale"), **{"recipe": QUICK, **changes})


def units(model: Any) -> list[int]:
    return [layer.units for layer in model.layers if hasattr(layer, "units")]


def test_half_of_the_width_is_what_comes_without_a_word_and_is_trained_by_the_recipe() -> None:
    made = scale(order("scale"))
    assert units(made.model) == [152, 48, 10]
    assert made.epochs == QUICK.epochs
    assert made.facts["chosen"] == {"width": 0.5}
    assert accuracy(made.model) > 0.7
    assert made.facts["macs"][1] < 0.5 * made.facts["macs"][0]


@pytest.mark.parametrize(
    ("spelling", "knobs"),
    [
        ("scale", Knobs(0.5)),
        ("scale:0.25", Knobs(0.25)),
        ("scale:resolution=0.5", Knobs(resolution=0.5)),
        ("scale:1:depth=0.5", Knobs(depth=0.5)),
        ("scale:0.75:depth=0.5:resolution=0.5", Knobs(0.75, 0.5, 0.5)),
    ],
)
def test_a_knob_that_is_not_named_stays_where_it_is(spelling: str, knobs: Knobs) -> None:
    assert knobs_of(order(spelling).values) == knobs


@pytest.mark.parametrize(
    ("spelling", "kind", "told"),
    [
        ("scale:1", tradeoff.BadInput, "changes nothing; a half is width=0.5"),
        ("scale:0.5:for=memory", tradeoff.BadInput, "looks for width, depth and resolution itself"),
        ("scale:depth=0.5", tradeoff.Refused, "dense has no block that takes and gives the same shape"),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(spelling: str, kind: type[Exception], told: str) -> None:
    asked: list[str] = []
    with pytest.raises(kind, match=told):
        scale(order(spelling, progress=lambda text, done: asked.append(text)))
    assert asked == []


def test_a_users_file_without_a_recipe_is_trained_as_well() -> None:
    made = scale(order("scale:0.5:epochs=2", recipe=None))
    assert made.epochs == 2
    assert units(made.model)[-1] == 10


def test_zeros_of_the_model_before_are_told_to_be_gone() -> None:
    given = order("scale:epochs=1")
    kernel = training.structure.kernels(given.model)[0]
    kernel.assign(kernel * (abs(kernel) > 0.02))
    assert "zeros and clusters of the model before are gone" in scale(given).notes[0]


def test_the_same_seed_gives_the_same_model() -> None:
    one, other = (scale(order("scale:epochs=1")).model for _ in range(2))
    assert keras_files.content(one) == keras_files.content(other)


@pytest.mark.parametrize("purpose", ["latency", "memory", "energy"])
def test_candidates_are_few_and_cheaper_than_the_model_from_the_cheapest_on(purpose: str) -> None:
    model = cnn.build()
    whole = cost(model, purpose)
    found = candidates(model, purpose, whole)
    assert len(found) == MOST
    costs = [one.cost for one in found]
    assert costs == sorted(costs)
    assert costs[-1] < whole
    assert costs[0] < 0.1 * whole


def test_what_a_search_is_for_decides_what_is_worth_it() -> None:
    model = cnn.build()
    fewer_pixels = {
        purpose: cost(scaled(model, Knobs(resolution=0.5)), purpose) / cost(model, purpose)
        for purpose in ("latency", "memory")
    }
    # A quarter of the arithmetic, and all of the weights.
    assert fewer_pixels["latency"] < 0.3
    assert fewer_pixels["memory"] > 0.9


def test_a_search_trains_the_cheapest_that_is_good_enough_in_full() -> None:
    made = scale(order("scale:for=latency:loss=10", recipe=replace(QUICK, epochs=6)))
    facts = made.facts
    assert facts["for"] == "latency"
    before, after = facts["validation"]
    assert after >= before - 0.10 or made.notes
    assert facts["cost"] < 1
    assert facts["brief_epochs"] == 3
    assert made.epochs == 3 * len(facts["candidates"]) + 6 * facts["trained_in_full"]
    assert facts["trained_in_full"] <= 3
    assert [tuple(tensor.shape) for tensor in made.model.outputs] == [(None, 10)]


def test_a_search_that_finds_nothing_good_enough_says_so_and_gives_the_best() -> None:
    # Three epochs at a rate this small teach nothing.
    made = scale(order("scale:for=memory:loss=0:epochs=1:rate=0.00001"))
    (told,) = made.notes
    assert "trained in full is within loss=0 of the model's accuracy on validation" in told
    assert 1 <= made.facts["trained_in_full"] <= 3


def test_the_cheapest_that_learn_at_all_are_tried_first_and_the_most_accurate_last() -> None:
    def one(cost: float, brief: float) -> Candidate:
        return Candidate(Knobs(cost), cost, brief)

    found = [one(0.1, 0.3), one(0.2, 0.89), one(0.3, 0.9), one(0.4, 0.95), one(0.5, 0.94)]
    assert [each.cost for each in _order(found, 1)] == [0.2, 0.3, 0.4]
    # Of an error the smallest is best.
    assert [each.cost for each in _order([one(0.1, 9.0), one(0.2, 1.05), one(0.3, 1.0)], -1)] == [0.2, 0.3]
