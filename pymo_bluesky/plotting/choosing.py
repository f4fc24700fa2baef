"""What of a channel is drawn, along which axes; knows no colours and no screen.

A channel has dimensions: those that were scanned, then those of its signal. One or
two of them are drawn; of the others one place is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model import Axis, Branch, Channel
from ..settings import Roi

__all__ = [
    "Dimension",
    "best_first",
    "dimensions_of",
    "drawn_as",
    "in_order",
    "limits",
    "measured_at",
    "middle_of",
    "outline_of",
    "positions_of",
]


_FAR = 4.0
"""How often the range of nearly all values fits into that of all, where few stray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One dimension of a channel.

    Attributes
    ----------
    label, units, values
        Of its axis; the values count from 0 where it has none.
    signal
        Whether it is one of a single point's signal.
    """

    label: str
    units: str
    values: np.ndarray
    signal: bool


def dimensions_of(branch: Branch, channel: Channel) -> list[Dimension]:
    """Dimensions of a channel, the scanned ones first.

    Examples
    --------
    >>> from ..model import Array
    >>> x = Axis(label="x", units="mm", values=np.array([0.0, 1.0, 2.0]))
    >>> branch = Branch(title="primary", shape=(3,), axes=(x,))
    >>> spectra = Array(label="spectrum", data=np.zeros((3, 64)))
    >>> channel = Channel(title="spectrum", dimension="Data1D", arrays=(spectra,))
    >>> [(d.label, d.signal) for d in dimensions_of(branch, channel)]
    [('x', False), ('pixel', True)]
    """
    shape = channel.arrays[0].data.shape
    depth = len(branch.shape) if shape[: len(branch.shape)] == branch.shape else 0
    return [
        _dimension(
            branch.axes if n < depth else channel.axes,
            n if n < depth else n - depth,
            size,
            signal=n >= depth,
        )
        for n, size in enumerate(shape)
    ]


def _dimension(
    axes: Sequence[Axis], index: int, size: int, *, signal: bool
) -> Dimension:
    unnamed = "pixel" if signal else "point"
    for axis in axes:
        values = np.asarray(axis.values)
        if (
            axis.index == index
            and values.shape == (size,)
            and values.dtype.kind in "iuf"
        ):
            label = axis.label or unnamed
            return Dimension(
                label=label, units=axis.units, values=values, signal=signal
            )
    return Dimension(label=unnamed, units="", values=np.arange(size), signal=signal)


def best_first(branches: Sequence[Branch]) -> list[tuple[int, int, int]]:
    """The channels of a scan, the one that shows best what it measured first.

    One number for each point before spectra and images, but of one point alone the
    image before the spectrum before the number; what was measured before what was
    computed of it and what was moved.

    Returns
    -------
    list of tuple
        Number of the stream, of the module in it, and of the channel in that.
    """
    ranked = [
        (stream > 0, module.kind != "detector", channel.source != "raw", signals, place)
        for stream, branch in enumerate(branches)
        for number, module in enumerate(branch.modules)
        for which, channel in enumerate(module.channels)
        if channel.arrays
        for place in [(stream, number, which)]
        for signals in [_rank(branch, channel)]
    ]
    return [rank[-1] for rank in sorted(ranked)]


def _rank(branch: Branch, channel: Channel) -> int:
    """Which channels show best: a curve of numbers, the richest of one point."""
    shape = channel.arrays[0].data.shape[len(branch.shape) :]
    if math.prod(branch.shape) != 1:
        return len(shape)
    wide = sum(size > 1 for size in shape)
    return {2: 0, 1: 1, 0: 3}.get(wide, 2)  # no viewer shows a volume as it is


def drawn_as(branch: Branch, dimensions: Sequence[Dimension]) -> list[str]:
    """How a channel can be drawn, the best way first."""
    signals = sum(d.signal for d in dimensions)
    scanned = len(dimensions) - signals
    if not dimensions:
        return ["value"]
    if not signals and branch.spread and len(branch.axes) > 1 and scanned == 1:
        return ["points", "line"]
    if len(dimensions) == 1:
        return ["line"]
    if signals == 1 and scanned > 1:
        return ["line", "image"]
    return ["image", "line"]


def in_order(dimension: Dimension) -> Dimension:
    """A dimension whose places go one way, as those of a map do."""
    steps = np.diff(dimension.values.astype(float))
    if np.all(steps > 0) or np.all(steps < 0):
        return dimension
    return Dimension(
        label="point",
        units="",
        values=np.arange(len(dimension.values)),
        signal=dimension.signal,
    )


def middle_of(chosen: Sequence[Dimension], visited: np.ndarray | None) -> list[int]:
    """Places along dimensions that are not drawn: in the middle of what was measured.

    Parameters
    ----------
    chosen
        The first dimensions of a channel.
    visited
        Which points were measured; None when all were.
    """
    middle = [len(d.values) // 2 for d in chosen]
    if visited is None or not visited.any():
        return middle
    measured = np.argwhere(visited)
    place = measured[len(measured) // 2].tolist()
    return [*place, *middle[len(place) :]][: len(chosen)]


def measured_at(
    visited: np.ndarray | None, dimensions: Sequence[Dimension], key: tuple[Any, ...]
) -> np.ndarray:
    """Which of the values that are drawn were measured; to be broadcast to them.

    Parameters
    ----------
    visited
        Which points were; None when all were.
    dimensions
        All of the channel.
    key
        What is drawn: a place or a slice of each dimension.
    """
    if visited is None or any(d.signal for d in dimensions[: visited.ndim]):
        return np.array(True)
    mask = visited[key[: visited.ndim]]
    signals = sum(isinstance(part, slice) for part in key[visited.ndim :])
    return np.asarray(mask).reshape(np.shape(mask) + (1,) * signals)


def positions_of(branch: Branch) -> list[Dimension]:
    """Positions of the points of a spread scan: the first axis goes to the right."""
    return [
        Dimension(
            label=axis.label,
            units=axis.units,
            values=np.asarray(axis.values),
            signal=False,
        )
        for axis in branch.axes[:2]
    ]


def outline_of(roi: Roi, shown: Sequence[Dimension]) -> dict[str, Any]:
    """A region of interest in units of the axes that are shown.

    Parameters
    ----------
    roi
        As it is stored: its centre or a corner, in units of the axes or in pixels.
    shown
        Two dimensions of an image, the vertical one first; or one of a curve.

    Returns
    -------
    dict
        name, color (red, green, blue), enabled, type; edges of a LinearROI, else
        centre (x, y), size (width, height) and angle in degrees.
    """
    about = {
        "name": roi.name,
        "color": list(roi.color[:3]),
        "enabled": roi.enabled,
        "type": roi.roi_type,
    }
    x, y = roi.centre
    if roi.roi_type == "LinearROI":
        return {**about, "edges": [x, y]}
    width, height = roi.size or (0.0, 0.0)
    if roi.unit == "pixel" and len(shown) == 2:
        vertical, horizontal = shown
        width, height = width * _pixel(horizontal), height * _pixel(vertical)
        x, y = _place(horizontal, x), _place(vertical, y)
    return {**about, "centre": [x, y], "size": [width, height], "angle": roi.angle}


def _pixel(dimension: Dimension) -> float:
    values = dimension.values
    return float(values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 1.0


def _place(dimension: Dimension, pixel: float) -> float:
    """Where a pixel's number is on an axis; half a pixel lies before the first."""
    return float(dimension.values[0]) + (pixel - 0.5) * _pixel(dimension)


def limits(values: np.ndarray) -> tuple[float, float, str]:
    """Where the colours begin and end, and which ends of their bar are arrows.

    A few hot pixels would make everything else dark: the arrows tell of them.
    """
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    near, far = np.percentile(finite, (0.2, 99.8)).tolist()
    if finite.size < 1000 or near == far or high - low < _FAR * (far - near):
        return low, high, "neither"
    ends = {(True, True): "both", (True, False): "min", (False, True): "max"}
    return near, far, ends.get((low < near, high > far), "neither")
