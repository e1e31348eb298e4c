"""Fifty labelled images: what a teacher's answers on the others are worth, on the test split, in three repeats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from trained import NOISE, data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import cnn, ds_cnn
from tradeoff.plugins.distill.control import compare
from tradeoff.plugins.distill.teacher import labelled, only
from tradeoff.plugins.distill.technique import distill, tradeoff_techniques

pytestmark = [pytest.mark.deep, pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
LABELS, POINTS, LEVEL = 50, 4.0, 0.01


def order(seed: int) -> tradeoff.Rewriting:
    """The convolutional net, trained on all labels, as the teacher of the depthwise one."""
    training.set_seed(seed)
    net = cnn.build()
    training.train(net, cnn.RECIPE, data().train, data().validation, task(), seed, silent)
    known = {one.name: one for one in tradeoff_techniques()}
    (step,) = parse_chain(f"distill:ds_cnn:labels={LABELS}:control=false", known).model_steps
    splits = (data().train, data().calibration, data().validation)
    models = {model.name: model for model in ds_cnn.tradeoff_models()}
    return tradeoff.Rewriting(net, dict(step.values), task(), *splits, cnn.RECIPE, seed, silent, models, "distill")


def alone(job: tradeoff.Rewriting) -> Any:
    """The same student on the same labels, in an epoch of as many steps."""
    training.set_seed(job.seed)
    net = ds_cnn.build()
    train = only(job.train, labelled(job.train, LABELS, True, job.seed))
    recipe = ds_cnn.RECIPE
    job = replace(job, train=train, recipe=recipe)
    training.fine_tune(job, net, epochs=recipe.epochs, learning_rate=recipe.learning_rate, choose_from=1)
    return net


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_teacher_is_worth_four_points_or_more_where_labels_are_few(seed: int) -> None:
    job = order(seed)
    with_teacher, without = distill(job).model, alone(job)
    assert int(with_teacher.optimizer.iterations) == int(without.optimizer.iterations)
    outputs = [keras_files.outputs_of(net, data().test.x) for net in (job.model, with_teacher, without)]
    teacher, one, other = (100 * np.mean(found.argmax(axis=1) == data().test.y) for found in outputs)
    found = compare(outputs[1], outputs[2], data().test, task())
    told = (
        f"seed {seed}: teacher {teacher:.2f}, with it {one:.2f}, without {other:.2f}; "
        f"alone right {found.better} against {found.worse}, p = {found.p:.2g}"
    )
    print(told)
    assert one - other >= POINTS, told
    assert found.better > found.worse, told
    assert found.p < LEVEL, told
