"""Plugins come through hooks; a broken one costs itself alone and is named."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import tradeoff
from tradeoff.registry import PluginSources, carries_hooks, load_registry
from tradeoff.vocabulary import Technique


def plugin(**hooks: object) -> SimpleNamespace:
    return SimpleNamespace(**{f"tradeoff_{name}": tradeoff.hookimpl(hook) for name, hook in hooks.items()})


def technique(name: str) -> object:
    return plugin(techniques=lambda: [Technique(name, "precision")])


def test_the_built_in_plugins_come_through_their_entry_points() -> None:
    registry = load_registry()
    assert {"dense", "cnn", "ds_cnn"} <= registry.models.keys()
    assert {"fp16", "dynamic", "int8"} <= registry.techniques.keys()
    assert {"keras", "litert"} <= registry.backends.keys()
    assert "host-cpu" in registry.devices
    assert {"terminal", "markdown", "csv"} <= registry.renderers.keys()
    assert registry.problems == ()
    assert registry.origins["backend", "litert"] == "litert"


def test_a_blocked_plugin_brings_nothing() -> None:
    registry = load_registry(PluginSources(blocked=("litert",)))
    assert "litert" not in registry.backends
    assert "keras" in registry.backends


def test_a_name_that_two_plugins_claim_is_told_with_both() -> None:
    registry = load_registry(plugins=[("one", technique("squeeze")), ("two", technique("squeeze"))])
    assert any(
        "technique 'squeeze' is claimed by plugins 'one' and 'two'; the first is used" in problem
        for problem in registry.problems
    )
    assert registry.origins["technique", "squeeze"] == "one"


def test_a_plugin_whose_hook_raises_is_named_and_the_rest_goes_on() -> None:
    def techniques() -> list[Technique]:
        raise RuntimeError("out of order")

    registry = load_registry(plugins=[("bad", plugin(techniques=techniques)), ("good", technique("squeeze"))])
    assert any("plugin 'bad'" in problem and "out of order" in problem for problem in registry.problems)
    assert "squeeze" in registry.techniques


def test_a_hook_that_gives_something_else_is_named() -> None:
    registry = load_registry(plugins=[("odd", plugin(techniques=lambda: ["squeeze"]))])
    assert any("gave a str, expected Technique" in problem for problem in registry.problems)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import does_not_exist", "No module named 'does_not_exist'"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_a_conftest_that_cannot_be_loaded_is_named(tmp_path: Path, source: str, told: str) -> None:
    path = tmp_path / "conftest.py"
    path.write_text(source)
    registry = load_registry(PluginSources(conftests=(str(path),)))
    assert any(str(path) in problem and told in problem for problem in registry.problems)
    assert "keras" in registry.backends


def test_a_conftest_brings_what_its_hooks_give(tmp_path: Path) -> None:
    path = tmp_path / "conftest.py"
    path.write_text(
        "import tradeoff\n"
        "@tradeoff.hookimpl\n"
        "def tradeoff_techniques():\n"
        "    return [tradeoff.Technique('mine', 'precision')]\n"
    )
    assert "mine" in load_registry(PluginSources(conftests=(str(path),))).techniques


def test_only_marked_functions_are_hooks() -> None:
    assert carries_hooks(technique("x"))
    assert not carries_hooks(SimpleNamespace(tradeoff_techniques=list))


def test_a_model_of_the_user_may_not_take_a_registered_name() -> None:
    registry = load_registry()
    with pytest.raises(tradeoff.BadInput, match="a model named 'cnn' is registered already; rename the file"):
        registry.with_own(registry.tasks["digits"], [registry.models["cnn"]])
