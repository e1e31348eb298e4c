"""Profiles as devices of the matrix: a cell on one is estimated, and never timed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

from tradeoff.devices.profiles import DeviceProfile, read_profile
from tradeoff.vocabulary import Device, Estimated, Workload

#: What runs the file here stands for a microcontroller's runtime; numbers may differ by rounding.
STAND_INS: Final = {"mcu": ("mcu",), "npu": ("npu",), "platform": ("litert",)}


def devices_of(profiles: Iterable[DeviceProfile]) -> list[Device]:
    """A device for each profile."""
    return [device_of(profile) for profile in profiles]


def own_devices(files: Iterable[str]) -> list[Device]:
    """Those whose profiles a user has brought."""
    return devices_of(read_profile(Path(name)) for name in files)


def device_of(profile: DeviceProfile) -> Device:
    """The device whose model is this profile."""
    return Device(
        profile.name,
        "modelled",
        f"{profile.summary}; {profile.trust}",
        backends=STAND_INS[profile.kind],
        model=partial(_asked, profile),
        validated=bool(profile.validation),
        version=hashlib.sha256(json.dumps(asdict(profile), sort_keys=True).encode()).hexdigest()[:16],
    )


def _asked(profile: DeviceProfile, work: Workload) -> Estimated:
    """Every process knows the devices, and few ever ask one of them."""
    from tradeoff.devices.workloads import model_of

    return model_of(profile, work)
