"""PyMoDAQ's data as plain arrays with their axes; imports nothing of PyMoDAQ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pymo_bluesky.devices.plugins.errors import PluginError

__all__ = ["Measured", "SignalAxis", "measured"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class SignalAxis:
    """The values along one dimension of an array.

    Attributes
    ----------
    index
        The dimension.
    label, units
        As the plugin gave them.
    values
        Shape ``(n,)``.
    """

    index: int
    label: str
    units: str
    values: Array


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One array (PyMoDAQ's channel) of what a detector gave in one grab.

    Attributes
    ----------
    viewer
        The name of the data it came in; PyMoDAQ shows each in a viewer of its own.
    label, units
        As the plugin gave them.
    array
        Shape ``()`` for a number, else that of the signal.
    axes
        As far as the plugin gave them.
    errors
        Error bars, of the shape of the array; or None.
    """

    viewer: str
    label: str
    units: str
    array: Array
    axes: tuple[SignalAxis, ...] = ()
    errors: Array | None = None


def measured(data: Any) -> tuple[Measured, ...]:
    """Take apart what a plugin emits or returns.

    Parameters
    ----------
    data
        A ``DataToExport``, one ``DataWithAxes``, or an iterable of these.

    Returns
    -------
    tuple of Measured
        Without data marked ``do_save=False``.

    Raises
    ------
    PluginError
        When nothing is left, or it is something else.
    """
    parts = [data] if hasattr(data, "labels") and hasattr(data, "data") else data
    if not isinstance(parts, Iterable):
        raise PluginError(f"it gave {data!r}, and no DataToExport")
    found = tuple(one for part in parts for one in _channels(part))
    if not found:
        raise PluginError("it gave data without any channel to be recorded")
    return found


def _channels(data: Any) -> Iterator[Measured]:
    if not hasattr(data, "labels") or not hasattr(data, "data"):
        raise PluginError(f"it gave {type(data).__name__!r} among its data")
    if getattr(data, "do_save", True) is False:  # PyMoDAQ only shows these
        return
    scalar = data.dim.name == "Data0D"
    axes = tuple(_axes(data))
    errors = data.errors if data.errors is not None else [None] * len(data.data)
    units = str(data.units)
    # PyMoDAQ lets labels be more than arrays (of those that are switched off).
    for array, label, error in zip(data.data, data.labels, errors, strict=False):
        yield Measured(
            viewer=str(data.name),
            label=str(label),
            units="" if units == "dimensionless" else units,
            array=_own(array, scalar),
            axes=() if scalar else axes,
            errors=None if error is None else _own(error, scalar),
        )


def _own(array: Any, scalar: bool) -> Array:
    """An array that the plugin will not write the next frame into."""
    kept = np.asarray(array)
    if scalar and kept.size == 1:
        return kept.reshape(()).copy()
    return kept if kept.base is None else kept.copy()


def _axes(data: Any) -> Iterator[SignalAxis]:
    shape = np.shape(data.data[0])
    seen: set[int] = set()
    for axis in data.axes:
        index = int(axis.index)
        values = np.asarray(axis.get_data())
        # Of spread navigation axes, several lie along one dimension: the first counts.
        if index in seen or index >= len(shape) or values.shape != (shape[index],):
            continue
        seen.add(index)
        yield SignalAxis(index, str(axis.label), str(axis.units), values)
