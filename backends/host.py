"""Device ``host-cpu``: the processor this runs on, timed with a real clock."""

from __future__ import annotations

from collections.abc import Sequence

import tradeoff


@tradeoff.hookimpl
def tradeoff_devices() -> Sequence[tradeoff.Device]:
    """The device ``host-cpu``."""
    return [tradeoff.Device("host-cpu", summary="this machine's processor")]
