"""What devices say they will take: seconds and bytes; moves and triggers nothing.

Settings are read, and where an actuator is; a detector is not asked to measure.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from bluesky.run_engine import call_in_bluesky_event_loop, get_bluesky_event_loop
from ophyd import Signal

__all__ = [
    "Motion",
    "answered",
    "bytes_of",
    "data_keys",
    "flight_seconds",
    "measuring_seconds",
    "motion_of",
    "position_of",
    "units_of",
]

_PATIENCE = 5.0  # s that a device of ophyd-async may take to answer

_SPEEDS = ("velocity", "speed")
_RAMPS = ("acceleration_time", "acceleration")
_EXPOSURES = (
    "exposure",
    "exposure_time",
    "acquire_time",
    "cam.acquire_time",
    "driver.acquire_time",
    "count_time",
    "preset_time",
    "integration_time",
)
_FRAME = ("livetime", "deadtime")  # of ophyd-async's TriggerInfo
_REPEATS = ("naverage", "cam.num_images", "num_images")
_KEPT_BESIDE = 8  # bytes: the time stamp of a value


def answered(value: Any) -> Any:
    """Return what a device answers, also when it does so in an event loop.

    Examples
    --------
    >>> async def five():
    ...     return 5
    >>> answered(five()), answered(6)
    (5, 6)
    """
    if not inspect.isawaitable(value):
        return value
    loop = get_bluesky_event_loop()
    if loop is not None and loop.is_running():
        return call_in_bluesky_event_loop(value, timeout=_PATIENCE)
    return asyncio.run(_in_time(value))


async def _in_time(value: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(value, _PATIENCE)


def _number(device: Any, names: Iterable[str]) -> float | None:
    """The first of some attributes that is a finite number, or a signal of one."""
    for name in names:
        found: Any = device
        for part in name.split("."):
            found = getattr(found, part, None)
        for ask in ("get_value", "get"):
            if callable(getattr(found, ask, None)):
                try:
                    found = answered(getattr(found, ask)())
                # A device that does not answer is one of which nothing is known.
                except Exception:  # noqa: BLE001
                    found = None
                break
        if isinstance(found, (int, float, np.number)) and math.isfinite(found):
            return float(found)
    return None


@dataclass(frozen=True, slots=True)
class Motion:
    """How an actuator moves, as far as it says.

    Attributes
    ----------
    speed
        Units per second.
    ramp
        Seconds to get to full speed, and again to stop.
    delay
        Seconds that a move takes in any case.
    is_known
        Whether it says anything.
    """

    speed: float | None
    ramp: float
    delay: float
    is_known: bool

    def seconds(self, here: float | None, there: Any) -> float | None:
        """Tell how long a move will take; None where it is not known.

        Parameters
        ----------
        here, there
            From where to where; None: not known.
        """
        if self.speed is None:
            return self.delay if self.is_known else None
        if here is None or not isinstance(there, (int, float, np.number)):
            return None
        way = abs(float(there) - here)
        if way >= self.speed * self.ramp:
            return way / self.speed + self.ramp + self.delay
        # It never gets to full speed.
        return 2 * math.sqrt(way * self.ramp / self.speed) + self.delay


def motion_of(device: Any) -> Motion:
    """Ask a device how it moves.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> x, *_ = simulated_lab(actuators={"x": {"velocity": 2.0}})
    >>> motion_of(x).seconds(0.0, 3.0)
    1.5
    """
    settles = _number(device, ("settle_time",)) or 0.0
    delay = _number(device, ("delay",))  # ophyd's simulated axes: whatever the way
    speed = _number(device, _SPEEDS) if delay is None else None
    if speed is not None and speed <= 0:
        speed = None
    return Motion(
        speed=speed,
        ramp=max(_number(device, _RAMPS) or 0.0, 0.0) if speed else 0.0,
        delay=settles + (delay or 0.0),
        is_known=speed is not None or delay is not None or isinstance(device, Signal),
    )


def measuring_seconds(device: Any) -> float | None:
    """Tell how long one measurement will take; None where the device does not say.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> *_, camera = simulated_lab(camera={"exposure": 0.5})
    >>> camera.naverage.put(4)
    >>> measuring_seconds(camera)
    2.0
    """
    exposure = _number(device, _EXPOSURES)
    if exposure is None or exposure < 0:
        return None
    return exposure * max(_number(device, _REPEATS) or 1.0, 1.0)


def flight_seconds(path: Any = None) -> float | None:
    """Tell how long a flight will take; None where it is not known.

    Parameters
    ----------
    path
        A `FlyPath`, or what a device of ophyd-async is to prepare for.

    Examples
    --------
    >>> from pymo_bluesky.devices.flyer import FlyPath
    >>> flight_seconds(FlyPath(0, 1, 11, 0.5))
    5.5
    """
    for count, period in (("num", ("period",)), ("number_of_events", _FRAME)):
        number = getattr(path, count, None)
        each = [getattr(path, name, None) for name in period]
        if isinstance(number, int) and all(isinstance(n, (int, float)) for n in each):
            return number * sum(cast("list[float]", each))
    whole = getattr(path, "time_for_move", None)
    return float(whole) if isinstance(whole, (int, float)) else None


def position_of(device: Any) -> float | None:
    """Where an actuator is; None where it does not say."""
    try:
        if callable(getattr(device, "locate", None)):
            found: Any = answered(device.locate())["readback"]
        elif hasattr(device, "position"):
            found = device.position
        else:
            found = next(iter(answered(device.read()).values()))["value"]
        return float(found)
    # Whatever fails in a driver: then it is not known, which is told.
    except Exception:  # noqa: BLE001
        return None


def units_of(device: Any) -> str:
    """The unit of an actuator's positions; empty where it does not say."""
    try:
        units = getattr(device, "egu", "")
    except Exception:  # noqa: BLE001 - as above
        return ""
    return units if isinstance(units, str) else ""


def data_keys(device: Any) -> dict[str, Any]:
    """Describe what will be read; empty where only a measurement would tell.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> *_, camera = simulated_lab(camera={"shape": (4, 6)})
    >>> data_keys(camera)["camera_image"]["shape"]
    [4, 6]
    """
    try:
        expected = getattr(device, "expected", None)  # it describes without measuring
        described = expected() if callable(expected) else answered(device.describe())
    except Exception:  # noqa: BLE001 - as above
        return {}
    return dict(described) if isinstance(described, Mapping) else {}


def bytes_of(key: Mapping[str, Any]) -> int:
    """Bytes of one value in a dataset, with its time stamp.

    Examples
    --------
    >>> bytes_of({"dtype": "array", "shape": [4, 6], "dtype_numpy": "<u2"})
    56
    """
    if key.get("external"):
        return _KEPT_BESIDE
    shape = [n for n in key.get("shape") or () if isinstance(n, int) and n >= 0]
    try:
        size = np.dtype(key.get("dtype_numpy", "<f8")).itemsize
    except TypeError:  # a description of records, which events do not hold
        size = 8
    return math.prod(shape) * size + _KEPT_BESIDE
