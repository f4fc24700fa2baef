"""A flyer of an actuator and a detector, in software; knows nothing of documents.

It is what hardware triggers do better, and serves where there are none, and in tests.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ophyd import Component as Cpt
from ophyd import Device
from ophyd.status import DeviceStatus

from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.setting import Setting

__all__ = ["Flown", "FlyPath", "Flyer"]


@dataclass(frozen=True, slots=True)
class FlyPath:
    """From where to where a flyer goes, and where it measures on its way.

    Attributes
    ----------
    start, stop
        The first and the last place.
    num
        Places, evenly spaced; 2 or more.
    period
        Seconds from one to the next.
    """

    start: float
    stop: float
    num: int
    period: float

    def __post_init__(self) -> None:
        finite = math.isfinite(self.start) and math.isfinite(self.stop)
        if not finite or self.start == self.stop or self.num < 2 or self.period <= 0:
            raise DeviceError(
                f"{self} is no way to fly: expected a stop other than the start, 2 or "
                "more places, and a period of more than 0 s"
            )

    @property
    def speed(self) -> float:
        """Units of the actuator per second."""
        return abs(self.stop - self.start) / ((self.num - 1) * self.period)

    def place(self, n: int) -> float:
        """Where the n-th measurement begins."""
        return self.start + (self.stop - self.start) * n / (self.num - 1)


class Flown:
    """A device as it was at a place on the way: what a plan reads into an event.

    By it actuator and detector stay two devices in the documents, with their own
    configuration, where ``collect`` knows the flyer only.

    Parameters
    ----------
    device
        The actuator or the detector.
    keys
        Describes its readings.

    Examples
    --------
    >>> from ophyd import Signal
    >>> signal = Signal(name="x", value=1)
    >>> flown = Flown(signal, signal.describe)
    >>> flown.take({"x": 7.0, "y": 1.0}, {"x": 0.5, "y": 0.5})
    >>> flown.read()
    {'x': {'value': 7.0, 'timestamp': 0.5}}
    """

    parent = None

    def __init__(self, device: Any, keys: Callable[[], dict[str, Any]]) -> None:
        self.name: str = device.name
        self.describe = keys
        self.describe_configuration = device.describe_configuration
        self.read_configuration = device.read_configuration
        self._device = device
        self._readings: dict[str, Any] = {}

    @property
    def hints(self) -> dict[str, Any]:
        """What of it is worth a look."""
        return dict(getattr(self._device, "hints", {}))

    def take(self, data: Mapping[str, Any], timestamps: Mapping[str, float]) -> None:
        """Be as the device was then."""
        self._readings = {
            key: {"value": data[key], "timestamp": timestamps[key]}
            for key in self.describe()
        }

    def read(self) -> dict[str, Any]:
        """Return the readings."""
        return self._readings


class Flyer(Device):
    """Moves an actuator steadily, and lets a detector measure at places on its way.

    A place that is passed while the detector is still busy is measured as soon as it
    can: the positions in the events are those that were read.

    Parameters
    ----------
    actuator
        An `Actuator`; its ``velocity``, where it has one, is set for the flight and
        given back.
    detector
        A `Detector`.
    **device
        What `ophyd.Device` takes.

    Attributes
    ----------
    flown
        Actuator and detector as they were, for a plan that reads them one by one.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> x, *_, camera = simulated_lab()
    >>> flyer = Flyer(name="flyer", actuator=x, detector=camera)
    >>> flyer.prepare(FlyPath(0, 1, 3, 0.01)).wait()
    >>> flyer.kickoff().wait()
    >>> flyer.complete().wait()
    >>> [event["data"]["x"] >= 0 for event in flyer.collect()]
    [True, True, True]
    """

    settings_root = "fly_settings"

    begin = Cpt(Setting, value=0.0, title="Start")
    end = Cpt(Setting, value=0.0, title="Stop")
    points = Cpt(Setting, value=2)
    period = Cpt(Setting, value=0.1, units="s")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        actuator: Any,
        detector: Any,
        **device: Any,
    ) -> None:
        self.actuator = actuator
        self.detector = detector
        self._path: FlyPath | None = None
        self._events: list[dict[str, Any]] = []
        self._cancelled = threading.Event()
        self._landing = False
        self._status: DeviceStatus | None = None
        super().__init__(prefix, name=name, **device)
        self.flown = (
            Flown(actuator, actuator.readback.describe),
            Flown(detector, detector.describe),
        )

    @property
    def is_flying(self) -> bool:
        """Whether a flight has begun and is not over."""
        return self._status is not None and not self._status.done

    def prepare(self, path: FlyPath) -> Any:
        """Go to the start; the status is done when the actuator is there."""
        for place in (path.start, path.stop):
            self.actuator.check_value(place)
        self.begin.put(path.start)
        self.end.put(path.stop)
        self.points.put(path.num)
        self.period.put(path.period)
        self._path = path
        return self.actuator.set(path.start)

    def kickoff(self) -> DeviceStatus:
        """Start the flight; the status is done at once."""
        if self._path is None:
            raise DeviceError(
                f"{self.name} does not know where to fly; prepare it first"
            )
        if self.is_flying:
            raise DeviceError(f"{self.name} is flying; complete that first")
        self._cancelled.clear()
        self._landing = False
        self._events.clear()
        self._status = DeviceStatus(self)
        threading.Thread(
            target=self._fly,
            args=(self._path, self._status),
            name=f"{self.name}-fly",
            daemon=True,
        ).start()
        started = DeviceStatus(self)
        started.set_finished()
        return started

    def complete(self) -> DeviceStatus:
        """Return the status of the flight, done when it is over."""
        if self._status is None:
            raise DeviceError(f"{self.name} is not flying; kick it off first")
        return self._status

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        """Return the data keys: where it was, and what was measured there."""
        keys = {**self.actuator.readback.describe(), **self.detector.describe()}
        return {"primary": dict(keys)}

    def collect(self) -> Iterator[dict[str, Any]]:
        """Give what was measured since this was asked last."""
        while self._events:
            yield self._events.pop(0)

    def land(self) -> None:
        """End a flight early, with what has been measured; that is no failure."""
        if self.is_flying:
            self._landing = True
            self._cancelled.set()
            self.actuator.stop(success=True)

    def stop(self, *, success: bool = False) -> None:
        """End the flight where it is; it fails, unless `success`."""
        self._landing = success
        self._cancelled.set()
        self.actuator.stop(success=success)
        super().stop(success=success)

    def _fly(self, path: FlyPath, status: DeviceStatus) -> None:
        velocity = getattr(self.actuator, "velocity", None)
        before = velocity.get() if velocity is not None else None
        try:
            if velocity is not None:
                velocity.put(path.speed)
            self._measure_on_the_way(path)
        except Exception as error:  # noqa: BLE001 - goes to the plan by the status
            self.actuator.stop()
            status.set_exception(error)
        else:
            status.set_finished()
        finally:
            if velocity is not None:
                velocity.put(before)

    def _measure_on_the_way(self, path: FlyPath) -> None:
        motion = self.actuator.set(path.stop)
        for n in range(path.num):
            self._wait_for(path, n, motion)
            if self._cancelled.is_set():
                break
            where = self.actuator.readback.read()
            self.detector.trigger().wait()
            readings = {**where, **self.detector.read()}
            self._events.append(
                {
                    "time": time.time(),
                    "data": {k: r["value"] for k, r in readings.items()},
                    "timestamps": {k: r["timestamp"] for k, r in readings.items()},
                }
            )
        if self._cancelled.is_set() and not self._landing:
            raise DeviceError(f"{self.name} was stopped on its way")
        motion.wait()

    def _wait_for(self, path: FlyPath, n: int, motion: Any) -> None:
        sign = 1 if path.stop > path.start else -1
        slack = 1e-9 * abs(path.stop - path.start)
        while not self._cancelled.is_set():
            if motion.done and not motion.success:
                motion.wait()  # raises what ended it: the rest of the way is not flown
            if motion.done or sign * (self.actuator.position - path.place(n)) >= -slack:
                return
            self._cancelled.wait(min(0.005, path.period / 4))
