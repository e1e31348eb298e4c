"""From options to the user's own model and data, and on to a worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradeoff import Model, Task
from tradeoff.errors import BadInput
from tradeoff.options import Settings
from tradeoff.own import Own, explain_own, own_from_json, own_spec, read_own
from tradeoff.own.model import OwnSpec


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "my.npz"
    x = np.random.default_rng(0).random((60, 4), dtype="float32")
    np.savez(path, x=x, y=np.arange(60) % 3)
    return path


def settings(**values: Any) -> Settings:
    return Settings({name.replace("_", "-"): value for name, value in values.items()}, {})


def test_nothing_of_ones_own_is_nothing() -> None:
    assert own_spec(settings()) is None
    assert read_own(settings(models=("cnn",))) is None
    assert explain_own(settings()) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model": ("my.keras",)}, "--tradeoff-model needs --tradeoff-data: "),
        ({"data": "my.npz"}, "--tradeoff-data needs --tradeoff-model FILE.keras"),
        ({"metric": "mae"}, "--tradeoff-metric is about your own data"),
        ({"preprocess": "divide:255"}, "--tradeoff-preprocess is about your own data"),
    ],
)
def test_one_half_without_the_other_says_what_is_missing(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        own_spec(settings(**given))


def test_every_option_about_the_data_reaches_the_specification() -> None:
    given = settings(
        model=("a.keras", "b.keras"), data="my.npz", preprocess="divide:255", kind="regression", metric="r2",
        loss="mae", outputs="values", seed="7", allow_code=True,
    )  # fmt: skip
    assert own_spec(given) == OwnSpec(
        ("a.keras", "b.keras"), "my.npz", "divide:255", "regression", "r2", "mae", "values", 7, allow_code=True
    )


def test_a_worker_makes_the_same_task_and_models_and_the_same_splits(data: Path) -> None:
    spec = OwnSpec((str(data.parent / "my.keras"),), str(data), seed=3)
    task = Task("my", lambda: None, "classification", "accuracy", "crossentropy", "probabilities", version="v")  # type: ignore[arg-type, return-value]
    model = Model("my", "my", file=data.parent / "my.keras", version="w")
    sent = json.loads(json.dumps(Own(spec, task, (model,)).to_json()))
    found, (found_model,) = own_from_json(sent)
    for name in ("name", "kind", "metric", "loss", "outputs", "version"):
        assert getattr(found, name) == getattr(task, name)
    assert (found_model.name, found_model.task, found_model.file, found_model.version) == ("my", "my", model.file, "w")
    again, _ = own_from_json(sent)
    np.testing.assert_array_equal(found.load().test.x, again.load().test.x)


def test_the_data_alone_can_be_explained(data: Path) -> None:
    text = "\n".join(explain_own(settings(data=str(data))))
    for told in (str(data), "x: shape (60, 4), float32", "judged by accuracy", "60 / 20 / 20 %", "test split: 12"):
        assert told in text
