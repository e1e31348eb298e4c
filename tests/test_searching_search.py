"""Which cells a search may try, and what makes it this search and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeoff.decide.wishes import Wish, parse_goal
from tradeoff.options import Settings
from tradeoff.registry import PluginSources
from tradeoff.searching.search import Asking, Search, search_for
from tradeoff.searching.space import Proposal


def searched(
    goal: str = "accuracy>size", seed: str = "0", device: str = "host-cpu", **asked: tuple[str, ...]
) -> Search:
    asking = Asking("cnn", device, Wish(parse_goal(goal)), **asked)
    return search_for(asking, Settings({"seed": seed}, {}), PluginSources())


def test_what_failed_by_itself_is_refused_with_more_in_front_of_it_on_that_backend() -> None:
    found = searched(backends=("litert", "onnxruntime"))
    failed = [Proposal("baseline", "litert"), Proposal("int8", "onnxruntime")]
    assert found.refusal(Proposal("prune", "litert"), failed) == "baseline failed on litert"
    assert found.refusal(Proposal("qat", "onnxruntime"), failed) == "int8 failed on onnxruntime"
    for other in (Proposal("qat", "litert"), Proposal("prune", "onnxruntime"), Proposal("fp16", "litert")):
        assert "failed on" not in found.refusal(other, failed)


def test_what_the_planner_of_a_run_refuses_is_refused() -> None:
    found = searched(device="rp2040@tflm")
    assert "TFLM does not unpack" in found.refusal(Proposal("fp16", "mcu"))
    assert "unknown technique" in found.refusal(Proposal("prun", "mcu"))


def test_another_goal_seed_or_space_is_another_search_and_has_another_folder() -> None:
    folders = {
        searched().folder(None),
        searched(goal="size").folder(None),
        searched(seed="1").folder(None),
        searched(techniques=("prune", "int8")).folder(None),
    }
    assert len(folders) == 4
    assert searched().folder(None) in folders
    assert searched().folder("mine") == Path("mine")


def test_only_what_is_measured_here_makes_an_answer_one_that_may_differ() -> None:
    assert searched().timed == ()
    assert searched(goal="accuracy>latency").timed == ("latency",)
    assert searched(goal="ram").timed == ("ram",)
    assert searched(goal="accuracy>latency", device="rp2040@tflm").timed == ()


def test_on_a_device_nothing_but_its_own_backends_is_tried() -> None:
    assert searched(device="rp2040@tflm").space.backends == ("mcu",)
    assert searched(device="rpi4@xnnpack-4t").space.backends == ("litert",)


@pytest.mark.parametrize("model", ["dense", "ds_cnn"])
def test_each_model_has_a_search_of_its_own(model: str) -> None:
    asking = Asking(model, "host-cpu", Wish(parse_goal("size")))
    found = search_for(asking, Settings({}, {}), PluginSources())
    assert found.folder(None).name.startswith(f"{model}-")
