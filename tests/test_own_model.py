from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradeoff.errors import BadInput
from tradeoff.formats.keras_code import code_in
from tradeoff.own.data import DataSettings, read_data
from tradeoff.own.model import OwnModel, OwnSpec, build, check_fits, inspect_model
from tradeoff.own.model_file import safe_name
from tradeoff.spelling import NAME

Config = dict[str, Any]


# --- files made by hand -----------------------------------------------------------------------------


def layer(class_name: str, module: str | None = "keras.layers", **config: Any) -> Config:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def taking(*shape: int | None, **config: Any) -> Config:
    return layer("InputLayer", name="input", batch_shape=[None, *shape], dtype="float32", **config)


def dense(units: int = 3, activation: Any = "softmax", **config: Any) -> Config:
    return layer("Dense", name="dense", units=units, activation=activation, **config)


def sequential(*layers: Config) -> Config:
    return layer("Sequential", "keras", name="sequential", layers=list(layers))


def write(path: Path, config: Any, **members: bytes) -> Path:
    text = config if isinstance(config, (str, bytes)) else json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", b"numbers")
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "my.keras"


def test_shapes_outputs_and_layers_are_read_without_a_framework(path: Path) -> None:
    write(path, sequential(taking(8, 8, 1), layer("Flatten"), dense(3)))
    model = inspect_model(path)
    assert (model.name, model.path) == ("my", path)
    assert (model.input_shape, model.input_dtype, model.output_size) == ((8, 8, 1), "float32", 3)
    assert (model.last_activation, model.outputs("classification")) == ("softmax", "probabilities")
    assert model.layers == ("InputLayer", "Flatten", "Dense")
    script = (
        "import sys; from pathlib import Path; from tradeoff.own.model import inspect_model;"
        f"inspect_model(Path({str(path)!r}));"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("ending", "size", "activation"),
    [
        ([dense(3, "softmax")], 3, "softmax"),
        ([dense(3, "linear")], 3, "linear"),
        ([dense(3, None)], 3, "linear"),
        ([dense(1, "sigmoid"), layer("Dropout", rate=0.5)], 1, "sigmoid"),
        ([dense(4, "linear"), layer("Softmax")], 4, "softmax"),
        ([dense(4, "linear"), layer("Activation", activation="softmax")], 4, "softmax"),
        ([dense(4, layer("Softmax"))], 4, "softmax"),
        ([dense(4, layer("function", "builtins") | {"config": "softmax"})], 4, "softmax"),
        ([sequential(dense(5, "softmax"))], 5, "softmax"),
        ([layer("Conv2D", filters=7, activation="relu"), layer("GlobalAveragePooling2D")], 7, "linear"),
        ([dense(4), layer("Reshape", target_shape=[2, 2])], None, "softmax"),
    ],
)
def test_the_end_of_a_model_is_understood(path: Path, ending: list[Config], size: int | None, activation: str) -> None:
    model = inspect_model(write(path, sequential(taking(8), *ending)))
    assert (model.output_size, model.last_activation) == (size, activation)


@pytest.mark.parametrize(
    ("activation", "kind", "outputs"),
    [
        ("softmax", "classification", "probabilities"),
        ("linear", "classification", "logits"),
        ("linear", "regression", "values"),
        ("sigmoid", "regression", "values"),
    ],
)
def test_what_outputs_mean_follows_from_activation_and_task(
    path: Path, activation: str, kind: Any, outputs: str
) -> None:
    assert inspect_model(write(path, sequential(taking(8), dense(3, activation)))).outputs(kind) == outputs


def test_the_input_of_a_nested_or_built_model_is_found(path: Path) -> None:
    nested = sequential(sequential(taking(8, None), layer("Flatten")), dense())
    assert inspect_model(write(path, nested)).input_shape == (8, None)
    built = sequential(dense()) | {"build_config": {"input_shape": [None, 9]}}
    assert inspect_model(write(path, built)).input_shape == (9,)


@given(st.text(min_size=1, max_size=30))
def test_any_stem_becomes_a_name_that_can_stand_in_a_cell(stem: str) -> None:
    assert NAME.match(safe_name(stem, "model"))


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("My_Net-v1.2", "My_Net-v1.2"),
        ("7b", "model-7b"),
        ("a b/c:d+e", "a-b-c-d-e"),
        ("сеть", "model"),
        ("_x", "model-_x"),
    ],
)
def test_a_stem_is_kept_as_far_as_it_can_be(stem: str, name: str) -> None:
    assert safe_name(stem, "model") == name


# --- code in a file ---------------------------------------------------------------------------------

LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAAA", "defaults": None, "closure": None}}
MARSHALLED = {"value": ["4wEAAAAAAAAAAAAAAAEAAAADAAAA8wYAAACXAHwAUwCpAU6pACkB2gF4", None, None]}


def function(name: str, module: str, registered: str | None = None) -> Config:
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


CODE: dict[str, tuple[Config, str]] = {
    "a Lambda layer": (layer("Lambda", name="double", function=LAMBDA), "layer 'double': a Lambda layer"),
    "a lambda for an activation": (dense(3, LAMBDA), "layer 'dense': a lambda, stored as byte code"),
    "a marshalled activation": (dense(3, MARSHALLED), "layer 'dense': a lambda, stored as byte code"),
    "a registered class": (layer("L", None, name="l") | {"registered_name": "mine>L"}, "layer 'l': mine>L"),
    "a class of a package": (layer("L", "evil.layers", name="l"), "layer 'l': evil.layers.L"),
    "a class that only sounds like Keras": (layer("L", "kerasx.layers", name="l"), "kerasx.layers.L"),
    "a function of a package": (dense(3, function("system", "os")), "layer 'dense': os.system"),
    "a registered function": (dense(3, function("f", "builtins", "mine>f")), "mine>f"),
    "a function that fetches files": (dense(3, function("get_file", "keras.utils")), "keras.utils.get_file"),
    "a function that loads files": (dense(3, function("load_model", "keras.models")), "keras.models.load_model"),
    "a switch of Keras's own guards": (
        dense(3, function("enable_unsafe_deserialization", "keras.config")),
        "enable_unsafe_deserialization",
    ),
    "a way around through dots": (dense(3, layer("utils.get_file", "keras")), "utils.get_file"),
    "a class without a name": (dense(3, {"class_name": ["Lambda"], "config": {}}), "whose class has no name"),
    "a pickled torch module": (layer("TorchModuleWrapper", name="t"), "a TorchModuleWrapper layer"),
    "a graph from elsewhere": (layer("TFSMLayer", name="t", filepath="/tmp/x"), "a TFSMLayer layer"),
    "deep in nested models": (
        sequential(sequential(sequential(layer("Lambda", name="deep")))),
        "layer 'deep': a Lambda layer",
    ),
    "in a regularizer": (
        dense(3, kernel_regularizer=layer("R", "my.regularizers")),
        "layer 'dense': my.regularizers.R",
    ),
}


@pytest.mark.parametrize("code", CODE)
def test_code_in_a_file_is_refused_by_layer_unless_it_is_allowed(path: Path, code: str) -> None:
    bad, message = CODE[code]
    write(path, sequential(taking(8), bad, dense()))
    with pytest.raises(BadInput) as caught:
        inspect_model(path)
    assert message in str(caught.value)
    assert "--tradeoff-allow-code" in str(caught.value)
    assert "with all your rights" in str(caught.value)
    assert inspect_model(path, allow_code=True).output_size == 3


@pytest.mark.parametrize(
    "harmless",
    [
        dense(3, function("relu", "builtins", "function")),
        dense(3, layer("LeakyReLU", name="leaky")),
        layer("Softmax", "keras.src.ops.nn") | {"registered_name": "Softmax"},
        layer("Functional", "keras.src.engine.functional", layers=[]) | {"registered_name": "Functional"},
        dense(3, kernel_initializer=layer("GlorotUniform", "keras.initializers", seed=None)),
        dense(3, dtype=layer("DTypePolicy", "keras", name="mixed_bfloat16")),
        layer("Dropout", seed_generator=layer("SeedGenerator", "keras.src.random.seed_generator")),
    ],
)
def test_what_keras_writes_of_itself_is_not_taken_for_code(harmless: Config) -> None:
    assert list(code_in(sequential(taking(8), harmless))) == []


def test_a_loss_of_ones_own_does_not_matter_for_inference(path: Path) -> None:
    config = sequential(taking(8), dense()) | {"compile_config": {"loss": function("my_loss", "__main__", "my_loss")}}
    assert inspect_model(write(path, config)).output_size == 3


# --- what is refused --------------------------------------------------------------------------------


def functional(inputs: Any, outputs: Any) -> Config:
    return layer(
        "Functional",
        "keras.src.models.functional",
        layers=[taking(8), dense()],
        input_layers=inputs,
        output_layers=outputs,
    )


ODD_CONFIGS: dict[str, tuple[Any, str]] = {
    "not JSON": ("{broken", "config.json is not JSON"),
    "not text": (b"\xff\xfe\xff", "config.json is not JSON"),
    "endless nesting": ("[" * 200_000, "nested too deeply"),
    "a list": ([], "does not describe a Keras model"),
    "nothing": ({}, "does not describe a Keras model"),
    "an unbuilt model": (sequential(dense()), "saved before it was built.*keras.Input"),
    "no layers": (sequential(), "saved before it was built"),
    "text for input": (sequential(layer("InputLayer", batch_shape=[None, 1], dtype="string")), "its input is text"),
    "an odd shape": (sequential(layer("InputLayer", batch_shape=[None, "x"])), "does not say which shape"),
    "two inputs": (functional([["input", 0, 0], ["other", 0, 0]], [["dense", 0, 0]]), "it has 2 inputs"),
    "two outputs": (functional([["input", 0, 0]], {"a": ["dense", 0, 0], "b": ["dense", 0, 0]}), "it has 2 outputs"),
    "no outputs": (functional([["input", 0, 0]], []), "it has 0 outputs"),
}


@pytest.mark.parametrize("odd", ODD_CONFIGS)
def test_an_odd_configuration_is_told_with_the_file(path: Path, odd: str) -> None:
    config, message = ODD_CONFIGS[odd]
    with pytest.raises(BadInput, match=message) as caught:
        inspect_model(write(path, config))
    assert str(caught.value).startswith(str(path))


def test_models_nested_without_end_are_refused(path: Path) -> None:
    config = dense()
    for _ in range(100):
        config = sequential(config)
    with pytest.raises(BadInput, match="nested in it more than 50 deep"):
        inspect_model(write(path, config))


def make_saved_model(path: Path) -> None:
    path.mkdir()
    (path / "saved_model.pb").touch()


def make_zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")


OTHER_FILES: dict[str, tuple[Any, str]] = {
    "missing": (lambda path: None, "there is no such file"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (lambda path: path.write_text("hello"), "is not a .keras file"),
    "a folder": (lambda path: path.mkdir(), "is a folder without saved_model.pb"),
    "a SavedModel": (make_saved_model, "saved_model.pb is empty"),
    "HDF5": (
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)),
        r"looks like HDF5, Keras's older format; its name must end in \.h5",
    ),
    "LiteRT": (
        lambda path: path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(99)),
        r"looks like a LiteRT model; its name must end in \.tflite",
    ),
    "ONNX": (
        lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.1.0"),
        r"looks like ONNX; its name must end in \.onnx",
    ),
    "a pickle": (lambda path: path.write_bytes(b"\x80\x04\x95" + bytes(99)), "looks like a pickle, which is never"),
    "PyTorch": (lambda path: make_zip(path, "net/data.pkl"), "is a PyTorch file, not a .keras file"),
    "arrays": (lambda path: make_zip(path, "x.npy"), "is an .npz file of arrays"),
    "another zip": (lambda path: make_zip(path, "word/document.xml"), "a zip file with word/document.xml in it"),
    "an empty zip": (lambda path: make_zip(path), "a zip file with nothing in it"),
    "no weights": (lambda path: make_zip(path, "config.json"), "the model's weights are missing"),
}


@pytest.mark.parametrize("other", OTHER_FILES)
def test_another_file_is_told_for_what_it_is_and_what_to_do(path: Path, other: str) -> None:
    make, message = OTHER_FILES[other]
    make(path)
    with pytest.raises(BadInput, match=message) as caught:
        inspect_model(path)
    assert str(path) in str(caught.value)
    assert any(mend in str(caught.value) for mend in ("writes one", "must end in", "are taken"))


def test_a_damaged_weight_is_noticed(path: Path) -> None:
    write(path, sequential(taking(8), dense()))
    path.write_bytes(path.read_bytes().replace(b"numbers", b"nvmbers"))
    with pytest.raises(BadInput, match=r"is damaged: model\.weights\.h5 has other bytes"):
        inspect_model(path)


def test_a_configuration_of_absurd_size_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(65 * 1024**2))
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(BadInput, match="too many for a model"):
        inspect_model(path)


keys = st.sampled_from(
    [
        "class_name",
        "config",
        "module",
        "registered_name",
        "layers",
        "name",
        "batch_shape",
        "input_layers",
        "activation",
        "output_layers",
        "inbound_nodes",
        "args",
        "keras_history",
        "shape",
        "units",
        "build_config",
        "input_shape",
        "value",
    ]
)
words = st.sampled_from(
    ["Dense", "Sequential", "InputLayer", "keras", "keras.layers", "function", "__keras_tensor__", "x"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words | st.text(max_size=5)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=25
)
models = st.builds(
    lambda layers, rest: sequential(taking(8), *layers) | rest,
    st.lists(anything, max_size=4),
    st.dictionaries(keys, anything, max_size=3),
)


@given(anything | models, st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_configuration_gives_a_model_or_an_error_for_a_person(path: Path, config: Any, allow_code: bool) -> None:
    write(path, config)
    try:
        model = inspect_model(path, allow_code)
    except BadInput as error:
        assert str(path) in str(error)
    else:
        assert all(size is None or size > 0 for size in model.input_shape)


# --- does it fit the data? --------------------------------------------------------------------------


def save_data(path: Path, shape: tuple[int, ...] = (8, 8), classes: int = 3) -> Path:
    x = np.random.default_rng(0).normal(size=(60, *shape)).astype(np.float32)
    np.savez(path, x=x, y=np.arange(60) % classes if classes else x.reshape(60, -1)[:, :2])
    return path


@pytest.mark.parametrize(
    ("wanted", "given_", "mend"),
    [
        ((8, 8, 1), (8, 8), "add the step channels to --tradeoff-preprocess"),
        ((64,), (8, 8), "add the step flatten to --tradeoff-preprocess"),
        ((8, 6, 3), (3, 8, 6), "numpy.moveaxis"),
        ((8, 8), (8, 8, 1), r"x\[\.\.\., 0\]"),
        ((8, 8, 1), (8, 8, 3), "add the step gray"),
        ((3, 8, 8), (8, 8, 3), "add the step channels_first"),
        ((9, 9, 3), (8, 8, 3), "begin --tradeoff-preprocess with resize:9"),
        ((9, 9), (8, 8), "check that this file belongs to this model"),
    ],
)
def test_data_of_another_shape_is_told_with_the_mend(
    path: Path, tmp_path: Path, wanted: tuple[int, ...], given_: tuple[int, ...], mend: str
) -> None:
    model = inspect_model(write(path, sequential(taking(*wanted), dense())))
    data = read_data(save_data(tmp_path / "d.npz", given_), DataSettings(), 0)
    with pytest.raises(BadInput, match=mend) as caught:
        check_fits(model, data)
    assert str(path) in str(caught.value)
    assert str(data.source) in str(caught.value)


@pytest.mark.parametrize("step", ["channels", "flatten"])
def test_the_mend_that_was_told_mends_it(path: Path, tmp_path: Path, step: str) -> None:
    wanted = (8, 8, 1) if step == "channels" else (64,)
    model = inspect_model(write(path, sequential(taking(*wanted), dense())))
    check_fits(model, read_data(save_data(tmp_path / "d.npz"), DataSettings(preprocess=step), 0))


def test_axes_that_the_model_leaves_open_fit_any_length(path: Path, tmp_path: Path) -> None:
    model = inspect_model(write(path, sequential(taking(None, 8), dense())))
    check_fits(model, read_data(save_data(tmp_path / "d.npz"), DataSettings(), 0))


@pytest.mark.parametrize(
    ("units", "classes", "message"),
    [
        (3, 3, None),
        (1, 2, None),
        (4, 3, "gives 4 outputs, .* has 3 classes"),
        (1, 3, "gives 1 outputs"),
        (2, 0, None),
        (3, 0, "gives 3 values, .* has 2 for each sample"),
    ],
)
def test_outputs_are_compared_with_classes_and_values(
    path: Path, tmp_path: Path, units: int, classes: int, message: str | None
) -> None:
    model = inspect_model(write(path, sequential(taking(8, 8), dense(units))))
    data = read_data(save_data(tmp_path / "d.npz", classes=classes), DataSettings(), 0)
    if message is None:
        check_fits(model, data)
    else:
        with pytest.raises(BadInput, match=message):
            check_fits(model, data)


# --- task and models --------------------------------------------------------------------------------


@pytest.fixture
def spec(path: Path, tmp_path: Path) -> OwnSpec:
    write(path, sequential(taking(8, 8), dense()))
    return OwnSpec((str(path),), str(save_data(tmp_path / "my data.npz")))


def test_a_spec_survives_json_and_builds_the_same_in_every_process(spec: OwnSpec) -> None:
    again = OwnSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    (task, (model,)), (other_task, (other_model,)) = build(spec), build(again)
    assert (task.version, model) == (other_task.version, other_model)
    assert (task.load().train.x == other_task.load().train.x).all()


def test_the_task_and_the_model_carry_what_was_understood(spec: OwnSpec, path: Path) -> None:
    task, (model,) = build(spec)
    assert (task.name, task.kind, task.metric, task.loss) == ("my-data", "classification", "accuracy", "crossentropy")
    assert task.outputs == "probabilities"
    assert (model.name, model.task, model.file) == ("my", "my-data", path)


def test_versions_follow_content_and_settings_and_not_names(spec: OwnSpec, path: Path, tmp_path: Path) -> None:
    task, (model,) = build(spec)
    moved = Path(spec.data).rename(tmp_path / "renamed.npz")
    renamed = path.rename(tmp_path / "renamed.keras")
    other, (same_model,) = build(OwnSpec((str(renamed),), str(moved)))
    assert (other.version, same_model.version) == (task.version, model.version)


@pytest.mark.parametrize("change", [{"seed": 1}, {"preprocess": "divide:2"}, {"outputs": "logits"}])
def test_other_settings_are_another_version_of_the_task(spec: OwnSpec, change: Config) -> None:
    changed = OwnSpec.from_json({**spec.to_json(), **change})
    assert build(changed)[0].version != build(spec)[0].version


def test_two_spellings_of_one_preprocessing_are_one_version(spec: OwnSpec) -> None:
    one, other = (OwnSpec.from_json({**spec.to_json(), "preprocess": text}) for text in ("divide:2", "divide:2.0"))
    assert build(one)[0].version == build(other)[0].version


def test_declared_outputs_go_before_what_the_activation_says(spec: OwnSpec) -> None:
    declared = OwnSpec.from_json({**spec.to_json(), "outputs": "logits"})
    assert build(declared)[0].outputs == "logits"


def test_several_models_share_one_task(spec: OwnSpec, tmp_path: Path) -> None:
    other = write(tmp_path / "other.keras", sequential(taking(8, 8), layer("Flatten"), dense()))
    task, models_ = build(OwnSpec((*spec.models, str(other)), spec.data))
    assert [model.name for model in models_] == ["my", "other"]
    assert {model.task for model in models_} == {task.name}


def test_two_models_of_one_name_are_refused(spec: OwnSpec, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = write(tmp_path / "elsewhere" / "my.keras", sequential(taking(8, 8), dense()))
    with pytest.raises(BadInput, match="would both be called 'my'; rename one"):
        build(OwnSpec((*spec.models, str(other)), spec.data))


def test_models_that_give_different_things_are_refused(spec: OwnSpec, tmp_path: Path) -> None:
    other = write(tmp_path / "raw.keras", sequential(taking(8, 8), dense(3, "linear")))
    with pytest.raises(BadInput, match="the models give different things"):
        build(OwnSpec((*spec.models, str(other)), spec.data))


@pytest.mark.parametrize("data", [{}, {"models": []}, {"models": [], "data": "x", "colour": "red"}])
def test_a_spec_of_another_shape_is_refused(data: Config) -> None:
    with pytest.raises(BadInput, match="an own model is described by"):
        OwnSpec.from_json(data)


# --- real files, made by Keras ----------------------------------------------------------------------

MAKE_REAL_FILES = textwrap.dedent(
    """
    import keras
    from keras import Input, Model, Sequential, layers

    flat = lambda: [layers.Flatten(), layers.Dense(3)]
    conv = [Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), *flat(), layers.Softmax()]
    model = Sequential(conv)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save("sequential.keras")
    start = Input((8, 8, 1))
    scores = Sequential(flat())(layers.Rescaling(1 / 255)(start))
    Model(start, keras.activations.softmax(scores)).save("functional.keras")
    joined = layers.Flatten()(start)
    joined = layers.Dense(3)(joined) + layers.Dense(3)(joined)
    Model(start, layers.BatchNormalization()(joined)).save("branches.keras")
    Sequential([Input((8, 8, 1)), layers.Lambda(lambda x: x * 2, name="twice"), *flat()]).save("code.keras")
    other = Input((4,))
    Model([start, other], layers.Concatenate()([layers.Flatten()(start), other])).save("two.keras")
    Sequential(flat()).save("unbuilt.keras")
    """
)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, "-c", MAKE_REAL_FILES], cwd=folder, check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("name", "activation"), [("sequential", "softmax"), ("functional", "softmax"), ("branches", "linear")]
)
def test_a_real_file_is_understood(real: Path, name: str, activation: str) -> None:
    model: OwnModel = inspect_model(real / f"{name}.keras")
    assert (model.input_shape, model.output_size, model.last_activation) == ((8, 8, 1), 3, activation)


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("name", "message"),
    [("code", "layer 'twice': a Lambda layer"), ("two", "2 inputs"), ("unbuilt", "before it was built")],
)
def test_a_real_file_that_cannot_be_used_is_told_why(real: Path, name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        inspect_model(real / f"{name}.keras")


@pytest.mark.frameworks
def test_a_real_file_that_is_cut_short_anywhere_is_refused(real: Path, path: Path) -> None:
    content = (real / "sequential.keras").read_bytes()
    for part in range(20):
        path.write_bytes(content[: len(content) * part // 20])
        with pytest.raises(BadInput, match=r"cut short|is empty"):
            inspect_model(path)
