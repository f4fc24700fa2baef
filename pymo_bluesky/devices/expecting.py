"""What a detector will give, told before it has measured; it is not triggered."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from ophyd import Signal

from pymo_bluesky.devices.channel import Channel

__all__ = ["expected_keys"]


def expected_keys(detector: Any) -> dict[str, dict[str, Any]]:
    """Describe the readings of a detector, measured or not.

    Parameters
    ----------
    detector
        A `Detector`.

    Returns
    -------
    dict
        Data keys. Where only a measurement would tell, they lack ``dtype_numpy``, and
        the length of a dimension without an axis is None.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> *_, spectrometer, camera = simulated_lab()
    >>> expected_keys(spectrometer)["spectrometer_spectrum"]["shape"]
    [128]
    """
    keys: dict[str, dict[str, Any]] = {}
    for attr in detector.read_attrs:
        signal = attrgetter(attr)(detector)
        if isinstance(signal, Channel) and not signal.measured:
            of: str = getattr(signal, "of", attr)
            keys[signal.name] = _unmeasured(detector, of, signal)
        elif isinstance(signal, Signal):
            keys.update(signal.describe())
    return keys


def _unmeasured(detector: Any, attr: str, channel: Channel) -> dict[str, Any]:
    lengths: list[int | None] = [None] * (detector.dimension_of(attr) or 0)
    for axis in detector.axes.values():
        if axis.belongs_to(attr) and axis.index < len(lengths):
            lengths[axis.index] = len(axis.get()) or None
    units = {"units": channel.units} if channel.units else {}
    dtype = "array" if lengths else "number"
    return {"source": channel.source_name, "dtype": dtype, "shape": lengths, **units}
