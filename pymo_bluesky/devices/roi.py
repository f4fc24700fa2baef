"""What all regions of interest have; knows nothing of their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from ophyd import Component as Cpt
from ophyd import Device, Kind, Signal
from ophyd.signal import UNSET_VALUE

from pymo_bluesky.devices.cropping import PLACES, Bounds, compute, crop
from pymo_bluesky.devices.datakeys import describe_value
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.setting import RunSetting, Setting

__all__ = ["Roi", "RoiParameter", "RoiResult", "length", "roi_type"]

# PyMoDAQ gives each region of a viewer a colour of its own.
_COLORS = ((255, 0, 0), (0, 170, 0), (0, 0, 255), (255, 128, 0), (170, 0, 170))


class RoiParameter(Setting):
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
            "viewer": self.region.viewer,
        }


class _Chooser(RunSetting, RoiParameter):
    """A parameter that decides which results the region gives."""

    def changes_readings(self, value: Any) -> bool:
        """Whether other results are read then."""
        region = self.region
        now = {"enabled": region.enabled.get(), "math_function": region.function}
        return bool(
            region.given(**now) != region.given(**{**now, self.parameter: value})
        )

    def put(self, value: Any, **kwargs: Any) -> None:
        """Take a new value; the readings of the region come or go with it."""
        super().put(value, **kwargs)
        self.region.refresh()


class RoiResult(Signal):
    """What the region computed last: a float; NaN when it holds no pixel.

    Parameters
    ----------
    along
        The signal dimension on which it is a place; None: a value of the channel.
    """

    def __init__(self, *, along: int | None = None, **signal: Any) -> None:
        self.along = along
        super().__init__(value=UNSET_VALUE, **signal)
        self._metadata["write_access"] = False

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key; the unit is the channel's, or that of its axis."""
        roi: Any = self.parent
        key = describe_value(
            0.0,
            source=self.source_name,
            units=roi.result_units(self.along),
            role={"role": "roi_data", "of": roi.data_key, "roi": roi.label},
        )
        return {self.name: key}


def roi_type(value: str = "") -> Any:
    """Declare the type of a region, a parameter that never changes."""
    return Cpt(RoiParameter, value=value, readonly=True, parameter="roi_type")


def length(parameter: str, *, along: int) -> Any:
    """Declare a length of a region, along one signal dimension."""
    return Cpt(RoiParameter, value=0.0, parameter=parameter, along=along)


class Roi(Device):
    """What all regions have: a channel, a function, a result.

    Subclasses say where the region lies, by `bounds`.

    Parameters
    ----------
    use_channel
        The attribute name of the detector's channel; by default its first that has the
        dimension of the region.
    math_function
        One of mean, std, sum, max, min; argmax and argmin, which give the place on each
        axis (y, then x); on a curve also argmean, argstd.
    enabled
        A disabled region gives no reading.
    color
        Red, green, blue, alpha, 0 to 255.
    index
        Its number; by default the one in the attribute's name, ``roi_00``.
    """

    dimension: ClassVar[int]
    functions: ClassVar[Sequence[str]]

    enabled = Cpt(_Chooser, value=True, parameter="enabled")
    use_channel = Cpt(RoiParameter, value="", parameter="use_channel")
    math_function = Cpt(_Chooser, value="mean", type="list", parameter="math_function")
    color = Cpt(RoiParameter, value=(), type="color", parameter="color")
    roi_type = roi_type()
    result = Cpt(RoiResult, kind=Kind.hinted)

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
        self.math_function.limits_or_choices = list(self.functions)
        self.math_function.put(math_function)
        self.color.put([*(color or (*_COLORS[index % len(_COLORS)], 255))])
        self.enabled.put(enabled)

    def _choose_channel(self, attr: str) -> None:
        channels = {
            attr: channel
            for attr, channel in self.detector.channels.items()
            if self.detector.dimension_of(attr) in (None, self.dimension)
        }
        attr = attr or next(iter(channels), "")
        if attr not in channels:
            raise DeviceError(
                f"{self.name}: {self.detector.name} has no channel {attr!r} of "
                f"{self.dimension} dimensions; expected one of {', '.join(channels)}"
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

    @property
    def viewer(self) -> int:
        """The number of the panel in which PyMoDAQ shows the channel."""
        return int(self.detector.panel_of(self.channel.attr_name))

    @property
    def function(self) -> str:
        """The math function."""
        return str(self.math_function.get())

    def axis_units(self, dimension: int) -> str:
        """Return the unit of the channel's axis along a signal dimension."""
        attr = self.channel.attr_name
        for axis in self.detector.axes.values():
            if axis.index == dimension and axis.belongs_to(attr):
                return str(axis.units)
        return ""

    def result_units(self, along: int | None) -> str:
        """Return the unit of a result: a place on an axis, or a value."""
        if along is None and self.function in PLACES:
            along = 0
        return self.channel.units if along is None else self.axis_units(along)

    def given(self, *, enabled: bool, math_function: str) -> tuple[str, ...]:
        """Return the attribute names of the results that are read with these."""
        del math_function  # of a curve every function gives one number
        return ("result",) if enabled else ()

    def refresh(self) -> None:
        """Read the results that are given now, and compute them anew."""
        given = self.given(enabled=self.enabled.get(), math_function=self.function)
        for attr in self._results():
            getattr(self, attr).kind = Kind.hinted if attr in given else Kind.omitted
        if given and self.channel.measured:
            self.measure(self.channel.timestamp)

    def _results(self) -> list[str]:
        return [a for a, c in self._sig_attrs.items() if c.cls is RoiResult]

    def bounds(self) -> tuple[Bounds, ...]:
        """Return lower and upper value per signal dimension, in axis units."""
        raise NotImplementedError

    def cut(
        self, array: npt.NDArray[Any], axes: Sequence[npt.NDArray[Any]]
    ) -> tuple[npt.NDArray[Any], list[npt.NDArray[Any]]]:
        """Return the values of the region, and where they are on each axis."""
        region, cropped = crop(array, axes, self.bounds())
        return region, list(np.ix_(*cropped))

    def measure(self, timestamp: float) -> None:
        """Compute the results from what the channel holds."""
        given = self.given(enabled=self.enabled.get(), math_function=self.function)
        if not given:
            return
        array = np.asarray(self.channel.get())
        if array.ndim != self.dimension:
            raise DeviceError(
                f"{self.name} is a region of {self.dimension} dimensions, but "
                f"{self.data_key} has the shape {array.shape}"
            )
        axes = self.detector.axes_of(self.channel.attr_name)
        values = compute(self.function, *self.cut(array, axes))
        for attr, value in zip(given, values, strict=True):
            getattr(self, attr).put(value, timestamp=timestamp, force=True)
