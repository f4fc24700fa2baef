"""The panels of a picture of a scan, as numbers; knows no matplotlib and no files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import FormatError, NotFoundError, PymoError
from ..model import Array, Branch, Channel, Module
from ..settings import Roi, from_xml, rois_from_xml
from .choosing import (
    Dimension,
    dimensions_of,
    drawn_as,
    in_order,
    measured_at,
    middle_of,
    outline_of,
    positions_of,
)

__all__ = ["Curve", "Panel", "Seen", "panels_of"]

_LINE = 20_000
_SIDE = 2048

Seen = tuple[Branch, np.ndarray | None]
"""A stream, and which of its points were measured (None: all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The values that are drawn of one array.

    Attributes
    ----------
    label, units
        Of the array.
    values
        Floats, NaN where nothing was measured.
    error
        Error bars, of the same shape; None when there are none.
    """

    label: str
    units: str
    values: np.ndarray
    error: np.ndarray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes
    ----------
    title, note
        What it shows; at which place of the scan.
    how
        ``line``, ``image``, ``points`` or ``value``; ``unread`` when the values cannot
        be read, as those that lie in other files that are not allowed.
    axes
        The vertical one before the horizontal one for an image, the horizontal one
        before the vertical one for points.
    curves
        All arrays of a channel as lines; one for an image.
    rois
        See `outline_of`.
    camera
        Whether both axes of an image are those of one point's signal.
    """

    title: str
    note: str
    how: str
    axes: tuple[Dimension, ...]
    curves: tuple[Curve, ...]
    rois: tuple[dict[str, Any], ...] = ()
    camera: bool = False


def panels_of(
    streams: Sequence[Seen],
    others: Sequence[Seen] = (),
    *,
    named: str = "",
    at: Sequence[int] = (),
) -> Iterator[Panel]:
    """What there is to draw of a scan, one panel after the other.

    Parameters
    ----------
    streams
        Drawn unless something is named.
    others
        Drawn where the first ones hold nothing, and searched for what is named.
    named
        A detector, an actuator, a channel or an array; all detectors when empty.
    at
        The place of what is drawn at one point only: an index for each dimension, the
        scanned ones first. By default the middle of what was measured.

    Raises
    ------
    NotFoundError
        When there is nothing of that name.
    PymoError
        When a place is outside.
    """
    every = [*streams, *others]
    # Without a detector that measured numbers, what was moved is all there is.
    wanted = (
        [(every, "")]
        if named
        else [
            (streams, "detector"),
            (others, "detector"),
            (every, ""),
        ]
    )
    for seen, kind in wanted:
        found = [
            (_Place(branch, visited, tuple(at)), module, channel)
            for branch, visited in seen
            for module in branch.modules
            for channel in _channels(module, named)
            if kind in ("", module.kind) and _drawable(channel)
        ]
        if found:
            yield from _readable(found)
            return
    if named:
        names = dict.fromkeys(m.title for b, _ in every for m in b.modules)
        raise NotFoundError(
            f"the scan has no values of {named!r} to draw; it holds "
            f"{', '.join(names) or 'nothing'}"
        )


def _readable(found: Sequence[tuple[_Place, Module, Channel]]) -> Iterator[Panel]:
    """The panels of some channels; of one that cannot be read, the reason.

    Raises
    ------
    FormatError
        When none can be read.
    """
    unread: FormatError | None = None
    some = False
    waiting = list[Panel]()
    for place, module, channel in found:
        try:
            panels = list(_panels(place, module, channel))
        except FormatError as error:
            unread = unread or error
            title = _title(module.title, channel, channel.arrays)
            waiting.append(
                Panel(title=title, note="", how="unread", axes=(), curves=())
            )
        else:
            some = some or bool(panels)
            yield from panels
    if unread is not None and not some:
        raise unread
    yield from waiting


def _channels(module: Module, named: str) -> list[Channel]:
    """The channels of a module that a name means; one array of a channel too."""
    if named in ("", module.title, module.name):
        return list(module.channels)
    whole = [channel for channel in module.channels if channel.title == named]
    return whole or [
        replace(channel, arrays=(array,), errors=channel.errors[n : n + 1])
        for channel in module.channels
        for n, array in enumerate(channel.arrays)
        if array.label == named
    ]


def _drawable(channel: Channel) -> bool:
    return any(
        math.prod(array.data.shape) and array.data.dtype.kind in "biufc"
        for array in channel.arrays
    )


def _rois(module: Module, channel: Channel) -> tuple[Roi, ...]:
    """What is drawn over what a detector measured, not over what came of it."""
    if channel.source != "raw" or not module.settings:
        return ()
    try:
        return rois_from_xml(from_xml(module.settings))
    except FormatError:  # a picture without outlines; `validate` tells of it
        return ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is drawn: a stream, its measured points, and the place in it."""

    branch: Branch
    visited: np.ndarray | None
    at: tuple[int, ...]

    def key(
        self, dimensions: Sequence[Dimension], how: str
    ) -> tuple[tuple[Any, ...], list[int]]:
        """What is read of an array: places and slices; and which dimensions are."""
        wide = [n for n, d in enumerate(dimensions) if len(d.values) > 1]
        count = {"image": 2, "line": 1, "value": 0}.get(how, len(wide))
        shown = wide[len(wide) - count :]
        most = _SIDE if how == "image" else _LINE
        key: list[Any] = middle_of(dimensions, self.visited)
        for n, place in enumerate(self.at[: len(key)]):
            size = len(dimensions[n].values)
            if n not in shown and not -size <= place < size:
                raise PymoError(
                    f"the place {place} is outside: {dimensions[n].label} has {size} "
                    f"places, from 0 to {size - 1}"
                )
            key[n] = place
        for n in shown:
            key[n] = slice(None, None, -(-len(dimensions[n].values) // most))
        return tuple(key), shown


def _panels(place: _Place, module: Module, channel: Channel) -> Iterator[Panel]:
    """The panels of a channel: all its arrays as lines, or one for each."""
    dimensions = dimensions_of(place.branch, channel)
    wide = [d for d in dimensions if len(d.values) > 1]
    how = drawn_as(place.branch, wide)[0]
    if how == "points" and not _plane(place.branch):
        how = "line"
    key, shown = place.key(dimensions, how)
    measured = measured_at(place.visited, dimensions, key)
    axes = [_thinned(dimensions[n], key[n].step) for n in shown]
    if how == "image":
        axes = [in_order(axis) for axis in axes]
    elif how == "points":
        step = key[shown[0]].step
        axes = [_thinned(axis, step) for axis in positions_of(place.branch)]
    elif axes:
        axes = [_line_axis(place.branch, axes[0])]
    signal = bool(axes) and all(axis.signal for axis in axes)
    # Over a stack of spectra, a region of the spectrum is a range of the last axis.
    rois = _rois(module, channel) if axes and axes[-1].signal else ()
    about = Panel(
        title="",
        note=_note(place.branch, dimensions, key),
        how=how,
        axes=tuple(axes),
        curves=(),
        rois=tuple(
            outline_of(roi, axes)
            for roi in rois
            if signal or roi.roi_type == "LinearROI"
        ),
        camera=signal and how == "image",
    )
    curves = [
        _curve(array, _nth(channel.errors, n), key, measured)
        for n, array in enumerate(channel.arrays)
        if array.data.dtype.kind in "biufc"
    ]
    for group in [curves] if how == "line" else [[curve] for curve in curves]:
        title = _title(module.title, channel, group)
        yield replace(about, title=title, curves=tuple(group))


def _nth(arrays: Sequence[Array], n: int) -> Array | None:
    return arrays[n] if n < len(arrays) else None


def _title(
    module: str, channel: Channel, curves: Sequence[Curve] | Sequence[Array]
) -> str:
    label = curves[0].label if len(curves) == 1 else channel.title
    if channel.source != "raw" and channel.title not in label:
        label = f"{channel.title} {label}"
    return label if label.startswith(module) else f"{module}: {label}"


def _thinned(dimension: Dimension, step: int) -> Dimension:
    return replace(dimension, values=dimension.values[::step])


def _plane(branch: Branch) -> bool:
    """Whether the positions of a spread scan are on a plane, not along one line."""
    if len(branch.axes) != 2:
        return False
    x, y = (np.asarray(axis.values, float) for axis in branch.axes)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3:
        return False
    wide, high = x.max() - x.min(), y.max() - y.min()
    if not (wide and high):
        return False
    x, y = (x - x.mean()) / wide, (y - y.mean()) / high
    # The lesser square of the singular values, of which there are two: LAPACK takes
    # 14 ms for those of 20,000 places, and wakes threads, as `@` does.
    a, b, c = ((u * v).sum() for u, v in ((x, x), (x, y), (y, y)))
    return bool((a + c - np.hypot(a - c, 2 * b)) / 2 > 1e-6)


def _line_axis(branch: Branch, axis: Dimension) -> Dimension:
    """The axis of a curve: of a spread scan the first that moved, else the time."""
    if axis.signal:
        return axis
    if branch.spread:
        moved = (a for a in branch.axes if np.size(a.values) and np.ptp(a.values) > 0)
        first = next(moved, None)
        if first is not None and np.shape(first.values) == axis.values.shape:
            values = np.asarray(first.values)
            return replace(axis, label=first.label, units=first.units, values=values)
    times = branch.timestamps
    if axis.label == "point" and times and times.data.shape == axis.values.shape:
        values = np.asarray(times.data[()], float)
        return replace(axis, label="time", units="s", values=values)
    return axis


def _note(branch: Branch, dimensions: Sequence[Dimension], key: Sequence[Any]) -> str:
    """At which place of the dimensions that are not drawn."""
    chosen = [
        (dimension, place)
        for dimension, place in zip(dimensions, key, strict=True)
        if not isinstance(place, slice) and len(dimension.values) > 1
    ]
    words = list[str]()
    for dimension, place in chosen:
        axes = [dimension]
        if branch.spread and not dimension.signal:
            words.append(f"point {range(len(dimension.values))[place]}")
            axes = positions_of(branch)
        words += [
            f"{axis.label} = {axis.values[place]:.6g} {axis.units}".rstrip()
            for axis in axes
        ]
    return f"at {', '.join(words)}" if words else ""


def _curve(
    array: Array, error: Array | None, key: tuple[Any, ...], measured: np.ndarray
) -> Curve:
    def read(array: Array) -> np.ndarray:
        values = np.asarray(array.data[key])
        values = np.abs(values) if values.dtype.kind == "c" else values
        return np.where(measured, values, np.nan).astype(float)

    alike = error is not None and error.data.shape == array.data.shape
    return Curve(
        label=array.label,
        units=array.units,
        values=read(array),
        error=read(error) if error is not None and alike else None,
    )
