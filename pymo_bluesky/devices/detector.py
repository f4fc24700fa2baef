"""Detectors of numbers, spectra and images; knows nothing of any instrument."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
import numpy.typing as npt
from ophyd import Component as Cpt
from ophyd import Device, Kind
from ophyd.device import create_device_from_components
from ophyd.status import DeviceStatus

from pymo_bluesky.devices.channel import Axis, Channel
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.roi import ROI_TYPES, Roi

__all__ = ["Detector", "Detector0D", "Detector1D", "Detector2D"]

Frames = Mapping[str, npt.ArrayLike]


class Detector(Device):
    """What all detectors have; subclass `Detector0D`, `Detector1D` or `Detector2D`.

    A subclass declares its channels, axes and settings as components, and overrides
    `grab`.

    Parameters
    ----------
    rois
        Regions of interest: one mapping each, with ``type`` (RectROI, EllipseROI,
        CircularROI, LinearROI) and what that class takes. They become the components
        ``roi_00``, ``roi_01``…
    timeout
        Seconds that one measurement may take; None: any time.
    **device
        What `ophyd.Device` takes.
    """

    dimension: ClassVar[int]
    settings_root: ClassVar[str] = "detector_settings"

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
        self._last: DeviceStatus | None = None
        super().__init__(prefix, name=name, **device)
        if not self.channels:
            raise DeviceError(
                f"{type(self).__name__} has no channel; declare at least one, e.g. "
                "`image = Component(Channel)`"
            )
        for attr, axis in self.axes.items():
            self._check_axis(attr, axis)

    def _check_axis(self, attr: str, axis: Axis) -> None:
        if not 0 <= axis.index < self.dimension:
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
        """The channels by attribute name."""
        return self._components_of(Channel)

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
        if not self._grabbing.acquire(blocking=False):
            raise DeviceError(
                f"{self.name} is measuring; wait for it before the next trigger"
            )
        status = self._last = DeviceStatus(self, timeout=self.timeout)
        threading.Thread(
            target=self._measure, args=(status,), name=f"{self.name}-grab", daemon=True
        ).start()
        return status

    def _measure(self, status: DeviceStatus) -> None:
        try:
            self._accept(self.grab(), time.time())
        except Exception as error:  # noqa: BLE001 - goes to the plan by the status
            self._grabbing.release()
            status.set_exception(error)
        else:
            self._grabbing.release()
            status.set_finished()

    def _accept(self, frames: Frames, timestamp: float) -> None:
        channels = self.channels
        if set(frames) != set(channels):
            raise DeviceError(
                f"{self.name}.grab() gave the channels {sorted(frames)}; "
                f"declared are {sorted(channels)}"
            )
        arrays = {attr: np.asarray(frames[attr]) for attr in channels}
        for attr, array in arrays.items():
            self._check_shape(attr, array)
        for attr, channel in channels.items():
            channel.accept(arrays[attr], timestamp=timestamp)
        for roi in self.rois.values():
            roi.measure(timestamp)

    def _check_shape(self, attr: str, array: npt.NDArray[Any]) -> None:
        if array.ndim != self.dimension:
            raise DeviceError(
                f"{self.name}.grab() gave {attr!r} with {array.ndim} dimensions "
                f"{array.shape}; a Detector{self.dimension}D has {self.dimension}"
            )
        for name, axis in self.axes.items():
            length = len(np.asarray(axis.get()))
            if axis.belongs_to(attr) and length != array.shape[axis.index]:
                raise DeviceError(
                    f"{self.name}.grab() gave {attr!r} of shape {array.shape}, but the "
                    f"axis {name!r} of dimension {axis.index} has {length} values"
                )

    def _measure_if_never_done(self) -> None:
        # A data key tells shape and dtype, which only a measurement shows.
        if not all(channel.measured for channel in self.channels.values()):
            started = self._last if self._grabbing.locked() else None
            (started or self.trigger()).wait(self.timeout)

    def read(self) -> Any:
        """Return the last measurement, the first being made when there is none."""
        self._measure_if_never_done()
        return super().read()

    def describe(self) -> Any:
        """Return the data keys, with the shapes and dtypes that events will have."""
        self._measure_if_never_done()
        return super().describe()


class Detector0D(Detector):
    """A detector of numbers: a photodiode, a multimeter.

    Examples
    --------
    >>> class Thermometer(Detector0D):
    ...     sample = Cpt(Channel, units="K")
    ...     def grab(self):
    ...         return {"sample": 293.5}
    >>> thermometer = Thermometer(name="thermometer")
    >>> thermometer.trigger().wait()
    >>> thermometer.read()["thermometer_sample"]["value"]
    293.5
    """

    dimension = 0

    def __init__(self, prefix: str = "", *, name: str, **detector: Any) -> None:
        super().__init__(prefix, name=name, **detector)
        for channel in self.channels.values():
            if channel.kind == Kind.normal:  # what a Component says by default
                channel.kind = Kind.hinted


class Detector1D(Detector):
    """A detector of spectra or traces, with one signal axis.

    Examples
    --------
    >>> class Spectrometer(Detector1D):
    ...     spectrum = Cpt(Channel, units="counts")
    ...     wavelength = Cpt(Axis, index=0, value=[500.0, 600.0, 700.0], units="nm")
    ...     def grab(self):
    ...         return {"spectrum": [1.0, 3.0, 5.0]}
    >>> band = {"type": "LinearROI", "position": [590, 800]}
    >>> spectrometer = Spectrometer(name="spectrometer", rois=[band])
    >>> spectrometer.read()["spectrometer_roi_00"]["value"]
    3.0
    """

    dimension = 1


class Detector2D(Detector):
    """A detector of images, shape ``(ny, nx)``, with the axes y (0) and x (1).

    Examples
    --------
    >>> class Camera(Detector2D):
    ...     image = Cpt(Channel, units="counts")
    ...     def grab(self):
    ...         return {"image": np.ones((3, 4), "uint16")}
    >>> Camera(name="camera").describe()["camera_image"]["shape"]
    [3, 4]
    """

    dimension = 2


def _with_rois(
    base: type[Detector], rois: Sequence[Mapping[str, Any]]
) -> type[Detector]:
    """Make a subclass of `base` with one component per region."""
    components: dict[str, Cpt[Any]] = {}
    for index, declared in enumerate(rois):
        options = dict(declared)
        roi_type = options.pop(
            "type", "RectROI" if base.dimension == 2 else "LinearROI"
        )
        cls = ROI_TYPES.get(roi_type)
        if cls is None or cls.dimension != base.dimension:
            fitting = [n for n, c in ROI_TYPES.items() if c.dimension == base.dimension]
            raise DeviceError(
                f"{base.__name__} cannot have a region of type {roi_type!r}; "
                f"expected one of {', '.join(fitting) or 'none at all'}"
            )
        components[f"roi_{index:02d}"] = Cpt(cls, index=index, **options)
    made = create_device_from_components(
        base.__name__, docstring=base.__doc__, base_class=base, **components
    )
    made.__module__ = base.__module__
    return made
