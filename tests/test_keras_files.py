"""Keras files: what is written is the model, what is read is safe, and equal models are known as equal."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NOISE, data, trained_file

import tradeoff
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def sequential(units: int = 3) -> Any:
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(units, activation="relu"), keras.layers.Dropout(0.1), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *layers])


def branching(first: str = "left") -> Any:
    """Two branches of equal shape; the name says which of them is added to the input's other half."""
    import keras

    keras.utils.set_random_seed(1)
    entry = keras.Input((4,))
    left, right = (
        keras.layers.Dense(4, kernel_initializer="ones", activation=name)(entry) for name in ("relu", "tanh")
    )
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    last = {"left": left - right, "right": right - left}[first]
    return keras.Model(entry, inner(last))


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    model = sequential()
    keras_files.save_model(model, tmp_path / "m.keras")
    x = np.ones((5, 4), np.float32)
    loaded = keras_files.load_model(tmp_path / "m.keras")
    assert np.array_equal(keras_files.outputs_of(loaded, x), keras_files.outputs_of(model, x))


def test_the_optimizer_is_not_saved_and_the_model_keeps_it(tmp_path: Path) -> None:
    model = sequential()
    keras_files.save_model(model, tmp_path / "plain.keras")
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((4, 4)), np.ones((4, 2)))
    optimizer = model.optimizer
    keras_files.save_model(model, tmp_path / "trained.keras")
    assert model.compiled
    assert model.optimizer is optimizer
    sizes = [(tmp_path / name).stat().st_size for name in ("plain.keras", "trained.keras")]
    assert abs(sizes[1] - sizes[0]) < 200


def test_outputs_do_not_depend_on_the_size_of_the_parts() -> None:
    model = keras_files.load_model(trained_file())
    x = data().test.x[:50]
    assert np.allclose(keras_files.outputs_of(model, x, 7), keras_files.outputs_of(model, x), atol=1e-6)


def test_two_saves_have_one_content(tmp_path: Path) -> None:
    model = sequential()
    contents = {keras_files.content(model)}
    for name in ("a.keras", "b.keras"):
        keras_files.save_model(model, tmp_path / name)
        contents.add(keras_files.content(keras_files.load_model(tmp_path / name)))
    assert len(contents) == 1


@pytest.mark.parametrize("build", [sequential, branching])
def test_numbers_that_keras_gives_to_layers_do_not_matter(build: Any) -> None:
    one, other = build(), build()
    assert [layer.name for layer in one.layers] != [layer.name for layer in other.layers]
    assert keras_files.content(one) == keras_files.content(other)


def test_other_weights_are_another_content() -> None:
    model = sequential()
    before = keras_files.content(model)
    weights = model.get_weights()
    weights[0][0, 0] += 1e-6
    model.set_weights(weights)
    assert keras_files.content(model) != before


def test_another_architecture_is_another_content() -> None:
    model = sequential()
    model.layers[0].activation = __import__("keras").activations.tanh
    assert keras_files.content(model) != keras_files.content(sequential())


def test_the_way_layers_are_connected_matters() -> None:
    left, right = branching("left"), branching("right")
    assert all(np.array_equal(*pair) for pair in zip(left.get_weights(), right.get_weights(), strict=True))
    assert keras_files.content(left) != keras_files.content(right)


@pytest.mark.parametrize(
    ("kept", "told"), [(0, "is empty"), (10, "cut short"), (0.5, "cut short"), (0.99, "cut short")]
)
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, kept: float, told: str) -> None:
    whole = trained_file().read_bytes()
    path = tmp_path / "short.keras"
    path.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
    with pytest.raises(tradeoff.BadInput, match=rf"short\.keras .*{told}"):
        keras_files.load_model(path)


def test_a_zip_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(tradeoff.BadInput, match=r"other\.keras is a zip file with readme\.txt in it"):
        keras_files.load_model(path)


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(tradeoff.BadInput, match="there is no such file"):
        keras_files.load_model(tmp_path / "none.keras")
    with pytest.raises(tradeoff.BadInput, match="a folder"):
        keras_files.load_model(tmp_path)


def test_code_in_a_file_runs_only_when_it_is_permitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    path = tmp_path / "code.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)]).save(path)
    with pytest.raises(tradeoff.BadInput, match=r"code\.keras needs code .* a Lambda layer"):
        keras_files.load_model(path)
    # What a worker is told once must not outlast this test.
    monkeypatch.setattr(keras_files._PERMISSION, "given", False)
    keras_files.permit_code()
    loaded = keras_files.load_model(path)
    assert keras_files.outputs_of(loaded, np.ones((1, 4), np.float32)).tolist() == [[2.0, 2.0, 2.0, 2.0]]


def test_a_layer_that_nobody_registered_is_named(tmp_path: Path) -> None:
    import keras

    class Own(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    path = tmp_path / "own.keras"
    keras.Sequential([keras.Input((4,)), Own()]).save(path)
    with pytest.raises(tradeoff.BadInput, match=r"Own, which is not part of Keras") as caught:
        keras_files.load_model(path)
    assert "import the module that registers it, and tradeoff, in a conftest.py" in str(caught.value)


def test_a_layer_that_a_module_of_the_users_has_registered_is_loaded(tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable(package="mine")
    class Known(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x + 1.0

    path = tmp_path / "known.keras"
    keras.Sequential([keras.Input((4,)), Known()]).save(path)
    assert keras_files.outputs_of(keras_files.load_model(path), np.zeros((1, 4), np.float32)).sum() == 4
