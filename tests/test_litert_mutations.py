"""Files that are nearly ``.tflite`` files: whatever they do to the runtime, the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from litert_nets import BACKEND, artifact
from mutations import fates, mutations
from trained import NOISE, task

pytestmark = [pytest.mark.frameworks, pytest.mark.deep, *(pytest.mark.filterwarnings(line) for line in NOISE)]
#: Of each of four files.
COUNT = 125


@pytest.mark.parametrize(
    ("precision", "kernels"),
    [("float32", "xnnpack"), ("int8", "xnnpack"), ("int8", "reference"), ("int4", "builtin")],
)
def test_hundreds_of_changed_files_do_not_bring_down_the_run(tmp_path: Path, precision: str, kernels: str) -> None:
    blob = artifact(precision).read_bytes()
    paths = []
    for number, changed in enumerate(mutations(blob, 0, COUNT)):
        paths.append(tmp_path / f"{number}.tflite")
        paths[-1].write_bytes(changed)
    found = fates(BACKEND, {"threads": 1, "kernels": kernels}, paths, task(), tmp_path)
    assert sum(found.values()) == len(paths)
    assert found["refused"] > 0.1 * len(paths)
    assert found["answered"] > 0
    assert found["failed"] < 0.02 * len(paths)
