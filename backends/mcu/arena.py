"""The memory that TFLM takes for a model: searched for here, and converted for a chip of 32 bits.

The interpreter here is a build for 64 bits. What lies in its arena beside numbers are structures of pointers, and on a
microcontroller these are half as wide. TFLM's recording allocator tells how many there are of each kind.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import tradeoff

from .trial import Trial, tried

#: Bytes of each structure on 64 bits and on 32, by the recording allocator's word; from TFLM's own declarations.
_STRUCTURES: Final = {
    "TfLiteEvalTensor data": (24, 12),
    "Persistent TfLiteTensor data": (64, 40),
    "Persistent TfLiteTensor quantization data": (32, 20),
    "NodeAndRegistration struct": (64, 32),
}
#: What kernels keep is numbers: multipliers and shifts for each channel. It stays as it is.
_NUMBERS: Final = "Persistent buffer data"
_USED: Final = re.compile(r"'([^']+)' used (\d+) bytes")
_TAIL: Final = re.compile(r"Arena allocation tail (\d+) bytes")
#: TFLM aligns what lies in an arena to so many bytes.
_STEP: Final = 16
_HOW: Final = "the smallest arena in which TFLM's interpreter runs it here, on 64 bits, to 16 bytes"
_HOW_32: Final = (
    "the searched arena with its structures of pointers as wide as on 32 bits; kernels for a chip, such as CMSIS-NN's, "
    "may take working memory beside"
)


def figures(artifact: Path) -> tuple[tradeoff.Figure, ...]:
    """The arena, that on 32 bits, and how much of the flash is known."""
    found = tried(artifact, "arena")
    size = artifact.stat().st_size
    return (
        tradeoff.Figure("arena_bytes", found.arena, "B", "lower", "simulated", note=_HOW),
        tradeoff.Figure("arena_32bit_bytes", on_32_bits(found), "B", "lower", "modelled", note=_HOW_32),
        tradeoff.Figure(
            "flash_bytes",
            None,
            "B",
            note=f"{size} bytes are the model; what the runtime takes, a device's profile says",
        ),
    )


def on_32_bits(found: Trial) -> int:
    """The arena on a chip whose pointers have 4 bytes; what the allocator does not name is taken for pointers, too."""
    used = {name: int(size) for name, size in _USED.findall(found.said)}
    saved = sum(used.get(name, 0) * (wide - narrow) // wide for name, (wide, narrow) in _STRUCTURES.items())
    tail = _TAIL.search(found.said)
    if tail is not None:
        unnamed = int(tail[1]) - sum(used.get(name, 0) for name in (*_STRUCTURES, _NUMBERS))
        saved += max(0, unnamed) // 2
    return -(-(found.arena - saved) // _STEP) * _STEP
