"""Files that are nearly ``.tflite`` files: TFLM dies of many, and the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tflite_micro")

from litert_nets import artifact
from mcu_files import BACKEND
from mutations import fates, mutations
from trained import NOISE, task

pytestmark = [pytest.mark.frameworks, pytest.mark.deep, *(pytest.mark.filterwarnings(line) for line in NOISE)]
#: Of each of three files.
COUNT = 350


@pytest.mark.parametrize("precision", ["float32", "int8", "int16x8"])
def test_a_thousand_changed_files_do_not_bring_down_the_run(tmp_path: Path, precision: str) -> None:
    blob = artifact(precision).read_bytes()
    paths = []
    for number, changed in enumerate(mutations(blob, 0, COUNT)):
        paths.append(tmp_path / f"{number}.tflite")
        paths[-1].write_bytes(changed)
    found = fates(BACKEND, {}, paths, task(), tmp_path)
    assert sum(found.values()) == len(paths)
    assert found["refused"] > 0.1 * len(paths)
    assert found["answered"] > 0
    # A trial ends before the file comes into the worker, so only what depends on the request can end that.
    assert found["failed"] + found["crashed"] < 0.02 * len(paths), found
