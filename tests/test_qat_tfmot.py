"""``qat`` through tensorflow-model-optimization: weights and ranges come back, and int8 takes both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressing import applied, job, layers
from litert_nets import BACKEND, loaded, ordered
from trained import NOISE, data, trained_file

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.plugins import legacy_keras, precision
from tradeoff.plugins.prune import technique as prune
from tradeoff.plugins.qat import technique as qat

pytest.importorskip("tensorflow_model_optimization")
pytestmark = [
    pytest.mark.frameworks,
    *(pytest.mark.filterwarnings(line) for line in NOISE),
    # tf_keras says so of itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tf_keras"),
]
TECHNIQUES = [*qat.tradeoff_techniques(), *prune.tradeoff_techniques(), *precision.tradeoff_techniques()]
KNOWN = {technique.name: technique for technique in TECHNIQUES}
SPELLING = "qat:epochs=2:implementation=tfmot"


def values(spelling: str) -> dict[str, Any]:
    (step, *_) = parse_chain(spelling, KNOWN).model_steps
    return dict(step.values)


def right(outputs: Any) -> float:
    return float(np.mean(np.asarray(outputs).argmax(axis=1) == data().test.y))


def test_weights_and_ranges_come_back_and_the_int8_file_has_them(tmp_path: Path) -> None:
    before = keras_files.load_model(trained_file())
    (made,) = applied(SPELLING, TECHNIQUES)
    assert made.ranges is not None
    assert set(made.ranges) <= {tradeoff.INPUT, *(layer.name for layer in made.model.layers)}
    assert all(low <= 0.0 <= high and low < high for low, high in made.ranges.values())
    rectified = [name for name in made.ranges if name.startswith("re_lu")]
    assert rectified
    assert all(made.ranges[name][0] == 0.0 for name in rectified)
    moved = [np.abs(one - two).max() for one, two in zip(before.get_weights(), made.model.get_weights(), strict=True)]
    assert max(moved) > 0
    keras_files.save_model(made.model, tmp_path / "model.keras")
    order = replace(ordered(tmp_path, "int8", tmp_path / "model.keras"), ranges=made.ranges)
    outputs = loaded(BACKEND.convert(order)).bind(data().test.x)()
    # A quarter of the data and two epochs: as good as before within two points, of 360 samples.
    floor = right(keras_files.outputs_of(before, data().test.x)) - 0.02
    assert right(keras_files.outputs_of(made.model, data().test.x)) >= floor
    assert right(outputs) >= floor


def test_that_it_undoes_zeros_is_told() -> None:
    made = applied(f"prune:0.5:epochs=0+{SPELLING}", TECHNIQUES)[-1]
    assert made.notes == ("tfmot trained all weights freely: the zeros and clusters of before are gone",)
    assert max(row["sparsity"] for row in layers(made.model).values()) < 0.1


@pytest.mark.parametrize(
    ("spelling", "told"),
    [
        ("qat:implementation=tfmot:weights=per_tensor", "weights=per_channel only, not per_tensor"),
        ("qat:activations=symmetric:implementation=tfmot", "activations=asymmetric only, not symmetric"),
        ("qat:epochs=0:implementation=tfmot", "epochs must be 1 or more"),
    ],
)
def test_what_it_has_no_choice_of_is_refused_without_a_model(spelling: str, told: str) -> None:
    with pytest.raises(tradeoff.BadInput, match=told):
        qat.check(values(spelling), {})
    assert qat.check(values(spelling.replace(":implementation=tfmot", "")), {}) is None


def test_without_tfmot_it_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tradeoff.Requirement("no_such_module", "tensorflow-model-optimization")
    monkeypatch.setattr(legacy_keras, "_NEEDS", (missing,))
    found = qat.check(values(SPELLING), {})
    assert str(found) == "not installed: tensorflow-model-optimization: pip install 'tradeoff[tfmot]'"


def inner() -> Any:
    import keras
    from keras import layers as kl

    inside = keras.Sequential([keras.Input((64,)), kl.Dense(10, activation="softmax")], name="inside")
    return keras.Sequential([keras.Input((8, 8, 1)), kl.Flatten(), inside])


def apart() -> Any:
    import keras
    from keras import layers as kl

    first = kl.SeparableConv2D(4, 3, activation="relu")
    return keras.Sequential([keras.Input((8, 8, 1)), first, kl.Flatten(), kl.Dense(10, activation="softmax")])


@pytest.mark.parametrize("build", [inner, apart])
def test_a_model_that_tfmot_cannot_follow_is_refused_before_it_is_trained(build: Any) -> None:
    heard: list[str] = []
    asked = replace(job(build(), values(SPELLING), "qat"), progress=lambda text, done: heard.append(text))
    with pytest.raises(tradeoff.Refused, match="tfmot"):
        qat.qat(asked)
    assert heard == []
