"""Thumbnails of a scan that was just written, as operations; opens no file, and never
fails: a picture costs no run.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..layouts import Layout, Role
from ..model import Axis, Branch, Channel, Module, Scan
from ..operations import SetAttributes
from ..plotting.choosing import best_first
from ..plotting.panels import Panel, Seen, panels_of
from ..plotting.raster import SIDE, raster

__all__ = ["pictured"]

log = logging.getLogger("pymo_bluesky")

_MOST_BYTES = 32 * 2**20
"""What is read for one picture; a frame or a map beyond it gets none."""

_FINE = 2 * SIDE
"""More pixels than this of a frame say nothing to a picture."""


def pictured(layout: Layout, scan: Scan, path: str) -> list[SetAttributes]:
    """Attributes with thumbnails, where PyMoDAQ's browser shows them.

    Parameters
    ----------
    layout
        Of the dataset.
    scan
        What was written, with its values.
    path
        Of its group. ``pixmap1D`` or ``pixmap2D`` there shows the scan; those of a
        detector's group show its panels: the last frame or spectrum, or its numbers.
    """
    found: list[SetAttributes] = []
    try:
        drawing = _Drawing()
        for place, panels in _places(layout, scan, path, drawing):
            attributes: dict[str, str] = {}
            for panel in panels:
                flat = panel.how in ("image", "points")
                name = "pixmap2D" if flat else "pixmap1D"
                picture = drawing.picture(panel) if name not in attributes else b""
                if picture:
                    attributes[name] = layout.encode(name, picture)
            if attributes:
                found.append(SetAttributes(place, attributes))
    except Exception:  # whatever went wrong: the data are there, and that counts
        log.info("%s gets no thumbnail", path, exc_info=True)
    return found


def _places(
    layout: Layout, scan: Scan, path: str, drawing: _Drawing
) -> Iterator[tuple[str, Iterator[Panel]]]:
    yield path, _of_scan((scan.trunk, *scan.branches), drawing)
    detectors = [m for m in scan.trunk.modules if m.kind == "detector"]
    for number, module in enumerate(detectors):
        place = layout.path(Role.DETECTOR, path, number)
        yield place, _of_detector(scan.trunk, module, drawing)


def _of_scan(branches: Sequence[Branch], drawing: _Drawing) -> Iterator[Panel]:
    """What a page shows first of the scan."""
    for stream, number, which in best_first(branches)[:1]:
        branch = branches[stream]
        module = branch.modules[number]
        yield from drawing.panels(branch, module, module.channels[which], live=False)


def _of_detector(branch: Branch, module: Module, drawing: _Drawing) -> Iterator[Panel]:
    """Its panels: of a dimension each, what was measured before what was computed."""
    channels = sorted(module.channels, key=lambda c: (c.source != "raw", -_rank(c)))
    for channel in channels:
        yield from drawing.panels(branch, module, channel, live=True)


_DIMENSIONS = {"Data0D": 0, "Data1D": 1, "Data2D": 2}


def _rank(channel: Channel) -> int:
    return _DIMENSIONS.get(channel.dimension, -1)


class _Drawing:
    """Panels and pictures: a frame that stands for scan and detector is drawn once."""

    def __init__(self) -> None:
        self._panels: dict[tuple[int, bool], list[Panel]] = {}
        self._pictures: dict[int, bytes] = {}

    def panels(
        self, branch: Branch, module: Module, channel: Channel, *, live: bool
    ) -> list[Panel]:
        """The first panel of a channel: of the scan, or of its last point alone."""
        shape = channel.arrays[0].data.shape
        signals = len(shape) - len(branch.shape)
        size = sum(
            math.prod(a.data.shape) * a.data.dtype.itemsize for a in channel.arrays
        )
        last = signals > 1 or (signals == 1 and (live or size > _MOST_BYTES))
        key = id(channel), last
        if key not in self._panels:
            found = _last(branch, channel) if last else None
            if not last and size <= _MOST_BYTES:
                found = _all(branch, channel)
            self._panels[key] = [] if found is None else _panels(module, *found)
        return self._panels[key]

    def picture(self, panel: Panel) -> bytes:
        """A panel as a PNG."""
        if id(panel) not in self._pictures:
            self._pictures[id(panel)] = raster(panel)
        return self._pictures[id(panel)]


def _panels(
    module: Module, branch: Branch, visited: np.ndarray | None, channel: Channel
) -> list[Panel]:
    # Without its settings: outlines of regions are too fine for so few pixels.
    alone = replace(module, channels=(channel,), settings=b"")
    whole: Seen = replace(branch, modules=(alone,)), visited
    return list(panels_of([whole], named=module.title))[:1]


def _all(branch: Branch, channel: Channel) -> tuple[Branch, np.ndarray | None, Channel]:
    visited = branch.visited
    mask = None if visited is None else np.asarray(visited.data[()]).astype(bool)
    fits = mask is not None and mask.shape == branch.shape
    return branch, mask if fits else None, channel


def _last(branch: Branch, channel: Channel) -> tuple[Branch, None, Channel] | None:
    """What the last point gave, as coarse as a picture can show it."""
    point: tuple[int, ...] = ()
    if branch.shape:
        inside = branch.visits
        if inside is None:
            return None
        inside = inside[inside < math.prod(branch.shape)]
        if not inside.size:
            return None
        point = tuple(int(n) for n in np.unravel_index(inside[-1], branch.shape))
    signal = channel.arrays[0].data.shape[len(branch.shape) :]
    if math.prod(signal) * channel.arrays[0].data.dtype.itemsize > _MOST_BYTES:
        return None
    steps = [max(1, n // _FINE) if len(signal) == 2 else 1 for n in signal]
    coarse = tuple(slice(None, None, step) for step in steps)
    arrays = [
        replace(array, data=np.asarray(array.data[point])[coarse])
        for array in channel.arrays[: 1 if len(signal) > 1 else None]
    ]
    axes = [_thinned(axis, steps) for axis in channel.axes]
    alone = Branch(title=branch.title)
    return alone, None, replace(channel, arrays=tuple(arrays), axes=tuple(axes))


def _thinned(axis: Axis, steps: Sequence[int]) -> Axis:
    step = steps[axis.index] if axis.index < len(steps) else 1
    return replace(axis, values=np.asarray(axis.values)[::step])
