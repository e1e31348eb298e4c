"""What a finished ``.onnx`` file must not ask of ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import tradeoff
from tradeoff.formats.onnx_contents import checked_places, read_contents
from tradeoff.text import safe

#: Operators that ONNX Runtime brings itself.
DOMAINS: Final = frozenset(
    {
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.preview",
        "ai.onnx.preview.training",
        "ai.onnx.training",
        "com.microsoft",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
    }
)


def check_onnx(path: Path) -> None:
    """Refuse weights that lie outside of the file's folder, and operators that no runtime here has."""
    contents = read_contents(path)
    checked_places(path, contents)
    strange = sorted({domain for domain, kind in contents.operators - contents.functions if domain not in DOMAINS})
    if strange:
        raise tradeoff.Refused(
            "not supported by format",
            f"{path.name} uses operators of {safe(', '.join(strange))[:200]}, which ONNX Runtime does not have: "
            "libraries of operators are not loaded here",
        )
    if ("com.microsoft", "EPContext") in contents.operators:
        raise tradeoff.Refused("not supported by format", f"{path.name} was compiled for an accelerator")
