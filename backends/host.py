"""Devices ``host-cpu`` and ``host-gpu``: what this machine has, timed with a real clock."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import tradeoff

#: What the drivers of NVIDIA and AMD put there; a container that was not given the accelerator does not have it.
_DRIVERS: Final = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


def no_gpu() -> tradeoff.Refusal | None:
    """Why there is no accelerator, as far as can be told without asking a framework."""
    if not any(Path(driver).exists() for driver in _DRIVERS):
        return tradeoff.Refusal("no such device", f"host-gpu: no driver of a GPU is here ({', '.join(_DRIVERS)})")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible in ("", "-1"):
        return tradeoff.Refusal("no such device", f"host-gpu: CUDA_VISIBLE_DEVICES={visible} hides it; unset that")
    return None


@tradeoff.hookimpl
def tradeoff_devices() -> Sequence[tradeoff.Device]:
    """The devices of this machine."""
    return [
        tradeoff.Device("host-cpu", summary="this machine's processor"),
        tradeoff.Device("host-gpu", summary="this machine's first GPU", present=no_gpu),
    ]
