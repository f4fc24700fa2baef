"""Which channels and axes a detector has, told by its data; knows no plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
from ophyd import Component as Cpt

from pymo_bluesky.devices.channel import Axis, Channel, ErrorBars
from pymo_bluesky.devices.plugins.arrays import Measured, SignalAxis
from pymo_bluesky.devices.plugins.errors import PluginError
from pymo_bluesky.devices.plugins.settings import attribute_name

__all__ = ["Layout"]

Key = tuple[str, str, int]


class Layout:
    """The channels and axes of a detector, by the names of their components.

    Parameters
    ----------
    frame
        What it gave first; later frames have to have the same channels.

    Attributes
    ----------
    components
        Name to component: channels, their error bars, axes.

    Examples
    --------
    >>> import numpy as np
    >>> wavelength = SignalAxis(0, "wavelength", "nm", np.linspace(500, 600, 3))
    >>> trace = Measured("v", "CH 00", "V", np.zeros(3), axes=(wavelength,))
    >>> layout = Layout([trace])
    >>> sorted(layout.components)
    ['CH_00', 'wavelength']
    """

    def __init__(self, frame: Sequence[Measured]) -> None:
        self.components: dict[str, Any] = {}
        self._names: dict[Key, str] = {}
        self._errors: dict[str, str] = {}
        self._axes: dict[tuple[str, int], str] = {}
        self._taken = {"settings", "naverage", "background", "detector_type"}
        for key, one in _keyed(frame).items():
            self._add_channel(key, one, several=len({m.viewer for m in frame}) > 1)
        self._add_axes(frame)

    def _add_channel(self, key: Key, one: Measured, *, several: bool) -> None:
        text = f"{one.viewer}_{one.label}" if several else one.label
        name = self._names[key] = attribute_name(text, self._taken)
        self.components[name] = Cpt(
            Channel, units=one.units, label=one.label, dimension=one.array.ndim
        )
        if one.errors is not None:
            bars = self._errors[name] = attribute_name(f"{name}_errors", self._taken)
            self.components[bars] = Cpt(ErrorBars, of=name)

    def _add_axes(self, frame: Sequence[Measured]) -> None:
        """Make one component for all channels that have the same axis."""
        alike: dict[tuple[Any, ...], tuple[SignalAxis, list[str]]] = {}
        for key, one in _keyed(frame).items():
            for axis in one.axes:
                same = (axis.index, axis.label, axis.units, axis.values.tobytes())
                alike.setdefault(same, (axis, []))[1].append(self._names[key])
        for axis, owners in alike.values():
            default = f"axis{axis.index}"
            name = attribute_name(axis.label or default, self._taken)
            self._axes.update({(owner, axis.index): name for owner in owners})
            self.components[name] = Cpt(
                Axis,
                index=axis.index,
                value=axis.values,
                label=axis.label or default,
                units=axis.units,
                of=owners,
            )

    def frames(self, frame: Sequence[Measured]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by the names of their components.

        Raises
        ------
        PluginError
            When the channels are others than at first.
        """
        keyed = _keyed(frame)
        if set(keyed) != set(self._names):
            raise PluginError(
                f"its channels are now {_told(keyed)}; they were {_told(self._names)} "
                "when the device was built: build it again"
            )
        arrays: dict[str, npt.NDArray[Any]] = {}
        for key, one in keyed.items():
            name = self._names[key]
            arrays[name] = one.array
            if name in self._errors and one.errors is not None:
                arrays[self._errors[name]] = one.errors
        return arrays

    def axes(self, frame: Sequence[Measured]) -> dict[str, npt.NDArray[Any]]:
        """Return the axes that came with a frame, by the names of their components.

        Many plugins send an axis only when it has changed.
        """
        return {
            self._axes[owner, axis.index]: axis.values
            for key, one in _keyed(frame).items()
            for axis in one.axes
            if (owner := self._names.get(key, ""), axis.index) in self._axes
        }


def _keyed(frame: Sequence[Measured]) -> dict[Key, Measured]:
    """Number the arrays that have one viewer and label."""
    seen: Counter[tuple[str, str]] = Counter()
    keyed: dict[Key, Measured] = {}
    for one in frame:
        keyed[(one.viewer, one.label, seen[one.viewer, one.label])] = one
        seen[one.viewer, one.label] += 1
    return keyed


def _told(keys: Any) -> str:
    return ", ".join(f"{viewer}/{label}" for viewer, label, _ in keys)
