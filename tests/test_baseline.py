"""What a cell is compared with: itself before any technique, the model that is named, or the first one given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tradeoff import Backend, Capabilities, Model, Requirement, Task, Technique
from tradeoff.baseline import baseline_of, can_be_had, check_baseline, reader_of
from tradeoff.cell import Cell, Load, parse_backend
from tradeoff.chain import parse_chain
from tradeoff.errors import UnknownName
from tradeoff.registry import Registry
from tradeoff.vocabulary import Conversion


class Runtime(Backend):
    name = "runtime"
    capabilities = Capabilities(precisions=("float32", "int8"), reads=(".tflite",))

    def convert(self, job: Conversion) -> Path:
        raise NotImplementedError


class Whole(Runtime):
    """Knows no float32, and is not installed."""

    name = "whole"
    capabilities = Capabilities(precisions=("int8",), reads=(".onnx", ".tflite"))
    requires = (Requirement("no_such_package", "no-such-package"),)


def never() -> Any:
    raise AssertionError("nothing is loaded to know what is compared with what")


MODELS = (
    Model("cnn", "digits"),
    Model("first", "own", file=Path("first.keras")),
    Model("second", "own", file=Path("second.keras")),
    Model("net.tflite", "own", file=Path("net.tflite"), finished=".tflite"),
    Model("net.onnx", "own", file=Path("net.onnx"), finished=".onnx"),
)
REGISTRY = Registry(
    tasks={name: Task(name, never) for name in ("digits", "own")},
    models={model.name: model for model in MODELS},
    techniques={"int8": Technique("int8", "precision")},
    backends={"whole": Whole(), "runtime": Runtime()},
)


def cell(model: str, chain: str = "baseline", backend: str = "runtime") -> Cell:
    chosen = parse_backend(backend, REGISTRY.backends)
    return Cell(model, parse_chain(chain, REGISTRY.techniques), chosen, "host-cpu", Load(8))


@pytest.mark.parametrize(
    ("model", "named", "expected"),
    [
        ("cnn", None, "cnn"),
        ("second", None, "second"),
        ("net.tflite", None, "first"),
        ("net.onnx", None, "first"),
        ("second", "first", "first"),
        ("first", "net.tflite", "net.tflite"),
        ("net.tflite", "net.onnx", "net.onnx"),
        # What has another task cannot be compared with it.
        ("cnn", "first", "cnn"),
        ("net.tflite", "cnn", "first"),
    ],
)
def test_the_model_that_one_is_compared_with(model: str, named: str | None, expected: str) -> None:
    found = baseline_of(REGISTRY, cell(model, "int8"), named)
    assert found == replace(cell(model), model=expected)


def test_the_first_given_may_be_finished_itself() -> None:
    registry = replace(REGISTRY, models={model.name: model for model in reversed(MODELS)})
    assert baseline_of(registry, cell("net.onnx"), None).model == "net.onnx"
    assert baseline_of(registry, cell("net.tflite"), None).model == "net.onnx"


def test_whether_a_baseline_can_be_had_on_the_same_backend() -> None:
    assert can_be_had(REGISTRY, cell("first"))
    assert not can_be_had(REGISTRY, cell("first", backend="whole"))
    assert can_be_had(REGISTRY, cell("net.tflite"))
    assert not can_be_had(REGISTRY, cell("net.onnx"))


def test_outputs_are_those_of_the_first_backend_that_is_installed_and_reads_it() -> None:
    found = reader_of(REGISTRY, "net.tflite")
    assert found is not None
    assert found.name == "runtime"
    assert reader_of(REGISTRY, "net.onnx") is None


def test_a_baseline_that_is_no_model_is_an_error_with_the_nearest() -> None:
    check_baseline(REGISTRY, None)
    check_baseline(REGISTRY, "second")
    with pytest.raises(UnknownName, match="unknown baseline model 'secnd'; did you mean 'second'"):
        check_baseline(REGISTRY, "secnd")
