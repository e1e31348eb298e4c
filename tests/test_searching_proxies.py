"""What ends a trial before it is trained or judged, and what may not."""

from __future__ import annotations

import pytest
from decided_runs import cell
from searched import TECHNIQUES

from tradeoff.chain import parse_chain
from tradeoff.decide.wishes import Wish, parse_goal, parse_limit
from tradeoff.searching.proxies import beyond, cannot_win, knowable, sketch_of, texts, with_leeway, without_size


def wish(goal: str, **limits: str) -> Wish:
    named = {name.replace("_", "-"): text for name, text in limits.items()}
    return Wish(parse_goal(goal), tuple(parse_limit(name, text, name) for name, text in named.items()))


@pytest.mark.parametrize(
    ("chain", "sketch"),
    [
        ("cut:0.25+int8", "cut:0.25:epochs=0+int8"),
        ("cut:0.25:epochs=20+share:4", "cut:0.25:epochs=0+share:4"),
        ("teach+fp16", "teach:epochs=1+fp16"),
        ("learn", "learn:epochs=0"),
        ("share:4+int8", None),
        ("int8", None),
        ("baseline", None),
    ],
)
def test_a_sketch_is_the_chain_with_the_least_training(chain: str, sketch: str | None) -> None:
    found = sketch_of(parse_chain(chain, TECHNIQUES), TECHNIQUES)
    assert (found.spelling if found else None) == sketch


def test_of_a_sketch_here_only_sizes_are_known_and_of_a_device_what_its_model_tells() -> None:
    asked = wish("size>accuracy", max_latency="1ms", min_accuracy="0.9")
    assert knowable(asked, here=True) == {"size"}
    assert knowable(asked, here=False) == {"size", "latency"}
    assert not knowable(wish("accuracy>size"), here=True)
    assert knowable(wish("accuracy", max_size="1kB"), here=True) == {"size"}


def test_a_limit_that_a_counted_number_is_beyond_ends_it_and_an_unknown_number_does_not() -> None:
    record = cell("cnn/cut", {"artifact_bytes": 71_000})
    asked = wish("accuracy", max_size="60kB", max_latency="1ms", min_accuracy="0.9")
    assert texts(beyond(record, asked)) == "size 71 kB is 11 kB (18 %) above max-size"
    assert not beyond(record, wish("accuracy", max_size="80kB", min_accuracy="0.9"))


def test_what_is_coded_may_become_a_tenth_smaller_by_training() -> None:
    asked = wish("accuracy", max_size="60kB")
    assert not beyond(with_leeway(cell("cnn/cut", {"artifact_bytes": 66_000})), asked)
    assert beyond(with_leeway(cell("cnn/cut", {"artifact_bytes": 67_000})), asked)


def test_what_has_bits_for_each_layer_is_not_held_against_a_size_before_it_is_trained() -> None:
    record = without_size(cell("cnn/cut", {"artifact_bytes": 71_000, "latency": 2e-3}))
    asked = wish("latency", max_size="60kB", max_latency="1ms")
    assert [one.about for one in beyond(record, asked)] == ["max-latency"]


def test_what_is_worse_than_something_that_fits_cannot_win_unless_quality_comes_first() -> None:
    record = cell("cnn/cut", {"artifact_bytes": 71_000})
    assert cannot_win(record, wish("size"), 60_000.0) == "size 71 kB is worse than 60 kB of one that fits"
    assert cannot_win(record, wish("size>accuracy"), 60_000.0)
    assert not cannot_win(record, wish("size"), 80_000.0)
    assert not cannot_win(record, wish("size"), None)
    assert not cannot_win(record, wish("accuracy>size"), -0.99)
    assert not cannot_win(record, wish("size:1,accuracy:2"), 60_000.0)
    assert not cannot_win(record, wish("latency"), 1e-6)
