"""A file that is not what was asked for is refused, whoever made it."""

from __future__ import annotations

import pytest
from litert_nets import PRECISIONS, artifact
from trained import NOISE

import tradeoff
from tradeoff.backends.litert.checks import check
from tradeoff.backends.litert.quantizer import chosen_for

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
MADE = [precision for precision in PRECISIONS if precision not in ("float32", "mixed")]


@pytest.mark.parametrize("asked", MADE)
@pytest.mark.parametrize("given", [*MADE, "float32", "mixed"])
def test_only_the_precision_that_was_asked_for_passes(asked: str, given: str) -> None:
    blob = artifact(given).read_bytes()
    if asked == given:
        check(blob, asked)
        return
    with pytest.raises(tradeoff.Refused, match="not supported by format: "):
        check(blob, asked)


@pytest.mark.parametrize("given", ["float32", "int8", "int16x8", "int4"])
def test_mixed_is_not_one_precision_for_all(given: str) -> None:
    wanted = chosen_for(artifact("float32").read_bytes(), {"float": "first", "count": 1})
    with pytest.raises(tradeoff.Refused, match="neither wholly int8 nor wholly float32"):
        check(artifact(given).read_bytes(), "mixed", wanted)


def test_mixed_with_other_layers_than_asked_for_is_refused() -> None:
    blob = artifact("mixed", float="first").read_bytes()
    check(blob, "mixed", chosen_for(blob, {"float": "first", "count": 1}))
    with pytest.raises(tradeoff.Refused, match="neither wholly"):
        check(blob, "mixed", chosen_for(blob, {"float": "last", "count": 1}))


def test_what_is_left_out_is_named_in_a_line() -> None:
    assert check(artifact("int8").read_bytes(), "int8") == ""
    assert check(artifact("int4").read_bytes(), "int4").startswith("left in float32: ds_cnn")
