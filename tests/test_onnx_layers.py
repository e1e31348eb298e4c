"""The export to ONNX: each layer answers as Keras does, graphs are short, and what is not known is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NOISE, conversion, data, loading

import tradeoff
from tradeoff.backends.onnx.backend import OnnxRuntimeBackend
from tradeoff.backends.onnx.export import check_export, export
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = OnnxRuntimeBackend()
IMAGE = (8, 8, 3)
#: Layers as they would be written behind ``keras.layers.``, for images of 8 x 8 and 3 channels.
FOR_IMAGES = (
    "Activation('gelu')",
    "Activation('hard_sigmoid')",
    "Activation('hard_silu')",
    "Activation('leaky_relu')",
    "Activation('log_softmax')",
    "Activation('mish')",
    "Activation('relu6')",
    "Activation('selu')",
    "Activation('silu')",
    "Activation('softplus')",
    "Activation('softsign')",
    "AveragePooling2D(3, strides=2, padding='same')",
    "BatchNormalization()",
    "BatchNormalization(center=False, scale=False)",
    "Conv2D(5, 3, activation='relu')",
    "Conv2D(5, 3, strides=2, padding='same')",
    "Conv2D(6, 3, groups=3, use_bias=False)",
    "Conv2D(5, 3, dilation_rate=2, padding='same')",
    "Conv2DTranspose(4, 3)",
    "Conv2DTranspose(4, 3, strides=2, padding='same')",
    "Conv2DTranspose(4, 2, strides=3, padding='same', use_bias=False)",
    "Cropping2D(((1, 2), (0, 1)))",
    "Dense(4, activation='tanh')",
    "Dense(4, use_bias=False)",
    "DepthwiseConv2D(3, strides=2, padding='same')",
    "DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)",
    "Dropout(0.5)",
    "ELU(0.5)",
    "GlobalAveragePooling2D(keepdims=True)",
    "GlobalMaxPooling2D()",
    "LayerNormalization()",
    "LayerNormalization(center=False, scale=False)",
    "LeakyReLU(0.1)",
    "MaxPooling2D(3, strides=2, padding='same')",
    "Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])",
    "PReLU()",
    "Permute((3, 1, 2))",
    "ReLU()",
    "ReLU(max_value=0.5)",
    "ReLU(negative_slope=0.2)",
    "Rescaling(2.0, offset=-1.0)",
    "Reshape((16, -1))",
    "SeparableConv2D(5, 3, padding='same', activation='elu')",
    "SeparableConv2D(5, 3, depth_multiplier=2, use_bias=False)",
    "Softmax()",
    "SpatialDropout2D(0.5)",
    "UpSampling2D(2)",
    "UpSampling2D((2, 3), interpolation='bilinear')",
    "ZeroPadding2D(((1, 2), (0, 3)))",
)
FOR_SEQUENCES = (
    "AveragePooling1D(2)",
    "BatchNormalization()",
    "Conv1D(5, 3, padding='causal', dilation_rate=2)",
    "Conv1D(5, 3, padding='same', strides=2)",
    "Conv1DTranspose(4, 3, strides=2)",
    "Cropping1D(2)",
    "Dense(3)",
    "DepthwiseConv1D(3)",
    "Flatten()",
    "GlobalAveragePooling1D()",
    "MaxPooling1D(2)",
    "SeparableConv1D(5, 3)",
    "UpSampling1D(2)",
    "ZeroPadding1D((1, 2))",
)


def layer(text: str) -> Any:
    import keras

    return eval(f"layers.{text}", {"layers": keras.layers})  # noqa: S307 - the texts stand above


def shaken(model: Any) -> Any:
    """``model`` with weights of which none is what layers begin with."""
    chance = np.random.default_rng(0)
    model.set_weights([np.abs(chance.normal(0.5, 0.2, w.shape)).astype(w.dtype) for w in model.get_weights()])
    return model


def sequential(shape: tuple[int, ...], *layers: Any) -> Any:
    import keras

    return shaken(keras.Sequential([keras.Input(shape), *layers]))


def compare(model: Any, *, kinds: list[str] | None = None) -> None:
    """Export it, have ONNX Runtime answer for batches of several sizes, and compare with Keras."""
    import onnx
    import onnxruntime

    made = export(model)
    onnx.checker.check_model(made, full_check=True)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(5, *model.input_shape[1:])).astype(np.float32)
    expected = keras_files.outputs_of(model, x)
    for size in (5, 1):
        (found,) = session.run(None, {"input": x[:size]})
        assert found.shape == expected[:size].shape
        assert np.allclose(found, expected[:size], rtol=1e-3, atol=1e-4)
    if kinds is not None:
        assert [node.op_type for node in made.graph.node] == kinds


@pytest.mark.parametrize("text", FOR_IMAGES)
def test_a_layer_for_images_answers_as_keras_does(text: str) -> None:
    compare(sequential(IMAGE, layer(text)))


@pytest.mark.parametrize("text", [text for text in FOR_IMAGES if not text.startswith("Global")])
def test_it_does_so_between_convolutions_where_channels_come_first(text: str) -> None:
    import keras

    inner = keras.layers.Conv2D(3, 1, name="first")
    if text.startswith(("Permute", "Reshape")):
        compare(sequential(IMAGE, inner, layer(text), keras.layers.Flatten(), keras.layers.Dense(2)))
    else:
        compare(sequential(IMAGE, inner, layer(text), keras.layers.Conv2D(2, 1), keras.layers.Flatten()))


@pytest.mark.parametrize("text", FOR_SEQUENCES)
def test_a_layer_for_sequences_answers_as_keras_does(text: str) -> None:
    import keras

    compare(sequential((12, 4), layer(text)))
    compare(sequential((12, 4), keras.layers.Conv1D(4, 1), layer(text)))


def test_a_volume_and_an_embedding_are_known() -> None:
    import keras

    compare(sequential((4, 4, 4, 2), keras.layers.Conv3D(3, 2), keras.layers.GlobalAveragePooling3D()))
    model = sequential((6,), keras.layers.Embedding(9, 3), keras.layers.Flatten())
    x = np.random.default_rng(0).integers(0, 9, (5, 6)).astype(np.float32)
    check_export(model, export(model).SerializeToString(), x)


@pytest.mark.parametrize("kind", ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "Concatenate"])
def test_branches_meet_in_one_order_of_axes(kind: str) -> None:
    import keras

    given = keras.Input(IMAGE)
    moved = keras.layers.Conv2D(3, 3, padding="same")(given)
    arguments = [given, moved, moved] if kind != "Subtract" else [given, moved]
    met = getattr(keras.layers, kind)()(arguments)
    compare(shaken(keras.Model(given, keras.layers.Conv2D(2, 1)(met))))
    compare(shaken(keras.Model(given, met)))


def test_sums_and_products_of_tensors_and_numbers_are_known() -> None:
    import keras

    given = keras.Input(IMAGE)
    moved = keras.layers.Conv2D(3, 3, padding="same")(given)
    scaled = 2.0 * moved - given / 3
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(scaled)
    compare(shaken(keras.Model(given, scaled * (1.0 - gate))))


def test_models_inside_models_and_layers_used_twice_are_known() -> None:
    import keras

    inner = keras.Sequential([keras.Input(IMAGE), keras.layers.Conv2D(3, 3, padding="same"), keras.layers.ReLU()])
    given = keras.Input(IMAGE)
    model = shaken(keras.Model(given, keras.layers.Flatten()(inner(inner(given)))))
    compare(model)
    assert sum(constant.data_type == 1 for constant in export(model).graph.initializer) == 2


def test_a_normalization_of_what_two_layers_read_is_not_folded() -> None:
    import keras

    given = keras.Input(IMAGE)
    moved = keras.layers.Conv2D(3, 3, padding="same")(given)
    compare(shaken(keras.Model(given, keras.layers.BatchNormalization()(moved) + moved)))


def test_a_small_net_is_the_shortest_graph() -> None:
    import keras

    block = [keras.layers.Conv2D(4, 3, use_bias=False), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    ending = [keras.layers.Flatten(), keras.layers.Dropout(0.1), keras.layers.Dense(2)]
    # One channel needs no transposition, the order of the flattened is in the weights, the normalization as well.
    compare(sequential((8, 8, 1), *block, *ending), kinds=["Reshape", "Conv", "Relu", "Flatten", "Gemm"])


def test_operators_are_called_as_their_layers_and_not_by_what_was_made_before() -> None:
    import keras

    model = sequential((4,), keras.layers.Dense(3, name="stem"), keras.layers.Dense(2, activation="relu"))
    assert [node.name for node in export(model).graph.node] == ["stem", "dense_1", "dense_1/Relu"]


def test_a_layer_nobody_knows_is_named() -> None:
    import keras

    with pytest.raises(tradeoff.Refused, match=r"not implemented here: .* does not know LSTM \(memory\)"):
        export(sequential((4, 3), keras.layers.LSTM(2, name="memory")))


def test_an_activation_of_ones_own_is_named(tmp_path: Path) -> None:
    import keras

    def wobble(x: Any) -> Any:
        return x + 1

    with pytest.raises(tradeoff.Refused, match="does not know the activation wobble"):
        export(sequential((4,), keras.layers.Dense(2, activation=wobble)))


def test_a_model_that_is_no_graph_of_layers_and_one_with_two_inputs_are_refused() -> None:
    import keras

    class Own(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    own = Own()
    own(np.zeros((1, 4), np.float32))
    with pytest.raises(tradeoff.Refused, match="one input and one output"):
        export(own)
    first, second = keras.Input((4,)), keras.Input((4,))
    with pytest.raises(tradeoff.Refused, match="one input and one output, not 2, 1"):
        export(keras.Model([first, second], keras.layers.Add()([first, second])))


def test_a_graph_that_answers_otherwise_than_keras_is_refused() -> None:
    import keras

    model = sequential((8, 8, 1), keras.layers.Flatten(), keras.layers.Dense(3))
    blob = export(model).SerializeToString()
    check_export(model, blob, data().calibration.x)
    shaken_otherwise = keras.models.clone_model(model)
    with pytest.raises(tradeoff.Refused, match="its answers are off by"):
        check_export(shaken_otherwise, blob, data().calibration.x)


def test_numbers_too_large_for_a_precision_are_refused(tmp_path: Path) -> None:
    import keras

    model = sequential((8, 8, 1), keras.layers.Flatten(), keras.layers.Dense(3))
    model.set_weights([weights * 1e6 for weights in model.get_weights()])
    path = tmp_path / "given.keras"
    keras_files.save_model(model, path)
    assert BACKEND.load(loading(BACKEND.convert(conversion(tmp_path, "bf16", path))))
    with pytest.raises(tradeoff.Refused, match="no numbers in this precision"):
        BACKEND.convert(conversion(tmp_path, "fp16", path))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_trained_in_mixed_precision_is_exported_in_float32(policy: str) -> None:
    import keras

    layers = [keras.layers.Conv2D(4, 3, dtype=policy), keras.layers.Flatten(), keras.layers.Dense(3, dtype=policy)]
    model = sequential((8, 8, 1), *layers, keras.layers.Softmax(dtype="float32"))
    made = export(model)
    assert {constant.data_type for constant in made.graph.initializer} == {1, 7}
    check_export(model, made.SerializeToString(), data().calibration.x)
