"""What a worker does with arrays and files, apart from any framework; and with a model of open sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff import Backend, Loading, Split
from tradeoff.datafiles import tile
from tradeoff.errors import TradeoffError
from tradeoff.formats.keras_files import sized as resized
from tradeoff.stages.building import _training
from tradeoff.stages.shipping import _describe, run_all
from tradeoff.training import History
from tradeoff.vocabulary import Conversion

Array = np.ndarray[Any, Any]


def test_what_a_training_did_becomes_facts_and_what_is_no_number_is_not_available() -> None:
    done = History(epochs=2, seconds=1.5, loss=0.1, validation=(0.8, 0.9))
    assert _training(done, 100) == {"samples": 100, "epochs": 2, "seconds": 1.5, "validation": 0.9}
    assert _training(History(1, 1.0, 0.1, (float("nan"),)), 5)["validation"] is None


class Doubling:
    """A runner that notes the sizes of its requests."""

    def __init__(self, answer: Callable[[Array], Array] = lambda x: 2 * x) -> None:
        self.sizes: set[int] = set()
        self._answer = answer

    def bind(self, batch: Any) -> Callable[[], Array]:
        assert batch.flags.c_contiguous
        self.sizes.add(len(batch))
        return lambda: self._answer(batch)


def silent(text: str, done: float) -> None:
    assert 0.0 <= done <= 1.0


@given(count=st.integers(1, 70), size=st.integers(1, 40))
def test_every_sample_is_answered_once_and_in_order_in_requests_of_one_size(count: int, size: int) -> None:
    x, runner = np.arange(count * 3, dtype="float32").reshape(count, 3), Doubling()
    np.testing.assert_array_equal(run_all(runner, x, size, silent), 2 * x)
    assert runner.sizes == {min(size, count)}


def test_a_buffer_that_the_runner_uses_again_does_not_spoil_earlier_answers() -> None:
    buffer = np.zeros((2, 1))

    def answer(batch: Array) -> Array:
        buffer[:] = batch
        return buffer

    x = np.arange(6.0).reshape(6, 1)
    np.testing.assert_array_equal(run_all(Doubling(answer), x, 2, silent), x)


def test_a_runner_that_answers_too_little_is_told() -> None:
    with pytest.raises(TradeoffError, match="gave 3 outputs for 6 inputs"):
        run_all(Doubling(lambda batch: batch[:1]), np.zeros((6, 1)), 2, silent)


@given(count=st.integers(1, 20), size=st.integers(1, 50))
def test_a_batch_is_of_real_samples_repeated_when_there_are_too_few(count: int, size: int) -> None:
    split = Split(np.arange(count), np.arange(count))
    batch = tile(split, size)
    assert batch.tolist() == [place % count for place in range(size)]


class Folders(Backend):
    """Its artifact is what the test has written."""

    name = "folders"

    def convert(self, job: Conversion) -> Path:
        raise NotImplementedError

    def load(self, job: Loading) -> Any:
        raise NotImplementedError


def test_the_bytes_of_a_folder_are_those_of_all_its_files(tmp_path: Path) -> None:
    artifact = tmp_path / "artifact"
    (artifact / "inner").mkdir(parents=True)
    (artifact / "graph").write_bytes(b"a" * 1000)
    (artifact / "inner" / "weights").write_bytes(b"b" * 500)
    facts = _describe(Folders(), tmp_path, artifact)
    assert (facts["artifact"], facts["bytes"]) == ("artifact", 1500)
    assert 0 < facts["gzip_bytes"] < 200
    (artifact / "inner" / "weights").rename(artifact / "inner" / "others")
    assert _describe(Folders(), tmp_path, artifact)["content"] != facts["content"]


@pytest.mark.parametrize("name", ["missing", "../outside"])
def test_an_artifact_that_is_not_in_its_folder_is_the_backends_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_text("bytes")
    (tmp_path / "folder").mkdir()
    with pytest.raises(TradeoffError, match=r"backend folders: convert returned .*did not write into its folder"):
        _describe(Folders(), tmp_path / "folder", tmp_path / "folder" / name)


@pytest.mark.frameworks
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:In the future `np.object` will be defined:FutureWarning")
@pytest.mark.parametrize("as_list", [False, True])
def test_a_model_of_open_sizes_is_built_for_the_samples_there_are_and_answers_the_same(as_list: bool) -> None:
    keras = pytest.importorskip("keras")
    taken = keras.Input((None, None, 1), name="image")
    inner = keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 3)(taken))
    given_ = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inner))
    model = keras.Model([taken] if as_list else taken, given_)
    sized = resized(model, (6, 5, 1))
    assert sized.inputs[0].shape == (None, 6, 5, 1)
    x = np.random.default_rng(0).random((4, 6, 5, 1), dtype="float32")
    asked = [x] if as_list else x
    np.testing.assert_array_equal(np.asarray(sized(asked)), np.asarray(model(asked)))
    assert resized(sized, (6, 5, 1)) is sized
