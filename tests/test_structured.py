"""Technique ``channels``: what is cut, what is told of it, and what is refused before anything is trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structured_nets import job, lively
from trained import NOISE, data, task, trained_file

import tradeoff
from tradeoff.accounting import account
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense, ds_cnn
from tradeoff.plugins.structured.graph import couple
from tradeoff.plugins.structured.ranking import ranked
from tradeoff.plugins.structured.rebuild import rebuilt
from tradeoff.plugins.structured.sensitivity import SHARES, sensitivity
from tradeoff.plugins.structured.technique import cut_channels, tradeoff_techniques
from tradeoff.training import set_seed, train

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = {technique.name: technique for technique in tradeoff_techniques()}


def untrained(text: str) -> str:
    """With nothing after the cut, and what is cut chosen in the quickest way."""
    return f"{text}:rank=l1:epochs=0"


def fresh() -> Any:
    return keras_files.load_model(trained_file())


def widths(model: Any) -> list[int]:
    return [layer.output.shape[-1] for layer in model.layers if "conv2d" in layer.name or "dense" in layer.name]


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("channels:0.5", "channels"),
        ("channels:0.25:of=channels", "channels:0.25:of=channels"),
        ("channels:rank=l1:multiple=4:rate=1e-3", "channels:multiple=4:rank=l1:rate=0.001"),
        ("channels:schedule=iterative:rounds=4", "channels:schedule=iterative"),
    ],
)
def test_it_has_one_spelling_for_one_thing(text: str, spelling: str) -> None:
    assert parse_chain(text, TECHNIQUES).spelling == spelling


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dense", ""),
        ("cnn", ""),
        ("ds_cnn", ""),
        ("dense", ":allocate=sensitivity"),
        ("ds_cnn", ":multiple=4:schedule=iterative:rounds=2"),
    ],
)
def test_half_of_the_macs_go_in_multiples(name: str, options: str) -> None:
    before = lively(name)
    made = cut_channels(job(before, untrained(f"channels{options}")))
    whole, left = account(before).macs, account(made.model).macs
    assert whole is not None
    assert left is not None
    assert 0.3 * whole < left <= 0.5 * whole
    assert made.facts["macs"] == [whole, left]
    multiple = 4 if "multiple" in options else 8
    assert all(last % multiple == 0 or last == first for first, *_, last in made.facts["channels"].values())
    assert widths(made.model)[-1] == 10
    assert made.epochs == 0


def test_a_share_of_channels_is_cut_in_every_layer() -> None:
    made = cut_channels(job(fresh(), untrained("channels:0.25:of=channels")))
    assert made.facts["channels"] == {"conv2d": [32, 24], "conv2d_1": [64, 48], "conv2d_2": [128, 96]}


def test_what_stays_whole_is_told_with_the_reason() -> None:
    made = cut_channels(job(fresh(), untrained("channels:0.2:multiple=32")))
    assert made.left_out == {
        "dense": "its channels are the model's outputs",
        "conv2d": "it has 32 channels, and they are cut in multiples of 32",
    }


def test_the_model_given_is_left_alone() -> None:
    model = fresh()
    before = keras_files.content(model)
    cut_channels(job(model, "channels:epochs=1"))
    assert keras_files.content(model) == before


def test_fine_tuning_mends_what_the_cut_has_broken() -> None:
    raw, tuned = (cut_channels(job(fresh(), f"channels:epochs={epochs}", recipe=ds_cnn.RECIPE)) for epochs in (0, 3))
    accuracy = [
        np.mean(keras_files.outputs_of(made.model, data().test.x).argmax(1) == data().test.y) for made in (raw, tuned)
    ]
    assert accuracy[1] > accuracy[0] + 0.2
    assert tuned.epochs == 3
    assert tuned.facts == raw.facts | {}


def test_rounds_cut_step_by_step_and_share_the_epochs() -> None:
    heard: list[str] = []
    trained: list[tradeoff.History] = []
    order = job(
        fresh(),
        "channels:schedule=iterative:rounds=3:epochs=4",
        trained=trained.append,
        progress=lambda text, done: heard.append(f"{text} {done:.2f}"),
    )
    made = cut_channels(order)
    assert all(len(sizes) == 4 and sizes == sorted(sizes, reverse=True) for sizes in made.facts["channels"].values())
    assert sum(text.startswith("epoch") for text in heard) == made.epochs == 4
    assert heard[-1].endswith("1.00")
    assert [one.after for one in trained] == [0, *accumulate(one.epochs for one in trained[:-1])]
    assert sum(one.epochs for one in trained) == 4


def test_the_same_order_gives_the_same_model() -> None:
    first, second = (cut_channels(job(fresh(), "channels:epochs=1")) for _ in range(2))
    assert keras_files.content(first.model) == keras_files.content(second.model)


def test_facts_are_plain_and_tell_the_sensitivity_of_each_layer() -> None:
    facts = json.loads(json.dumps(cut_channels(job(fresh(), untrained("channels"))).facts))
    assert list(facts["sensitivity"]) == ["whole", "conv2d", "conv2d_1", "conv2d_2"]
    assert set(facts["sensitivity"]["conv2d"]) == {f"{share:g}" for share in SHARES}
    assert set(facts["sensitivity"]["conv2d"]["0.5"]) == {"accuracy", "loss"}


def test_a_users_file_can_be_cut_written_and_read_again(tmp_path: Path) -> None:
    made = cut_channels(job(fresh(), untrained("channels"))).model
    keras_files.save_model(made, tmp_path / "small.keras")
    again = keras_files.load_model(tmp_path / "small.keras")
    x = data().validation.x
    assert np.array_equal(keras_files.outputs_of(again, x), keras_files.outputs_of(made, x))


def test_it_can_be_cut_twice() -> None:
    once = cut_channels(job(fresh(), untrained("channels:0.3")))
    again = cut_channels(job(once.model, untrained("channels:0.3")))
    assert again.facts["macs"][0] == once.facts["macs"][1]
    assert again.facts["cut"] >= 0.3


def test_a_model_for_any_size_is_counted_at_the_size_of_the_data() -> None:
    import keras

    layers = [
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.Conv2D(16, 3),
        keras.layers.GlobalMaxPooling2D(),
    ]
    model = keras.Sequential([keras.Input((None, None, 1)), *layers, keras.layers.Dense(10, activation="softmax")])
    made = cut_channels(job(model, untrained("channels")))
    assert made.facts["macs"][0] == 36 * 9 * 16 + 16 * 9 * 16 * 16 + 160
    assert made.facts["cut"] >= 0.5
    assert made.model.inputs[0].shape == (None, None, None, 1)


# --- what is refused --------------------------------------------------------------------------------


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeoff.training.train", lambda *_: pytest.fail("it trained"))


@pytest.mark.usefixtures("no_training")
def test_a_subclassed_model_is_refused_before_any_training() -> None:
    import keras

    class Mine(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.flat, self.dense = keras.layers.Flatten(), keras.layers.Dense(10)

        def call(self, x: Any) -> Any:
            return self.dense(self.flat(x))

    model = Mine()
    model(data().train.x[:1])
    with pytest.raises(tradeoff.Refused, match="mine is a subclassed model"):
        cut_channels(job(model))


@pytest.mark.usefixtures("no_training")
def test_a_model_with_nothing_to_cut_is_refused_with_the_reasons() -> None:
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(16), keras.layers.LayerNormalization(name="norm")]
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), *layers, keras.layers.Dense(10, activation="softmax", name="last")]
    )
    with pytest.raises(
        tradeoff.Refused, match=r"no layer whose channels can be cut.*go into norm.*last: its channels are"
    ):
        cut_channels(job(model))


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "channels:0.99",
            r"ds_cnn at most 9\d\.\d% of the MACs can be cut in multiples of 8, and amount=0.99 was asked",
        ),
        ("channels:multiple=128", "no layer of ds_cnn has more than multiple=128 channels .*the largest has 128"),
    ],
)
def test_what_cannot_be_reached_says_what_can(text: str, told: str) -> None:
    with pytest.raises(tradeoff.BadInput, match=told):
        cut_channels(job(lively("ds_cnn"), text))


# --- which channels go ------------------------------------------------------------------------------


def scores(how: str, model: Any) -> list[Any]:
    """For each group the scores of its channels."""
    coupling = couple(model)
    found = ranked(how, model, coupling, job(model))
    return [found[group.channels] for group in coupling.groups]


def test_by_size_a_channel_is_worth_its_weights() -> None:
    model = rebuilt(lively("residual"), {})
    stem, outer = (np.abs(model.get_layer(name).get_weights()[0]).sum(axis=(0, 1, 2)) for name in ("stem", "outer"))
    expected = (stem / stem.mean() + outer / outer.mean()) / 2
    coupling = couple(model)
    found = ranked("l1", model, coupling, job(model))[coupling.groups[0].channels]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_by_activation_a_channel_is_worth_what_it_gives() -> None:
    import keras

    model = fresh()
    given = keras.Model(model.inputs[0], model.get_layer("re_lu_4").output)
    expected = keras_files.outputs_of(given, data().calibration.x).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(scores("activation", model)[-1], expected / expected.mean(), rtol=1e-4)


def test_by_gradient_a_channel_is_worth_what_the_loss_would_be_without_it() -> None:
    """With one batch the score is the square of the derivative by a scale on the channel: taken here by differences."""
    import keras

    set_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(6, activation="tanh", name="neurons")]
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), *layers, keras.layers.Dense(10, activation="softmax", name="last")]
    )
    part = tradeoff.Split(data().train.x[:32], data().train.y[:32])
    coupling = couple(model)
    found = ranked("taylor", model, coupling, job(model, train=part))[coupling.groups[0].channels]

    def loss(scales: Any) -> float:
        kernel, bias = model.get_layer("last").get_weights()
        model.get_layer("last").set_weights([kernel * scales[:, None], bias])
        outputs = keras_files.outputs_of(model, part.x).astype(np.float64)
        model.get_layer("last").set_weights([kernel, bias])
        return float(-np.log(outputs[np.arange(32), part.y]).mean())

    steps = np.eye(6) * 1e-2
    slopes = [(loss(1 + step) - loss(1 - step)) / 2e-2 for step in steps]
    np.testing.assert_allclose(found, np.square(slopes), rtol=0.02, atol=1e-9)


@pytest.mark.parametrize("how", ["l1", "activation", "taylor"])
def test_a_channel_that_does_nothing_is_worth_least(how: str) -> None:
    model = fresh()
    filters, *rest = model.get_layer("conv2d_2").get_weights()
    filters[..., 5] = 0.0
    model.get_layer("conv2d_2").set_weights([filters, *rest])
    gamma, beta, *moving = model.get_layer("batch_normalization_4").get_weights()
    gamma[5] = beta[5] = 0.0
    model.get_layer("batch_normalization_4").set_weights([gamma, beta, *moving])
    found = scores(how, model)[-1]
    assert found[5] == pytest.approx(0.0, abs=1e-12)
    assert found.argmin() == 5 or how == "activation"


def test_looking_at_a_model_changes_nothing_of_it() -> None:
    model = fresh()
    before, coupling = keras_files.content(model), couple(model)
    sensitivity(model, coupling, ranked("taylor", model, coupling, job(model)), job(model))
    assert keras_files.content(model) == before


def test_sensitivity_is_the_loss_on_validation_with_a_part_of_one_group_cut() -> None:
    from tradeoff.quality import judge

    model = fresh()
    coupling = couple(model)
    found = ranked("l1", model, coupling, job(model))
    seen = sensitivity(model, coupling, found, job(model))
    group = coupling.groups[1]
    gone = group.channels[np.argsort(found[group.channels], kind="stable")][: len(group) // 2]
    outputs = keras_files.outputs_of(rebuilt(model, coupling.changes(gone)), data().validation.x)
    expected = judge(outputs, data().validation.y, task())
    assert seen.groups[1][SHARES.index(0.5)]["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert seen.rise(1, 32, 64) == pytest.approx(expected["loss"] - seen.whole["loss"], rel=1e-4)
    assert seen.rise(1, 64, 64) == 0.0


# --- other engines ----------------------------------------------------------------------------------

ON_JAX = """
import sys
import keras
assert keras.backend.backend() == "jax"
from structured_nets import job
from tradeoff.accounting import account
from tradeoff.formats import keras_files
from tradeoff.plugins.structured.technique import cut_channels
for rank in ("l1", "activation", "taylor"):
    order = job(keras_files.load_model(__import__("pathlib").Path(sys.argv[1])), f"channels:rank={rank}:epochs=1")
    made = cut_channels(order)
    print(rank, made.facts["cut"] >= 0.5, account(made.model).macs == made.facts["macs"][1])
"""


def test_it_works_on_jax() -> None:
    pytest.importorskip("jax", exc_type=ImportError)
    variables = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", ON_JAX, str(trained_file())]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [f"{rank} True True" for rank in ("l1", "activation", "taylor")], done.stderr


# --- what it costs ----------------------------------------------------------------------------------

SEEDS = range(3)
MODULES = {"dense": dense, "cnn": cnn, "ds_cnn": ds_cnn}


@cache
def trained(name: str, seed: int) -> Any:
    set_seed(seed)
    model = MODULES[name].build()
    train(model, MODULES[name].RECIPE, data().train, data().validation, task(), seed, lambda *_: None)
    return model


def losses(name: str, text: str) -> list[int]:
    """For each seed by how many of the 360 test samples the smaller model is worse."""
    found, test = [], data().test
    for seed in SEEDS:
        whole = trained(name, seed)
        small = cut_channels(job(whole, text, seed=seed, recipe=MODULES[name].RECIPE)).model
        right = [int((keras_files.outputs_of(model, test.x).argmax(1) == test.y).sum()) for model in (whole, small)]
        found.append(right[0] - right[1])
    return found


@pytest.mark.deep
def test_half_of_the_macs_of_the_convolutional_net_cost_at_most_a_point() -> None:
    found = losses("cnn", "channels")
    assert np.mean(found) <= 0.01 * len(data().test), found
