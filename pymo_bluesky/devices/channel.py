"""Channels and signal axes of a detector; knows nothing of how data are taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from ophyd import Kind, Signal
from ophyd.signal import UNSET_VALUE

from pymo_bluesky.devices.datakeys import describe_value
from pymo_bluesky.devices.errors import DeviceError

__all__ = ["Axis", "Channel"]


class Channel(Signal):
    """The last array (or number) that a detector measured on one channel.

    Parameters
    ----------
    units
        The unit of the values.
    label
        The text that PyMoDAQ shows for the channel.
    **signal
        What `ophyd.Signal` takes.

    Examples
    --------
    >>> channel = Channel(name="diode", units="V")
    >>> channel.accept(np.float32(0.5), timestamp=0.0)
    >>> channel.read()
    {'diode': {'value': 0.5, 'timestamp': 0.0}}
    """

    def __init__(self, *, units: str = "", label: str = "", **signal: Any) -> None:
        self.units = units
        self.label = label
        super().__init__(value=UNSET_VALUE, **signal)
        self._metadata["write_access"] = False

    @property
    def measured(self) -> bool:
        """Whether there is a value yet."""
        return self._readback is not UNSET_VALUE

    def accept(self, value: npt.ArrayLike, *, timestamp: float) -> None:
        """Take what the detector measured; 0-d arrays become Python numbers."""
        array = np.asarray(value)
        self.put(
            array.item() if array.ndim == 0 else array, timestamp=timestamp, force=True
        )

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key, with the shape and dtype of the last value."""
        role = {"label": self.label} if self.label else None
        return {
            self.name: describe_value(
                self.get(), source=self.source_name, units=self.units, role=role
            )
        }


class Axis(Signal):
    """The values along one signal dimension of a detector's channels.

    Parameters
    ----------
    index
        The signal dimension: 0 for a spectrum; 0 (y) or 1 (x) for an image.
    value
        The axis, 1-D, ascending or descending.
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
        label: str = "",
        units: str = "",
        of: str | Sequence[str] = (),
        **signal: Any,
    ) -> None:
        self.index = index
        self.units = units
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
        super().put(self._checked(value, self.name), **kwargs)

    def get(self, **_: Any) -> npt.NDArray[Any]:
        """Return the axis."""
        return cast("npt.NDArray[Any]", self._readback)

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
