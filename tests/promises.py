"""What every backend's runner promises, as checks that the tests of backends share."""

from __future__ import annotations

import numpy as np
from trained import data, task, trained_file

import tradeoff
from tradeoff import quality
from tradeoff.formats import keras_files


def answers_as_keras_does(runner: tradeoff.Runner, atol: float = 1e-5) -> None:
    """The same request, of the model that the artifact was made from."""
    x = data().test.x[:32]
    expected = keras_files.outputs_of(keras_files.load_model(trained_file()), x)
    assert np.allclose(runner.bind(x)(), expected, atol=atol)


def takes_floats_gives_floats_and_keeps_the_accuracy(runner: tradeoff.Runner) -> None:
    """Whatever it computes in."""
    outputs = runner.bind(data().test.x)()
    assert outputs.dtype == np.float32
    assert outputs.shape == (360, 10)
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


def calls_of_several_batch_sizes_stay_valid(runner: tradeoff.Runner, atol: float = 1e-5) -> None:
    """A size that is bound later changes nothing for those before."""
    calls = {size: runner.bind(data().test.x[:size]) for size in (1, 8, 3)}
    for size, call in [*calls.items(), *calls.items()]:
        assert np.allclose(call(), calls[8]()[:size], atol=atol)


def two_calls_of_one_size_answer_for_their_own_data(runner: tradeoff.Runner) -> None:
    """They may not share a buffer that holds the other's batch."""
    first, second = (runner.bind(data().test.x[start : start + 4]) for start in (0, 4))
    before = first()
    assert not np.allclose(second(), before)
    assert np.array_equal(first(), before)


def a_request_reads_the_batch_as_it_is_then_and_its_answer_stays(runner: tradeoff.Runner) -> None:
    """Copying in and copying out belong to every request."""
    batch = data().test.x[:1].copy()
    call = runner.bind(batch)
    first = call()
    kept = first.copy()
    batch[:] = data().test.x[1:2]
    assert not np.allclose(call(), kept)
    assert np.array_equal(first, kept)
