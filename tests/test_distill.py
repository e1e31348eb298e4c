"""Distillation: who may teach whom, what is kept, equal steps, and what the record says of a gain."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from compressing import accuracy, job
from trained import NOISE, data, task
from user_project import Project

import tradeoff
from tradeoff import training
from tradeoff.chain import parse_chain
from tradeoff.errors import UnknownName
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense, ds_cnn
from tradeoff.plugins.distill.technique import distill, tradeoff_techniques

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
MODELS = {model.name: model for module in (cnn, dense, ds_cnn) for model in module.tradeoff_models()}
QUICK = replace(dense.RECIPE, epochs=8)


@cache
def weights() -> list[Any]:
    training.set_seed(0)
    net = dense.build()
    part = tradeoff.Split(data().train.x[:640], data().train.y[:640])
    training.train(net, QUICK, part, data().validation, task(), 0, lambda text, done: None)
    found: list[Any] = net.get_weights()
    return found


def teacher() -> Any:
    """The dense net, trained a little; its layers have the same names every time."""
    found = weights()
    training.set_seed(0)
    net = dense.build()
    net.set_weights(found)
    return net


def order(spelling: str, model: Any = None, **changes: Any) -> tradeoff.Rewriting:
    (step,) = parse_chain(spelling, {one.name: one for one in tradeoff_techniques()}).model_steps
    made = job(model or teacher(), dict(step.values), "distill")
    models = {**MODELS, "dense": replace(MODELS["dense"], recipe=QUICK)}
    return replace(made, **{"models": models, "recipe": QUICK, **changes})


def distilled(spelling: str, **changes: Any) -> tradeoff.Rewritten:
    return distill(order(spelling, **changes))


def test_a_narrower_copy_is_the_default_and_learns() -> None:
    made = distilled("distill:epochs=6:control=false")
    assert [layer.units for layer in made.model.layers if hasattr(layer, "units")] == [152, 48, 10]
    assert [tuple(tensor.shape) for tensor in made.model.outputs] == [(None, 10)]
    assert accuracy(made.model) > 0.7
    assert made.facts["student"] == "0.5 of the width"


def test_a_registered_model_can_be_the_student_and_is_trained_by_its_own_recipe() -> None:
    short = {**MODELS, "ds_cnn": replace(MODELS["ds_cnn"], recipe=replace(ds_cnn.RECIPE, epochs=1, batch_size=32))}
    made = distilled("distill:ds_cnn:control=false", models=short)
    assert made.model.name == "ds_cnn"
    assert made.epochs == 1
    assert made.facts["steps"] == 320 // 32


def test_both_trainings_take_equal_steps_and_the_teachers_is_the_one_that_stays() -> None:
    made = distilled("distill:dense:labels=50:epochs=2")
    assert made.epochs == 4
    # The control was the last to be trained; what Keras counted is what is told.
    assert int(made.model.optimizer.iterations) == made.facts["steps"] == 2 * (320 // 64)
    alone = distilled("distill:dense:labels=50:epochs=2:control=false")
    assert int(alone.model.optimizer.iterations) == made.facts["steps"]
    for one, other in zip(made.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_with_few_labels_the_gain_is_told_and_with_all_that_none_was_shown() -> None:
    few = distilled("distill:dense:labels=10:epochs=6")
    assert few.facts["gain"]["p"] < 0.05
    assert few.facts["student_validation"] > few.facts["control_validation"]
    assert few.notes == ()
    (told,) = distilled("distill:dense:epochs=2:alpha=0").notes
    assert told.startswith("no gain was shown: beside the same student without a teacher, on the 320 labels")


def test_the_student_s_course_stands_beside_that_without_a_teacher() -> None:
    told: list[tradeoff.History] = []
    distilled("distill:0.5:epochs=2", trained=told.append)
    assert [(one.name, one.epochs) for one in told] == [("student", 2), ("student without teacher", 2)]


def test_without_a_control_the_record_says_that_nobody_looked() -> None:
    made = distilled("distill:dense:epochs=1:control=false")
    assert made.notes == ("whether the teacher was of use was not looked at (control=false)",)
    assert made.epochs == 1
    assert "gain" not in made.facts


def pruned() -> Any:
    net = teacher()
    for kernel in training.structure.kernels(net):
        found = np.array(kernel.numpy())
        found[np.abs(found) < np.quantile(np.abs(found), 0.9)] = 0
        kernel.assign(found)
    return net


def test_a_pruned_student_learns_from_what_it_was_and_keeps_its_zeros() -> None:
    net = pruned()
    before = {one.path: np.array(one.numpy()) == 0 for one in training.structure.kernels(net)}
    hurt = accuracy(net)
    made = distilled("distill:self:epochs=4", model=net, original=teacher)
    for one in training.structure.kernels(made.model):
        np.testing.assert_array_equal(np.array(one.numpy()) == 0, before[one.path])
    assert accuracy(made.model) > hurt
    assert made.facts["student"] == "the model itself"


def test_a_fresh_student_says_that_zeros_of_the_teacher_are_gone() -> None:
    made = distilled("distill:0.25:epochs=1:control=false", model=pruned())
    assert "zeros and clusters of the model before are gone" in made.notes[0]
    assert training.find_structure(made.model) == ()


def test_features_are_learnt_through_a_projection_that_does_not_stay() -> None:
    made = distilled("distill:dense:feature=1:epochs=1:control=false")
    plain = distilled("distill:dense:epochs=1:control=false")
    assert made.model.count_params() == dense.build().count_params()
    assert any(
        not np.array_equal(a, b) for a, b in zip(made.model.get_weights(), plain.model.get_weights(), strict=True)
    )


def test_the_same_seed_gives_the_same_student() -> None:
    one, other = (distilled("distill:0.5:epochs=1:control=false").model for _ in range(2))
    assert keras_files.content(one) == keras_files.content(other)


def other_shape() -> Any:
    import keras

    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])


@pytest.mark.parametrize(
    ("spelling", "kind", "told"),
    [
        ("distill:densse", UnknownName, "unknown student 'densse'; did you mean 'dense'.*Known: .*self"),
        ("distill:self", tradeoff.BadInput, "none comes before; put one there, as in prune"),
        ("distill:1", tradeoff.BadInput, "write a share from 0.01 to 4 other than 1"),
        ("distill:file", tradeoff.BadInput, "student=file is a file and has no builder"),
        ("distill:words", tradeoff.BadInput, "is for task words, and the teacher for digits"),
        ("distill:small", tradeoff.BadInput, r"has input of shape \(4, 4, 1\), the teacher \(8, 8, 1\)"),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(spelling: str, kind: type[Exception], told: str) -> None:
    models = {
        **MODELS,
        "file": tradeoff.Model("file", task="digits"),
        "words": tradeoff.Model("words", task="words", build=dense.build),
        "small": tradeoff.Model("small", task="digits", build=other_shape),
    }
    model = teacher()
    before = keras_files.content(model)
    asked: list[str] = []
    with pytest.raises(kind, match=told):
        distill(order(spelling, model, models=models, progress=lambda text, done: asked.append(text)))
    assert keras_files.content(model) == before
    assert asked == []


def test_a_subclassed_teacher_has_no_narrower_copy() -> None:
    import keras

    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="own")
            self.last = keras.layers.Dense(10, "softmax")

        def call(self, x: Any) -> Any:
            return self.last(keras.ops.reshape(x, (-1, 64)))

    net = Own()
    net(data().train.x[:1])
    with pytest.raises(tradeoff.Refused, match="own is a subclassed model"):
        distilled("distill:0.5", model=net)


def test_a_chain_finds_the_model_before_its_techniques(project: Project) -> None:
    cell = "dense/prune:0.9:epochs=0+distill:self:epochs=1:control=false/numpy"
    project.run("--tradeoff-models=dense", f"--tradeoff-techniques={cell.split('/')[1]}", cells=cell).assert_outcomes(
        passed=1
    )
    (record,) = project.records().values()
    steps = record["facts"]["verified"]
    assert steps[-1]["told"]["student"] == "the model itself"
    assert steps[-1]["after"]["sparsity"] == pytest.approx(0.9, abs=0.01)
