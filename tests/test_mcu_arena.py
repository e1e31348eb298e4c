"""The arena: the smallest in which TFLM runs a file, and what it would be on 32 bits."""

from __future__ import annotations

from pathlib import Path

import pytest
from trained import NOISE

from tradeoff.backends.mcu.arena import figures, on_32_bits
from tradeoff.backends.mcu.trial import Trial

#: What TFLM's recording allocator printed of a keyword spotter.
_SAID = """
[RecordingMicroAllocator] Arena allocation total 24272 bytes
[RecordingMicroAllocator] Arena allocation head 16000 bytes
[RecordingMicroAllocator] Arena allocation tail 8272 bytes
[RecordingMicroAllocator] 'TfLiteEvalTensor data' used 840 bytes with alignment overhead (requested 840 bytes for 35)
[RecordingMicroAllocator] 'Persistent TfLiteTensor data' used 128 bytes with alignment overhead (requested 128 bytes)
[RecordingMicroAllocator] 'Persistent TfLiteTensor quantization data' used 64 bytes with alignment overhead
[RecordingMicroAllocator] 'Persistent buffer data' used 5556 bytes with alignment overhead (requested 5528 bytes for 32)
[RecordingMicroAllocator] 'NodeAndRegistration struct' used 832 bytes with alignment overhead (requested 832 bytes)
"""


def test_structures_of_pointers_shrink_and_numbers_do_not() -> None:
    # 35 * 12 for tensors, 2 * 24 and 2 * 12 for the edges, 13 * 32 for nodes, half of 852 bytes without a name.
    saved = 420 + 48 + 24 + 416 + 426
    found = on_32_bits(Trial("ran", _SAID, arena=24272))
    assert found % 16 == 0
    assert 0 <= found - (24272 - saved) < 16


def test_an_allocator_that_says_nothing_leaves_the_arena_as_it_is() -> None:
    assert on_32_bits(Trial("ran", "", arena=4096)) == 4096


@pytest.mark.frameworks
@pytest.mark.filterwarnings(NOISE[0])
@pytest.mark.filterwarnings(NOISE[1])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_it_runs_in_the_arena_and_in_no_smaller_one(precision: str) -> None:
    pytest.importorskip("tflite_micro")
    from litert_nets import artifact

    path = artifact(precision)
    arena, narrow, flash = figures(path)
    assert (arena.name, arena.provenance) == ("arena_bytes", "simulated")
    assert arena.value is not None
    size = int(arena.value)
    assert size % 16 == 0
    assert runs_in(path, size)
    assert not runs_in(path, size - 16)
    assert narrow.value is not None
    assert 0.7 * size < narrow.value < size
    assert narrow.provenance == "modelled"
    assert flash.value is None
    assert f"{path.stat().st_size} bytes are the model" in flash.note


def runs_in(path: Path, size: int) -> bool:
    """In a process of its own, by a program that is not the one that searched."""
    import subprocess
    import sys

    program = (
        "import sys, numpy\n"
        "from tflite_micro import runtime\n"
        "ready = runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))\n"
        "ready.set_input(numpy.zeros((1, 8, 8, 1), numpy.float32), 0)\n"
        "ready.invoke()\n"
        "print(ready.get_output(0).sum())\n"
    )
    command = [sys.executable, "-c", program, str(path), str(size)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
