"""Regions of interest as ophyd devices; knows nothing of where data come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, Kind, Signal
from ophyd.device import Staged
from ophyd.signal import UNSET_VALUE

from pymo_bluesky.devices.cropping import MATH_FUNCTIONS, Bounds, box_bounds, crop
from pymo_bluesky.devices.datakeys import describe_value
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.setting import Setting

__all__ = ["ROI_TYPES", "CircularROI", "EllipseROI", "LinearROI", "RectROI", "Roi"]

# PyMoDAQ gives each region of a viewer a colour of its own.
_COLORS = ((255, 0, 0), (0, 170, 0), (0, 0, 255), (255, 128, 0), (170, 0, 170))


class _RoiParameter(Setting):
    """A parameter of a region.

    Parameters
    ----------
    parameter
        Its name in PyMoDAQ's ROI block.
    along
        For a length: the signal dimension whose axis gives the unit.
    **setting
        What `Setting` takes.
    """

    def __init__(
        self, *, parameter: str, along: int | None = None, **setting: Any
    ) -> None:
        self.parameter = parameter
        self.along = along
        super().__init__(**setting)

    @property
    def region(self) -> Any:
        """The region that it describes."""
        return self.parent

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key; a length has the unit of the axis it lies along."""
        if self.along is not None:
            self.units = self.region.axis_units(self.along)
        return super().describe()

    def role(self) -> dict[str, Any]:
        """Return what the data key declares under ``"pymodaq"``."""
        return {
            "role": "roi",
            "of": self.region.data_key,
            "roi": self.region.label,
            "parameter": self.parameter,
        }


class _Enabled(_RoiParameter):
    """Whether the region computes; not to be changed under a running plan."""

    def check_value(self, value: Any, **_: Any) -> None:
        """Refuse a change that would break the descriptor of a run."""
        super().check_value(value)
        staged = getattr(self.root, "_staged", Staged.no)
        if staged is Staged.yes and self.converted(value) != self.get():
            raise DeviceError(
                f"{self.name} cannot change while {self.root.name} is staged by a "
                "plan, because the events of a run all hold the same readings; "
                "change it before the plan"
            )

    def put(self, value: Any, **kwargs: Any) -> None:
        """Take a new value; the reading of the region comes or goes with it."""
        super().put(value, **kwargs)
        self.region.result.kind = Kind.hinted if self.get() else Kind.omitted
        if self.get() and self.region.channel.measured:
            self.region.measure(self.region.channel.timestamp)


class _RoiResult(Signal):
    """What the region computed last: a float; NaN when it holds no pixel."""

    def __init__(self, **signal: Any) -> None:
        super().__init__(value=UNSET_VALUE, **signal)
        self._metadata["write_access"] = False

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key; units are those of the channel."""
        roi: Any = self.parent
        key = describe_value(
            0.0,
            source=self.source_name,
            units=roi.channel.units,
            role={"role": "roi_data", "of": roi.data_key, "roi": roi.label},
        )
        return {self.name: key}


def _roi_type(value: str = "") -> Any:
    """Declare the type of a region, a parameter that never changes."""
    return Cpt(_RoiParameter, value=value, readonly=True, parameter="roi_type")


def _length(parameter: str, *, along: int) -> Any:
    """Declare a length of a region, along one signal dimension."""
    return Cpt(_RoiParameter, value=0.0, parameter=parameter, along=along)


class Roi(Device):
    """What all regions have: a channel, a function, a result.

    Subclasses say where the region lies, by `bounds`.

    Parameters
    ----------
    use_channel
        The attribute name of the detector's channel; by default its first.
    math_function
        One of mean, std, sum, max, min.
    enabled
        A disabled region gives no reading.
    color
        Red, green, blue, alpha, 0 to 255.
    index
        Its number; by default the one in the attribute's name, ``roi_00``.
    """

    dimension: ClassVar[int]

    enabled = Cpt(_Enabled, value=True, parameter="enabled")
    use_channel = Cpt(_RoiParameter, value="", parameter="use_channel")
    math_function = Cpt(
        _RoiParameter,
        value="mean",
        type="list",
        limits=list(MATH_FUNCTIONS),
        parameter="math_function",
    )
    color = Cpt(_RoiParameter, value=(), type="color", parameter="color")
    roi_type = _roi_type()
    result = Cpt(_RoiResult, kind=Kind.hinted)

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        use_channel: str = "",
        math_function: str = "mean",
        enabled: bool = True,
        color: Sequence[int] = (),
        index: int | None = None,
        **device: Any,
    ) -> None:
        super().__init__(prefix, name=name, **device)
        if index is None:
            index = int("".join(filter(str.isdigit, self.attr_name)) or 0)
        self.index = index
        self.result.name = self.name
        self._choose_channel(use_channel)
        self.math_function.put(math_function)
        self.color.put([*(color or (*_COLORS[index % len(_COLORS)], 255))])
        self.enabled.put(enabled)

    def _choose_channel(self, attr: str) -> None:
        channels = self.detector.channels
        attr = attr or next(iter(channels))
        if attr not in channels:
            raise DeviceError(
                f"{self.name}: {self.detector.name} has no channel {attr!r}; "
                f"expected one of {', '.join(channels)}"
            )
        # PyMoDAQ names a channel by its label, which is our data key.
        self.use_channel.parameter_type = "list"
        self.use_channel.limits_or_choices = [sig.name for sig in channels.values()]
        self.use_channel.put(channels[attr].name)

    @property
    def detector(self) -> Any:
        """The detector whose data it looks at."""
        return self.parent

    @property
    def label(self) -> str:
        """PyMoDAQ's name of the region, e.g. ``"ROI_00"``."""
        return f"ROI_{self.index:02d}"

    @property
    def data_key(self) -> str:
        """The data key of the array that the region is cut from."""
        return str(self.use_channel.get())

    @property
    def channel(self) -> Any:
        """The channel that the region is cut from."""
        found = {sig.name: sig for sig in self.detector.channels.values()}
        return found[self.data_key]

    def axis_units(self, dimension: int) -> str:
        """Return the unit of the channel's axis along a signal dimension."""
        attr = self.channel.attr_name
        for axis in self.detector.axes.values():
            if axis.index == dimension and axis.belongs_to(attr):
                return str(axis.units)
        return ""

    def bounds(self) -> tuple[Bounds, ...]:
        """Return lower and upper value per signal dimension, in axis units."""
        raise NotImplementedError

    def measure(self, timestamp: float) -> None:
        """Compute the result from what the channel holds."""
        if not self.enabled.get():
            return
        array = np.asarray(self.channel.get())
        axes = self.detector.axes_of(self.channel.attr_name)
        region = crop(array, axes, self.bounds())
        function = MATH_FUNCTIONS[self.math_function.get()]
        value = float(function(region)) if region.size else math.nan
        self.result.put(value, timestamp=timestamp, force=True)


class LinearROI(Roi):
    """An interval of a spectrum.

    Parameters
    ----------
    position
        ``(left, right)`` in the unit of the axis.
    **roi
        What `Roi` takes.

    Examples
    --------
    >>> from pymo_bluesky.devices import Channel, Detector1D
    >>> class Trace(Detector1D):
    ...     volts = Cpt(Channel)
    ...     peak = Cpt(LinearROI, position=(1, 3), math_function="max")
    ...     def grab(self):
    ...         return {"volts": [0.0, 4.0, 2.0, 9.0]}
    >>> Trace(name="trace").read()["trace_peak"]["value"]
    4.0
    """

    roi_type = _roi_type("LinearROI")
    dimension = 1

    position_x = _length("position/x", along=0)  # left
    position_y = _length("position/y", along=0)  # right

    def __init__(
        self, prefix: str = "", *, position: Sequence[float] = (0.0, 10.0), **roi: Any
    ) -> None:
        super().__init__(prefix, **roi)
        left, right = position
        self.position_x.put(left)
        self.position_y.put(right)

    def bounds(self) -> tuple[Bounds, ...]:
        """Return left and right, in axis units."""
        return ((self.position_x.get(), self.position_y.get()),)


class RectROI(Roi):
    """A rectangle in an image.

    Parameters
    ----------
    position
        The **centre** ``(x, y)``, in axis units.
    size
        ``(width, height)``, in axis units.
    angle
        Degrees; see `pymo_bluesky.devices.cropping` for what PyMoDAQ makes of it.
    **roi
        What `Roi` takes.

    Examples
    --------
    >>> from pymo_bluesky.devices import Channel, Detector2D
    >>> class Camera(Detector2D):
    ...     image = Cpt(Channel)
    ...     spot = Cpt(RectROI, position=(2, 1), size=(2, 2), math_function="sum")
    ...     def grab(self):
    ...         return {"image": np.arange(12).reshape(3, 4)}
    >>> camera = Camera(name="camera")
    >>> camera.spot.bounds()  # in y, in x
    ((0.0, 2.0), (1.0, 3.0))
    >>> camera.read()["camera_spot"]["value"]
    14.0
    """

    roi_type = _roi_type("RectROI")
    dimension = 2

    position_x = _length("position/x", along=1)
    position_y = _length("position/y", along=0)
    size_width = _length("size/width", along=1)
    size_height = _length("size/height", along=0)
    angle = Cpt(_RoiParameter, value=0.0, units="deg", parameter="angle")

    def __init__(
        self,
        prefix: str = "",
        *,
        position: Sequence[float] = (0.0, 0.0),
        size: Sequence[float] = (10.0, 10.0),
        angle: float = 0.0,
        **roi: Any,
    ) -> None:
        super().__init__(prefix, **roi)
        names = ("position_x", "position_y", "size_width", "size_height", "angle")
        for attr, value in zip(names, (*position, *size, angle), strict=True):
            getattr(self, attr).put(value)

    def bounds(self) -> tuple[Bounds, ...]:
        """Return the bounds in y, then in x."""
        centre = (self.position_x.get(), self.position_y.get())
        size = (self.size_width.get(), self.size_height.get())
        return box_bounds(centre, size, self.angle.get())


class EllipseROI(RectROI):
    """An ellipse in an image; PyMoDAQ 5.3.8 computes it as its bounding box."""

    roi_type = _roi_type("EllipseROI")


class CircularROI(EllipseROI):
    """A circle in an image: an ellipse of equal width and height."""

    roi_type = _roi_type("CircularROI")


#: The regions by PyMoDAQ's names, as they stand in `devices/*.yml`.
ROI_TYPES: Mapping[str, type[Roi]] = {
    cls.__name__: cls for cls in (LinearROI, RectROI, EllipseROI, CircularROI)
}
