"""Detectors of numbers, spectra and images; knows nothing of any instrument."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
import numpy.typing as npt
from ophyd import Component as Cpt
from ophyd import Device, Kind
from ophyd.device import create_device_from_components
from ophyd.status import DeviceStatus

from pymo_bluesky.devices.channel import (
    Axis,
    Background,
    Channel,
    ErrorBars,
    is_channel,
)
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.expecting import expected_keys
from pymo_bluesky.devices.measuring import Average
from pymo_bluesky.devices.regions import roi_components
from pymo_bluesky.devices.roi import Roi
from pymo_bluesky.devices.switches import Averages, BackgroundSwitch

__all__ = ["Detector", "Frames"]

Frames = Mapping[str, npt.ArrayLike]


class Detector(Device):
    """What all detectors have; subclass `Detector0D`, `Detector1D` or `Detector2D`.

    A subclass declares its channels, axes and settings as components, and overrides
    `grab`. Each channel gets a companion for its background, ``<channel>_background``,
    that is read once a background was taken.

    Attributes
    ----------
    naverage
        So many measurements are averaged, here or, where the class says
        ``hardware_averaging = True``, by the hardware itself.
    background
        Whether a background was taken; ``bps.mv(camera.background, True)`` takes one.
        Data are recorded as they were measured, the background beside them.

    Parameters
    ----------
    rois
        Regions of interest: one mapping each, with ``type`` (RectROI, EllipseROI,
        CircularROI, LinearROI) and what that class takes. They become the components
        ``roi_00``, ``roi_01``…
    timeout
        Seconds that one `grab` may take; None: any time.
    **device
        What `ophyd.Device` takes.
    """

    dimension: ClassVar[int | None]
    hardware_averaging: ClassVar[bool] = False
    settings_root: ClassVar[str] = "detector_settings"

    naverage = Cpt(
        Averages, value=1, limits=(1, 1_000_000), path="main_settings/Naverage"
    )
    background = Cpt(BackgroundSwitch, value=False, path="main_settings/background")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Add the companions for backgrounds, as components of the class."""
        for attr, component in list(vars(cls).items()):
            kind = component.cls if isinstance(component, Cpt) else None
            companion = f"{attr}_background"
            if is_channel(kind) and companion not in vars(cls):
                added = Cpt(Background, of=attr, kind=Kind.omitted)
                setattr(cls, companion, added)
                added.__set_name__(cls, companion)
        super().__init_subclass__(**kwargs)

    def __new__(
        cls, *args: Any, rois: Sequence[Mapping[str, Any]] = (), **kwargs: Any
    ) -> Self:
        """Make an instance of a subclass that has the regions as components."""
        # ophyd looks for components on the class, not on the instance.
        made = _with_rois(cls, rois) if rois else cls
        return super().__new__(cast("type[Self]", made))

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        rois: Sequence[Mapping[str, Any]] = (),
        timeout: float | None = None,
        **device: Any,
    ) -> None:
        self.timeout = timeout
        self._grabbing = threading.Lock()
        self._stopped = threading.Event()
        self._paused = threading.Event()
        self._last: DeviceStatus | None = None
        super().__init__(prefix, name=name, **device)
        if not self.channels:
            raise DeviceError(
                f"{type(self).__name__} has no channel; declare at least one, e.g. "
                "`image = Component(Channel)`"
            )
        for attr, axis in self.axes.items():
            self._check_axis(attr, axis)
        for attr, channel in self.channels.items():
            if self.dimension_of(attr) == 0 and channel.kind == Kind.normal:
                channel.kind = Kind.hinted  # `normal` is what a Component says

    def _check_axis(self, attr: str, axis: Axis) -> None:
        if self.dimension is not None and not 0 <= axis.index < self.dimension:
            raise DeviceError(
                f"{self.name}: the axis {attr!r} is of dimension {axis.index}, but a "
                f"Detector{self.dimension}D has {self.dimension}, counted from 0"
            )
        if unknown := set(axis.of) - set(self.channels):
            raise DeviceError(
                f"{self.name}: the axis {attr!r} is of {', '.join(sorted(unknown))}; "
                f"expected one of the channels {', '.join(self.channels)}"
            )

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels by attribute name, without their companions."""
        found = self._components_of(Channel)
        return {attr: sig for attr, sig in found.items() if is_channel(type(sig))}

    @property
    def errors(self) -> dict[str, ErrorBars]:
        """The error bars by attribute name."""
        return self._components_of(ErrorBars)

    @property
    def backgrounds(self) -> dict[str, Background]:
        """The backgrounds by attribute name, taken or not."""
        return self._components_of(Background)

    @property
    def measured(self) -> dict[str, Channel]:
        """All that a measurement gives: channels and error bars, by attribute name."""
        return {**self.channels, **self.errors}

    @property
    def axes(self) -> dict[str, Axis]:
        """The signal axes by attribute name."""
        return self._components_of(Axis)

    @property
    def rois(self) -> dict[str, Roi]:
        """The regions of interest by attribute name."""
        return self._components_of(Roi)

    def _components_of(self, wanted: type[Any]) -> dict[str, Any]:
        return {
            attr: getattr(self, attr)
            for attr, component in self._sig_attrs.items()
            if isinstance(component.cls, type) and issubclass(component.cls, wanted)
        }

    def axes_of(self, channel: str) -> list[npt.NDArray[Any]]:
        """Return one axis per dimension of a channel, the pixel number by default.

        Parameters
        ----------
        channel
            The attribute name of a channel that has been measured.
        """
        array = np.asarray(self.channels[channel].get())
        axes: list[npt.NDArray[Any]] = [np.arange(n, dtype=float) for n in array.shape]
        for axis in self.axes.values():
            if axis.belongs_to(channel):
                axes[axis.index] = np.asarray(axis.get())
        return axes

    def dimension_of(self, channel: str) -> int | None:
        """Return the number of signal dimensions of a channel; None: any."""
        if self.dimension is not None:
            return self.dimension
        return self.channels[channel].dimension

    def panel_of(self, channel: str) -> int:
        """Return the number of the panel that PyMoDAQ shows a channel in.

        Channels of the same dimension and axes share a panel.
        """
        panels = dict.fromkeys(self._panel(attr) for attr in self.channels)
        return list(panels).index(self._panel(channel))

    def _panel(self, channel: str) -> tuple[Any, ...]:
        axes = (a for a, axis in self.axes.items() if axis.belongs_to(channel))
        return (self.dimension_of(channel), *axes)

    def grab(self) -> Frames:
        """Measure once; runs in a thread of its own and may take its time.

        Returns
        -------
        mapping
            Attribute name of each channel to its array: shape ``()`` for a
            `Detector0D`, ``(n,)`` for a `Detector1D`, ``(ny, nx)`` for a
            `Detector2D`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method `grab`")

    def trigger(self) -> DeviceStatus:
        """Start one measurement; the status is done when it can be read."""
        return self._start(self._accept)

    def take_background(self, take: bool = True) -> DeviceStatus:
        """Measure the background that belongs to all that is measured from now on.

        Parameters
        ----------
        take
            False drops it.
        """
        if take:
            return self._start(self._accept_background)
        self._show_background(False)
        status = DeviceStatus(self)
        status.set_finished()
        return status

    def stop(self, *, success: bool = False) -> None:
        """Measure no more: the average under way fails after this frame."""
        self._stopped.set()
        super().stop(success=success)

    def pause(self) -> None:
        """Leave what is being measured; the RunEngine calls it when a plan pauses.

        The plan will trigger again when it goes on; that measurement waits until the
        frame under way has come.
        """
        if self._grabbing.locked():
            self._paused.set()

    def resume(self) -> None:
        """Go on after a pause: nothing to do, the plan triggers again."""

    def _start(self, accept: Callable[[Average, float], None]) -> DeviceStatus:
        free = self._grabbing.acquire(blocking=False)
        if not free and not self._paused.is_set():
            raise DeviceError(
                f"{self.name} is measuring; wait for it before the next trigger"
            )
        if free:
            self._begin()
        timeout = self.timeout
        if timeout is not None:
            timeout *= 1 if self.hardware_averaging else self.naverage.get()
            timeout *= 1 if free else 2
        status = self._last = DeviceStatus(self, timeout=timeout)
        threading.Thread(
            target=self._measure,
            args=(status, accept, free),
            name=f"{self.name}-grab",
            daemon=True,
        ).start()
        return status

    def _begin(self) -> None:
        self._stopped.clear()
        self._paused.clear()

    def _measure(
        self,
        status: DeviceStatus,
        accept: Callable[[Average, float], None],
        free: bool,
    ) -> None:
        if not free:  # what a pause left ends first
            self._grabbing.acquire()
            self._begin()
        try:
            accept(self._averaged(status), time.time())
        except Exception as error:  # noqa: BLE001 - goes to the plan by the status
            self._grabbing.release()
            status.set_exception(error)
        else:
            self._grabbing.release()
            status.set_finished()

    def _averaged(self, status: DeviceStatus) -> Average:
        average = Average()
        count = 1 if self.hardware_averaging else self.naverage.get()
        while average.count < count and not status.done:  # done: timed out
            if self._paused.is_set() and average.count:
                break  # nobody waits for it
            if self._stopped.is_set() and average.count:
                raise DeviceError(f"{self.name} was stopped while it measured")
            average.add(self._checked(self.grab()))
        return average

    def _checked(self, frames: Frames) -> dict[str, npt.NDArray[Any]]:
        needed, possible = set(self.channels), set(self.measured)
        if not needed <= set(frames) <= possible:
            raise DeviceError(
                f"{self.name}.grab() gave the channels {sorted(frames)}; "
                f"declared are {sorted(needed)}"
            )
        arrays = {attr: np.asarray(frame) for attr, frame in frames.items()}
        for attr in self.channels:
            self._check_shape(attr, arrays[attr])
        for attr, errors in self.errors.items():
            if attr in arrays and arrays[attr].shape != arrays[errors.of].shape:
                raise DeviceError(
                    f"{self.name}.grab() gave {attr!r} of shape {arrays[attr].shape}, "
                    f"and {errors.of!r}, whose error bars they are, of shape "
                    f"{arrays[errors.of].shape}"
                )
        return arrays

    def _accept(self, average: Average, timestamp: float) -> None:
        if self.background.get():
            self._check_background(average)
        for attr, channel in self.channels.items():
            channel.accept(average.mean(attr), timestamp=timestamp)
        for attr, errors in self.errors.items():
            errors.accept(average.error_bars(attr, errors.of), timestamp=timestamp)
        for roi in self.rois.values():
            roi.measure(timestamp)

    def _accept_background(self, average: Average, timestamp: float) -> None:
        for background in self.backgrounds.values():
            background.accept(average.mean(background.of), timestamp=timestamp)
        self._show_background(True)

    def _show_background(self, shown: bool) -> None:
        for background in self.backgrounds.values():
            background.kind = Kind.normal if shown else Kind.omitted
        self.background.put(shown, force=True)

    def _check_background(self, average: Average) -> None:
        for background in self.backgrounds.values():
            taken = np.asarray(background.get()).shape
            now = average.mean(background.of).shape
            if taken != now:
                raise DeviceError(
                    f"{self.name} measured {background.of!r} of shape {now}, but its "
                    f"background is of shape {taken}; take it again, or drop it"
                )

    def _check_shape(self, attr: str, array: npt.NDArray[Any]) -> None:
        dimension = self.dimension_of(attr)
        if dimension is not None and array.ndim != dimension:
            raise DeviceError(
                f"{self.name}.grab() gave {attr!r} with {array.ndim} dimensions "
                f"{array.shape}; expected {dimension}"
            )
        for name, axis in self.axes.items():
            if not axis.belongs_to(attr):
                continue
            length = len(axis.get())
            if array.shape[axis.index : axis.index + 1] != (length,):
                raise DeviceError(
                    f"{self.name}.grab() gave {attr!r} of shape {array.shape}, but the "
                    f"axis {name!r} of dimension {axis.index} has {length} values"
                )

    def _measure_if_never_done(self) -> None:
        # A data key tells shape and dtype, which only a measurement shows.
        if not all(channel.measured for channel in self.measured.values()):
            started = self._last if self._grabbing.locked() else None
            (started or self.trigger()).wait(self.timeout)

    def read(self) -> Any:
        """Return the last measurement, the first being made when there is none."""
        self._measure_if_never_done()
        return super().read()

    def expected(self) -> dict[str, dict[str, Any]]:
        """Return the data keys as far as they are known without measuring."""
        return expected_keys(self)

    def describe(self) -> Any:
        """Return the data keys, with the shapes and dtypes that events will have."""
        self._measure_if_never_done()
        return super().describe()


def _with_rois(
    base: type[Detector], rois: Sequence[Mapping[str, Any]]
) -> type[Detector]:
    """Make a subclass of `base` with one component per region."""
    components = roi_components(base.__name__, base.dimension, rois)
    made = create_device_from_components(
        base.__name__, docstring=base.__doc__, base_class=base, **components
    )
    made.__module__ = base.__module__
    return made
