"""Before any fine-tuning the smaller model gives what the model of full size gives with these channels masked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structured_nets import NETS, inputs, lively, masked_outputs
from trained import NOISE

from tradeoff.accounting import account
from tradeoff.formats import keras_files
from tradeoff.plugins.structured.allocation import Costs
from tradeoff.plugins.structured.graph import couple
from tradeoff.plugins.structured.rebuild import rebuilt

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


@st.composite
def choices(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """For each group which channels stay, at least one."""
    masks = {}
    for group, size in NETS[name].groups.items():
        gone = draw(st.sets(st.integers(0, size - 1), max_size=size - 1))
        masks[group] = np.array([index not in gone for index in range(size)])
    return masks


def cut(name: str, masks: dict[str, Any]) -> tuple[Any, Any]:
    """The smaller model, and how many multiply-accumulates were foretold for it."""
    model = rebuilt(lively(name), {})
    coupling = couple(model)
    assert {group.name: len(group) for group in coupling.groups} == NETS[name].groups
    gone = np.concatenate([group.channels[~masks[group.name]] for group in coupling.groups])
    costs = Costs.of(coupling, coupling, float(account(model).macs or 0))
    return rebuilt(model, coupling.changes(gone)), costs.macs([masks[group.name].sum() for group in coupling.groups])


@pytest.mark.parametrize("name", list(NETS))
def test_the_smaller_model_equals_the_masked_one(name: str) -> None:
    x = inputs(lively(name))

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(choices(name))
    def check(masks: dict[str, Any]) -> None:
        small, foretold = cut(name, masks)
        expected = masked_outputs(name, masks, x)
        np.testing.assert_allclose(keras_files.outputs_of(small, x), expected, rtol=0, atol=1e-5)
        assert account(small).macs == foretold

    check()


@pytest.mark.parametrize("name", list(NETS))
def test_the_masks_do_something_and_the_outputs_differ_from_sample_to_sample(name: str) -> None:
    x = inputs(lively(name))
    whole = {group: np.ones(size, dtype=bool) for group, size in NETS[name].groups.items()}
    before = masked_outputs(name, whole, x)
    np.testing.assert_allclose(before, keras_files.outputs_of(lively(name), x), rtol=0, atol=1e-6)
    assert np.ptp(before, axis=0).max() > 1e-3
    for group in whole:
        half = {**whole, group: np.arange(len(whole[group])) % 2 == 0}
        assert np.abs(masked_outputs(name, half, x) - before).max() > 1e-4, group


@pytest.mark.parametrize("name", list(NETS))
def test_with_nothing_cut_the_model_is_the_same_and_shares_nothing(name: str) -> None:
    model = lively(name)
    again, x = rebuilt(model, {}), inputs(model)
    before = keras_files.outputs_of(model, x)
    assert np.array_equal(keras_files.outputs_of(again, x), before)
    again.set_weights([np.zeros_like(weight) for weight in again.get_weights()])
    assert np.array_equal(keras_files.outputs_of(model, x), before)
