"""PyMoDAQ's arithmetic of regions of interest; knows nothing of ophyd.

By default everything here gives what PyMoDAQ 5.3.8 gives: a region is a slice in axis
units, lower bound included, upper excluded; an ellipse counts as its bounding box; a
rotated region as the unrotated box, moved to where the corner of the rotated one is.
`shape_mask` gives what is really inside, for those who choose so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "FUNCTIONS_1D",
    "FUNCTIONS_2D",
    "PLACES",
    "box_bounds",
    "compute",
    "crop",
    "index_of",
    "pixel_centres",
    "shape_mask",
]

FloatArray = npt.NDArray[Any]
Bounds = tuple[float, float]

_NUMBERS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "std": np.std,
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
}
#: Functions that give a place on each axis instead of a value.
PLACES = ("argmax", "argmin", "argmean", "argstd")
#: What a region of an image may compute, by PyMoDAQ's names.
FUNCTIONS_2D = (*_NUMBERS, "argmax", "argmin")
#: What a region of a curve may compute.
FUNCTIONS_1D = (*FUNCTIONS_2D, "argmean", "argstd")


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
    even, step = _spacing(axis)
    end = axis[0] + len(axis) * step if even else axis[-1]
    if value <= axis[0]:
        return 0
    if value >= end:
        return len(axis)
    if even:
        return int((value - axis[0]) / step)
    return int(np.argmin(np.abs(axis - value)))


def _spacing(axis: FloatArray) -> tuple[bool, float]:
    """Whether an axis is evenly spaced, by PyMoDAQ's test, and its mean step."""
    if len(axis) < 2:
        return True, 1.0
    steps = np.diff(axis)
    return bool(np.allclose(steps, np.mean(steps))), float(np.mean(steps))


def _slice(axis: FloatArray, bounds: Bounds) -> slice:
    if len(axis) > 1 and axis[0] > axis[-1]:
        # PyMoDAQ 5.3.8 crops nothing sensible on a descending axis; the same
        # values as on the mirrored image are meant.
        mirrored = _slice(axis[::-1], bounds)
        return slice(len(axis) - mirrored.stop, len(axis) - mirrored.start)
    return slice(index_of(axis, bounds[0]), index_of(axis, bounds[1]))


def crop(
    array: FloatArray, axes: Sequence[FloatArray], bounds: Sequence[Bounds]
) -> tuple[FloatArray, list[FloatArray]]:
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
    tuple
        The region, a view, empty when it lies beside the data; and its axes.

    Examples
    --------
    >>> image = np.arange(12).reshape(3, 4)
    >>> region, (y, x) = crop(image, [np.arange(3.0), np.arange(4.0)], [(0, 2), (1, 3)])
    >>> region
    array([[1, 2],
           [5, 6]])
    >>> x
    array([1., 2.])
    """
    slices = [_slice(ax, low_high) for ax, low_high in zip(axes, bounds, strict=True)]
    return array[tuple(slices)], [ax[cut] for ax, cut in zip(axes, slices, strict=True)]


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


def pixel_centres(axis: FloatArray) -> FloatArray:
    """Return where the middles of the pixels of an axis are.

    PyMoDAQ draws (and cuts) the pixel of an even axis from its value to the next.

    Examples
    --------
    >>> pixel_centres(np.array([0.0, 2.0, 4.0]))
    array([1., 3., 5.])
    """
    even, step = _spacing(axis)
    return axis + step / 2 if even else axis


def shape_mask(
    axes: Sequence[FloatArray],
    centre: tuple[float, float],
    size: tuple[float, float],
    angle: float,
    *,
    ellipse: bool,
) -> npt.NDArray[np.bool_]:
    """Return which pixels have their middle inside a rotated rectangle or ellipse.

    Parameters
    ----------
    axes
        Of the image, y then x.
    centre, size, angle
        As of `box_bounds`.
    ellipse
        The ellipse that the rectangle encloses, or the rectangle itself.

    Returns
    -------
    numpy.ndarray
        Shape ``(ny, nx)``.

    Examples
    --------
    >>> axes = [np.arange(4.0), np.arange(4.0)]
    >>> shape_mask(axes, (2, 2), (4, 4), 0, ellipse=True).astype(int)
    array([[0, 1, 1, 0],
           [1, 1, 1, 1],
           [1, 1, 1, 1],
           [0, 1, 1, 0]])
    """
    y, x = (pixel_centres(np.asarray(axis, dtype=float)) for axis in axes)
    dx, dy = x[np.newaxis, :] - centre[0], y[:, np.newaxis] - centre[1]
    radians = math.radians(angle)
    along = dx * math.cos(radians) + dy * math.sin(radians)
    across = dy * math.cos(radians) - dx * math.sin(radians)
    half_width, half_height = (abs(length) / 2 for length in size)
    if not half_width * half_height:
        return np.zeros((len(y), len(x)), dtype=bool)
    if ellipse:
        return (along / half_width) ** 2 + (across / half_height) ** 2 <= 1
    inside = (-half_width <= along) & (along < half_width)
    return inside & (-half_height <= across) & (across < half_height)


def compute(
    function: str, values: FloatArray, places: Sequence[FloatArray]
) -> tuple[float, ...]:
    """Apply a function to the values of a region.

    Parameters
    ----------
    function
        One of `FUNCTIONS_1D` or `FUNCTIONS_2D`.
    values
        Of any shape.
    places
        For each axis, where the values are: an array that broadcasts to their shape.

    Returns
    -------
    tuple of float
        One number; for `PLACES` one on each axis. NaN where there are no values.

    Examples
    --------
    >>> image = np.array([[0, 1], [7, 2]])
    >>> y, x = np.array([[10.0], [20.0]]), np.array([1.0, 2.0])
    >>> compute("sum", image, [y, x]), compute("argmax", image, [y, x])
    ((10.0,), (20.0, 1.0))
    """
    count = len(places) if function in PLACES else 1
    if not values.size:
        return (math.nan,) * count
    if function in _NUMBERS:
        # All axes by number, as PyMoDAQ: the order of summation is the same then.
        return (float(_NUMBERS[function](values, axis=tuple(range(values.ndim)))),)
    everywhere = [np.broadcast_to(place, values.shape) for place in places]
    if function in ("argmean", "argstd"):
        return tuple(_moment(function, values, place) for place in everywhere)
    if np.all(np.isnan(values)):
        return (math.nan,) * count
    find = np.nanargmax if function == "argmax" else np.nanargmin
    index = np.unravel_index(int(find(values)), values.shape)
    return tuple(float(place[index]) for place in everywhere)


def _moment(function: str, weights: FloatArray, places: FloatArray) -> float:
    """Mean or standard deviation of the places, weighted by the values."""
    total = np.sum(weights)
    if not total:
        return math.nan
    mean = np.average(places, weights=weights)
    if function == "argmean":
        return float(mean)
    variance = np.sum(weights * (places - mean) ** 2) / total
    return float(np.sqrt(variance)) if variance >= 0 else math.nan
