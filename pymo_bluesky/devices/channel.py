"""Channels and signal axes of a detector; knows nothing of how data are taken."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
from ophyd import Kind, Signal
from ophyd.signal import UNSET_VALUE

from pymo_bluesky.devices.datakeys import describe_value
from pymo_bluesky.devices.errors import DeviceError

__all__ = ["Axis", "Background", "Channel", "ErrorBars", "is_channel"]


class Channel(Signal):
    """The last array (or number) that a detector measured on one channel.

    Parameters
    ----------
    units
        The unit of the values.
    label
        The text that PyMoDAQ shows for the channel.
    dimension
        Signal dimensions of its arrays; of a `DetectorND` only, whose channels differ.
    **signal
        What `ophyd.Signal` takes.

    Examples
    --------
    >>> channel = Channel(name="diode", units="V")
    >>> channel.accept(np.float32(0.5), timestamp=0.0)
    >>> channel.read()
    {'diode': {'value': 0.5, 'timestamp': 0.0}}
    """

    def __init__(
        self,
        *,
        units: str = "",
        label: str = "",
        dimension: int | None = None,
        **signal: Any,
    ) -> None:
        self.units = units
        self.label = label
        self.dimension = dimension
        super().__init__(value=UNSET_VALUE, **signal)
        self._metadata["write_access"] = False

    @property
    def measured(self) -> bool:
        """Whether there is a value yet."""
        return self._readback is not UNSET_VALUE

    def forget(self) -> None:
        """Have no value any more, so that the next one is asked for first."""
        self._readback = UNSET_VALUE

    def accept(self, value: npt.ArrayLike, *, timestamp: float) -> None:
        """Take what the detector measured; 0-d arrays become Python numbers."""
        array = np.asarray(value)
        self.put(
            array.item() if array.ndim == 0 else array, timestamp=timestamp, force=True
        )

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key, with the shape and dtype of the last value."""
        return {
            self.name: describe_value(
                self.get(),
                source=self.source_name,
                units=self.units,
                role=self.role(),
            )
        }

    def role(self) -> dict[str, Any]:
        """Return what the data key declares under ``"pymodaq"``."""
        return {"label": self.label} if self.label else {}


class _Companion(Channel):
    """An array beside each array of a channel, of the same shape and unit."""

    role_name: ClassVar[str]

    def __init__(self, *, of: str, **signal: Any) -> None:
        self.of = of
        super().__init__(**signal)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key; the unit is that of the channel."""
        self.units = getattr(self.parent, self.of).units
        return super().describe()

    def role(self) -> dict[str, Any]:
        """Return what the data key declares under ``"pymodaq"``."""
        return {"role": self.role_name, "of": getattr(self.parent, self.of).name}


class ErrorBars(_Companion):
    """Error bars of a channel.

    `grab` may give them, under their own name. Where it does not, they are the standard
    error of the mean of the ``naverage`` measurements; NaN for a single one.

    Parameters
    ----------
    of
        The attribute name of the channel.
    **signal
        What `Channel` takes.

    Examples
    --------
    >>> from ophyd import Component as Cpt
    >>> from pymo_bluesky.devices import Detector0D
    >>> class Meter(Detector0D):
    ...     volts = Cpt(Channel, units="V")
    ...     volts_error = Cpt(ErrorBars, of="volts")
    ...     def grab(self):
    ...         return {"volts": 1.5, "volts_error": 0.25}
    >>> meter = Meter(name="meter")
    >>> meter.describe()["meter_volts_error"]["pymodaq"]
    {'role': 'error', 'of': 'meter_volts'}
    """

    role_name = "error"


class Background(_Companion):
    """The background of a channel; every channel of a detector has one by itself."""

    role_name = "background"


class Axis(Signal):
    """The values along one signal dimension of a detector's channels.

    Parameters
    ----------
    index
        The signal dimension: 0 for a spectrum; 0 (y) or 1 (x) for an image.
    value
        The axis, 1-D, ascending or descending.
    source
        Where the axis is taken from instead: the attribute of the detector (with dots,
        of a device in it) that is a signal with its values, in whose unit it is.
    label, units
        What PyMoDAQ writes beside it; the label is the attribute's name by default.
    of
        The attribute names of the channels it belongs to; by default all.
    **signal
        What `ophyd.Signal` takes.

    Examples
    --------
    >>> axis = Axis(name="wavelength", index=0, value=[500.0, 600.0], units="nm")
    >>> axis.describe()["wavelength"]["pymodaq"]["label"]
    'wavelength'
    """

    def __init__(
        self,
        *,
        index: int,
        value: npt.ArrayLike = (),
        source: str = "",
        label: str = "",
        units: str = "",
        of: str | Sequence[str] = (),
        **signal: Any,
    ) -> None:
        self.index = index
        self._units = units
        self.source = source
        self.of = (of,) if isinstance(of, str) else tuple(of)
        signal.setdefault("kind", Kind.config)
        super().__init__(value=self._checked(value, signal["name"]), **signal)
        self.label = label or self.attr_name or self.name

    def _validate_kind(self, val: Any) -> Kind:
        kind = super()._validate_kind(val)  # see Setting
        return Kind.config if kind == Kind.normal else kind

    @staticmethod
    def _checked(value: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
        array = np.asarray(value)
        if array.ndim != 1:
            raise DeviceError(
                f"{name}: an axis has one dimension, this has {array.ndim}"
            )
        return array

    def put(self, value: npt.ArrayLike, **kwargs: Any) -> None:
        """Take a new axis, e.g. when the grating of a spectrometer has moved."""
        if self.source:
            raise DeviceError(f"{self.name} is taken from {self.source!r}; set that")
        super().put(self._checked(value, self.name), **kwargs)

    def get(self, **_: Any) -> npt.NDArray[Any]:
        """Return the axis."""
        if self.source:
            return self._checked(self._signal().get(), self.name)
        return cast("npt.NDArray[Any]", self._readback)

    @property
    def units(self) -> str:
        """The unit of the values."""
        if self._units or not self.source:
            return self._units
        signal = self._signal()
        return str(signal.describe()[signal.name].get("units") or "")

    @units.setter
    def units(self, units: str) -> None:
        self._units = units

    def _signal(self) -> Any:
        device: Any = self.parent
        try:
            return operator.attrgetter(self.source)(device)
        except AttributeError as error:
            raise DeviceError(
                f"{self.name} is taken from {self.source!r}, but {device.name} has no "
                "such component"
            ) from error

    def belongs_to(self, channel: str) -> bool:
        """Whether it is an axis of the channel with that attribute name."""
        return not self.of or channel in self.of

    def role(self) -> dict[str, Any]:
        """Return what the data key declares under ``"pymodaq"``."""
        channels = getattr(self.parent, "channels", {})
        keys = [sig.name for attr, sig in channels.items() if self.belongs_to(attr)]
        return {
            "role": "axis",
            "of": keys[0] if len(keys) == 1 else keys,
            "index": self.index,
            "label": self.label,
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key: length, dtype, units and the declared role."""
        return {
            self.name: describe_value(
                self.get(),
                source=self.source_name,
                units=self.units,
                role=self.role(),
            )
        }


def is_channel(kind: Any) -> bool:
    """Whether a class is of a channel, and of no companion of one.

    Examples
    --------
    >>> is_channel(Channel), is_channel(ErrorBars), is_channel(Axis)
    (True, False, False)
    """
    return (
        isinstance(kind, type)
        and issubclass(kind, Channel)
        and not issubclass(kind, _Companion)
    )
