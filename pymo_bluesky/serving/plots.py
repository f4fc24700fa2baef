"""Channels of a scan as numbers to draw, never more than a screen shows.

Knows no web and no colours; what is drawn is chosen as for any other picture
(`plotting.choosing`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NotFoundError, PymoError
from ..model import Array, Branch, Channel
from ..plotting.choosing import (
    Dimension,
    best_first,
    dimensions_of,
    drawn_as,
    in_order,
    measured_at,
    middle_of,
    outline_of,
    positions_of,
)
from ..settings import Roi

__all__ = [
    "Dimension",
    "View",
    "channel_at",
    "dimensions_of",
    "drawn_as",
    "first_channel",
    "plot",
]

_LINE = 20_000
_MOST = {"image": 1024}


def channel_at(
    branches: Sequence[Branch], place: Sequence[int]
) -> tuple[Branch, int, Channel]:
    """A channel by the numbers of its stream, its module and itself.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    try:
        stream, module, channel = place
        if min(place) < 0:
            raise IndexError
        branch = branches[stream]
        return branch, module, branch.modules[module].channels[channel]
    except (ValueError, IndexError):
        raise NotFoundError(f"there is no channel {list(place)} in the scan") from None


def first_channel(branches: Sequence[Branch]) -> str:
    """The channel that shows best what a scan measured, as `channel_at` counts."""
    best = next(iter(best_first(branches)), None)
    return ",".join(map(str, best)) if best else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of a channel is drawn, and how.

    Attributes
    ----------
    how
        ``line``, ``image``, ``points`` or ``value``; the best way by default.
    at
        Places along the dimensions that are not drawn; by default in their middle.
    array
        Which array of the channel is drawn as image.
    most
        Numbers along one dimension; by default as many as a screen shows.
    """

    how: str = ""
    at: tuple[int, ...] = ()
    array: int = 0
    most: int = 0


def plot(
    branch: Branch,
    channel: Channel,
    view: View,
    *,
    visited: np.ndarray | None = None,
    rois: Sequence[Roi] = (),
) -> dict[str, Any]:
    """What to draw of a channel.

    Parameters
    ----------
    branch, channel
        The stream, and one of its channels.
    view
        What of it.
    visited
        Which points were measured, of the stream's shape; None when all were.
    rois
        Regions of interest of its detector.

    Returns
    -------
    dict
        As JSON has it; numbers in base64.

    Raises
    ------
    PymoError
        When there is nothing to draw, or it cannot be read.
    """
    dimensions = dimensions_of(branch, channel)
    if any(not len(d.values) for d in dimensions):
        raise PymoError("nothing was measured")
    ways = drawn_as(branch, dimensions)
    how = view.how if view.how in ways else ways[0]
    first = len(dimensions) - {"image": 2, "line": 1}.get(how, len(dimensions))
    chosen, shown = dimensions[:first], dimensions[first:]
    if how == "image":
        shown = [in_order(d) for d in shown]
    places = _places(chosen, view.at, visited)
    most = view.most or _MOST.get(how, _LINE)
    steps = [-(-len(d.values) // most) for d in shown]
    key = (*places, *(slice(None, None, step) for step in steps))
    measured = measured_at(visited, dimensions, key)
    axes = positions_of(branch) if how == "points" else shown
    signal = bool(shown) and all(d.signal for d in shown)
    return {
        "how": how,
        "ways": ways,
        "axes": [_axis(d, n) for d, n in zip(axes, steps * len(axes), strict=False)],
        "series": [
            _series(a, key, measured, how) for a in _chosen(channel, how, view.array)
        ],
        "arrays": [a.label for a in channel.arrays],
        "sliders": [_slider(d, n) for d, n in zip(chosen, places, strict=True)],
        "rois": [outline_of(roi, shown) for roi in rois] if signal else [],
        "square": signal,
        "measured": bool(np.any(measured)),
    }


def _chosen(channel: Channel, how: str, number: int) -> tuple[Array, ...]:
    """The arrays that are drawn together: all as lines, else one."""
    if how == "line":
        return channel.arrays
    if not 0 <= number < len(channel.arrays):
        raise NotFoundError(f"the channel has no array {number}")
    return channel.arrays[number : number + 1]


def _places(
    chosen: Sequence[Dimension], at: Sequence[int], visited: np.ndarray | None
) -> list[int]:
    """Places along the dimensions that are not drawn; at first, one with values."""
    middle = middle_of(chosen, None if at else visited)
    return [
        min(max(0, at[n]), len(d.values) - 1) if n < len(at) else middle[n]
        for n, d in enumerate(chosen)
    ]


def _series(
    array: Array, key: tuple[Any, ...], measured: np.ndarray, how: str
) -> dict[str, Any]:
    values = np.asarray(array.data[key])
    if values.dtype.kind == "c":
        values = np.abs(values)
    if values.dtype.kind not in "biuf":
        raise PymoError(f"values of the type {values.dtype} cannot be drawn")
    kind = "<f4" if how == "image" else "<f8"
    with np.errstate(over="ignore"):
        packed = np.where(measured, values, np.nan).astype(kind)
    return {
        "label": array.label,
        "units": array.units,
        "shape": list(packed.shape),
        "type": "float32" if how == "image" else "float64",
        "data": base64.b64encode(packed.tobytes()).decode(),
    }


def _axis(dimension: Dimension, step: int) -> dict[str, Any]:
    values = dimension.values[::step].astype(float)
    about = {"label": dimension.label, "units": dimension.units}
    return {**about, "values": [v if np.isfinite(v) else None for v in values.tolist()]}


def _slider(dimension: Dimension, place: int) -> dict[str, Any]:
    value = float(dimension.values[place])
    return {
        "label": dimension.label,
        "units": dimension.units,
        "length": len(dimension.values),
        "at": place,
        "value": value if np.isfinite(value) else None,
    }
