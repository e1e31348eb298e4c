"""Keras's older ``.h5``: read in a process of its own, checked for code, loaded by Keras 3 like a ``.keras`` file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from trained import NOISE, data, trained_file

from tradeoff.errors import BadInput
from tradeoff.formats import keras_files
from tradeoff.own.model_file import inspect_model

h5py = pytest.importorskip("h5py", reason="pip install h5py")


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    """As Keras 2 wrote it: without a module."""
    return {"class_name": class_name, "config": config}


LAYERS = [
    layer("InputLayer", name="x", batch_input_shape=[None, 4], dtype="float32"),
    layer("Dense", name="dense", units=3, activation="softmax"),
]


def write(path: Path, *layers: dict[str, Any], config: Any = None) -> Path:
    whole = config or {"class_name": "Sequential", "config": {"name": "net", "layers": list(layers or LAYERS)}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = whole if isinstance(whole, str) else json.dumps(whole)
        file.create_group("model_weights").create_dataset("kernel", data=[[1.0] * 3] * 4)
    return path


def test_a_model_is_read_and_the_planning_process_imports_neither_a_framework_nor_the_library(tmp_path: Path) -> None:
    path = write(tmp_path / "net.h5")
    model = inspect_model(path)
    assert (model.name, model.finished, model.input_shape, model.output_size) == ("net.h5", "", (4,), 3)
    assert model.outputs("classification") == "probabilities"
    script = (
        "import sys; from pathlib import Path; from tradeoff.own.model_file import inspect_model;"
        f"inspect_model(Path({str(path)!r})); assert not {{'h5py', 'numpy', 'keras', 'tensorflow'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def bare_weights(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("dense").create_dataset("kernel", data=[1.0])


def linked(path: Path) -> None:
    write(path)
    with h5py.File(path, "a") as file:
        file["model_weights"]["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/secret")


def cut(path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:1500])


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda path: None, "there is no such file; an .h5 file is needed"),
        (lambda path: path.write_bytes(b"PK\x03\x04 a zip file"), "is not an HDF5 file, whatever its name says"),
        (cut, "is an HDF5 file that is damaged or cut short"),
        (bare_weights, "has no Keras model in it, only dense: weights alone do not do"),
        (linked, "'elsewhere' in its content is a link, which Keras never writes"),
        (lambda path: write(path, config="{"), "its attribute model_config is not JSON"),
        (lambda path: write(path, config={"class_name": "Sequential"}), "does not describe a Keras model"),
        (lambda path: write(path, layer("Lambda", name="mine", function=["4wEAAAA", None, None])), "a Lambda layer"),
        (
            lambda path: write(path, layer("TFOpLambda", name="add", function="math.add")),
            "TFOpLambda, which is not part",
        ),
        (
            lambda path: write(path, LAYERS[0], layer("Mine", name="mine")),
            "layer 'mine': Mine, which is not part of Keras",
        ),
    ],
)
def test_what_cannot_be_used_is_one_message_that_names_it(tmp_path: Path, prepare: Any, told: str) -> None:
    path = tmp_path / "net.h5"
    prepare(path)
    with pytest.raises(BadInput) as caught:
        inspect_model(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_code_is_read_over_when_it_is_allowed(tmp_path: Path) -> None:
    path = write(tmp_path / "net.h5", LAYERS[0], layer("Lambda", name="mine"), LAYERS[1])
    assert inspect_model(path, allow_code=True).output_size == 3


@pytest.mark.frameworks
@pytest.mark.filterwarnings(*NOISE)
def test_keras_loads_what_it_has_saved_in_the_older_format(tmp_path: Path) -> None:
    original = keras_files.load_model(trained_file())
    path = tmp_path / "net.h5"
    original.save(path)
    model = inspect_model(path)
    assert (model.input_shape, model.output_size) == ((8, 8, 1), 10)
    loaded = keras_files.load_model(path)
    # Equal weights, bit by bit; of the configuration the older format keeps less.
    for ours, theirs in zip(loaded.get_weights(), original.get_weights(), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    x = data().test.x[:20]
    assert keras_files.outputs_of(loaded, x).tobytes() == keras_files.outputs_of(original, x).tobytes()


@pytest.mark.frameworks
def test_what_keras_3_cannot_load_is_refused_with_its_reason(tmp_path: Path) -> None:
    odd = layer("Dense", name="dense", units=3, no_such_setting=True)
    path = write(tmp_path / "net.h5", LAYERS[0], odd)
    with pytest.raises(BadInput, match=r"net\.h5 cannot be loaded: .*") as caught:
        keras_files.load_model(path)
    assert "no_such_setting" in str(caught.value) or "Dense" in str(caught.value)
    with pytest.raises(BadInput, match="a Lambda layer"):
        keras_files.load_model(write(tmp_path / "code.h5", LAYERS[0], layer("Lambda", name="mine"), LAYERS[1]))
