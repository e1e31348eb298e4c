"""Files that are nearly ``.tflite`` files: whatever they do to the runtime, the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from litert_nets import BACKEND, KERNELS, artifact
from mutations import fates, mutations
from trained import NOISE, task

pytestmark = [pytest.mark.frameworks, pytest.mark.deep, *(pytest.mark.filterwarnings(line) for line in NOISE)]
COUNT = 500


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
def test_hundreds_of_changed_files_do_not_bring_down_the_run(tmp_path: Path, precision: str, kernels: str) -> None:
    blob = artifact(precision).read_bytes()
    paths = []
    for number, changed in enumerate(mutations(blob, 0, COUNT // 4)):
        paths.append(tmp_path / f"{number}.tflite")
        paths[-1].write_bytes(changed)
    found = fates(BACKEND, {"threads": 1, "kernels": kernels}, paths, task(), tmp_path)
    assert sum(found.values()) == len(paths)
    assert found["refused"] > 0.1 * len(paths)
    assert found["answered"] > 0
    assert found["failed"] < 0.02 * len(paths)
