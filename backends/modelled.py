"""The devices whose profiles this package ships: a cell on one is estimated, and never timed."""

from __future__ import annotations

from collections.abc import Sequence

import tradeoff
from tradeoff.devices.modelling import devices_of
from tradeoff.devices.profiles import built_in


@tradeoff.hookimpl
def tradeoff_devices() -> Sequence[tradeoff.Device]:
    """One for each profile."""
    return devices_of(built_in().values())
