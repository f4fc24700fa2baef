"""PyMoDAQ's arithmetic of regions of interest; knows nothing of ophyd.

Everything here gives what PyMoDAQ 5.3.8 gives: a region is a slice in axis units,
lower bound included, upper excluded; an ellipse counts as its bounding box; a rotated
region as the unrotated box, moved to where the corner of the rotated one is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MATH_FUNCTIONS", "box_bounds", "crop", "index_of"]

FloatArray = npt.NDArray[Any]
Bounds = tuple[float, float]

#: What a region may compute, by PyMoDAQ's names.
MATH_FUNCTIONS: dict[str, Callable[[FloatArray], Any]] = {
    "mean": np.mean,
    "std": np.std,
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
}


def index_of(axis: FloatArray, value: float) -> int:
    """Return the index in an ascending `axis` at which a slice bound `value` lies.

    Parameters
    ----------
    axis
        Ascending values, shape ``(n,)``.
    value
        In the unit of the axis.

    Returns
    -------
    int
        0 … n; n when `value` lies beyond the axis, so that it can end a slice.

    Notes
    -----
    PyMoDAQ keeps an evenly spaced axis as offset and step and truncates, in any other
    it takes the nearest value (pymodaq_data 5.3 data.py, ``Axis.find_index``).

    Examples
    --------
    >>> index_of(np.arange(5.0), 2.9)
    2
    >>> index_of(np.array([0.0, 1.0, 2.9, 7.0]), 2.8)
    2
    """
    steps = np.diff(axis)
    even = len(axis) == 1 or bool(np.allclose(steps, np.mean(steps)))
    step = float(np.mean(steps)) if len(axis) > 1 else 1.0
    end = axis[0] + len(axis) * step if even else axis[-1]
    if value <= axis[0]:
        return 0
    if value >= end:
        return len(axis)
    if even:
        return int((value - axis[0]) / step)
    return int(np.argmin(np.abs(axis - value)))


def _slice(axis: FloatArray, bounds: Bounds) -> slice:
    if len(axis) > 1 and axis[0] > axis[-1]:
        # PyMoDAQ 5.3.8 crops nothing sensible on a descending axis; the same
        # values as on the mirrored image are meant.
        mirrored = _slice(axis[::-1], bounds)
        return slice(len(axis) - mirrored.stop, len(axis) - mirrored.start)
    return slice(index_of(axis, bounds[0]), index_of(axis, bounds[1]))


def crop(
    array: FloatArray, axes: Sequence[FloatArray], bounds: Sequence[Bounds]
) -> FloatArray:
    """Cut a region out of `array`.

    Parameters
    ----------
    array
        A spectrum, shape ``(n,)``, or an image, shape ``(ny, nx)``.
    axes
        One axis per dimension.
    bounds
        Lower and upper value per dimension, in the unit of its axis.

    Returns
    -------
    numpy.ndarray
        A view; empty when the region lies beside the data.

    Examples
    --------
    >>> image = np.arange(12).reshape(3, 4)
    >>> crop(image, [np.arange(3.0), np.arange(4.0)], [(0, 2), (1, 3)])
    array([[1, 2],
           [5, 6]])
    """
    slices = (_slice(ax, low_high) for ax, low_high in zip(axes, bounds, strict=True))
    return array[tuple(slices)]


def box_bounds(
    centre: tuple[float, float], size: tuple[float, float], angle: float
) -> tuple[Bounds, Bounds]:
    """Return the bounds ``(y, x)`` of a region given by centre, size and angle.

    Parameters
    ----------
    centre
        ``(x, y)`` in axis units.
    size
        ``(width, height)`` in axis units.
    angle
        Degrees, counter-clockwise.

    Examples
    --------
    >>> box_bounds((10, 20), (4, 2), 0)
    ((19.0, 21.0), (8.0, 12.0))
    """
    width, height = size
    radians = np.deg2rad(angle)
    cosine, sine = float(np.cos(radians)), float(np.sin(radians))
    left = centre[0] - (width * cosine - height * sine) / 2
    bottom = centre[1] - (width * sine + height * cosine) / 2
    return (bottom, bottom + height), (left, left + width)
