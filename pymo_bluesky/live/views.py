"""Windows that follow a run: a map, a spectrum, a camera; knows no files, no plans."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from bluesky.callbacks.mpl_plotting import QtAwareCallback
from event_model import unpack_event_page

from ..plotting.drawing import labelled
from .drawing import draw_image, draw_line, limits_of, update_image, update_line
from .guarding import Guarded, windows_open
from .signals import Shown, hinted, mapped_fields, signals_of

__all__ = ["LiveCamera", "LiveMap", "LiveSpectrum"]

Clock = Callable[[], float]


class _View(QtAwareCallback):
    """What all views have: a key, a window, and a pace.

    Parameters
    ----------
    key
        The data key; by default the first that can be shown so.
    ax
        matplotlib's axes to draw on. Without, a window opens, and where there is no
        display, or no Qt, the view is off.
    interval
        Seconds between two drawings, at least; the last event is always drawn.
    clock
        Tells the seconds.
    """

    dimension: int

    def __init__(
        self,
        key: str | None = None,
        *,
        ax: Any = None,
        interval: float = 0.2,
        clock: Clock = time.monotonic,
    ) -> None:
        self.key = key
        self.interval = interval
        self.enabled = ax is not None or windows_open()
        self.drawn = 0
        self._ax: Any = ax
        self._clock = clock
        self._due = -np.inf
        self._pending = False
        self._start: Mapping[str, Any] = {}
        self._shown: Shown | None = None
        self._descriptor = ""
        self._guarded = Guarded(self._pass_on, type(self).__name__)
        # Without a display nothing of Qt is asked for.
        super().__init__(use_teleporter=None if self.enabled and ax is None else False)

    def __call__(self, name: str, doc: Any, *, escape: bool = False) -> None:
        """Take one document; whatever happens, the run goes on."""
        if self.enabled:
            self._guarded.through(name, doc, escape=escape)

    def _pass_on(self, name: str, doc: Any, **how: Any) -> None:
        super().__call__(name, doc, **how)

    # ----------------------------------------------------------------- documents

    def start(self, doc: Any) -> None:
        """Forget the run before."""
        self._start, self._shown, self._descriptor = doc, None, ""
        self._pending, self._due = False, -np.inf
        self._begin()

    def descriptor(self, doc: Any) -> None:
        """Look for the data key in a stream."""
        if self._shown is None and (found := self._find(doc)) is not None:
            self._shown, self._descriptor = found, doc["uid"]

    def event(self, doc: Any) -> Any:
        """Take a point, and draw it when it is time."""
        shown = self._shown
        if shown is None or doc["descriptor"] != self._descriptor:
            return
        if shown.key not in doc["data"]:
            return
        self._take(shown, doc)
        self._pending = True
        if self._clock() >= self._due:
            self._show(shown)

    def event_page(self, doc: Any) -> Any:
        """Take many points."""
        for event in unpack_event_page(doc):
            self.event(event)

    def stop(self, doc: Any) -> None:
        """Draw what has not been drawn yet."""
        if self._shown is not None and self._pending:
            self._show(self._shown)

    # ------------------------------------------------------------------- drawing

    def _show(self, shown: Shown) -> None:
        self._pending = False
        self._draw(self._axes(shown), shown)
        self._ax.figure.canvas.draw_idle()
        self.drawn += 1
        # From now, not from when it was due: a slow screen gets fewer pictures.
        self._due = self._clock() + self.interval

    def _axes(self, shown: Shown) -> Any:
        if self._ax is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(num=f"{shown.key}", clear=True, layout="constrained")
            self._ax = figure.add_subplot()
            figure.show()
        return self._ax

    def _title(self, doc: Mapping[str, Any]) -> str:
        number = self._start.get("scan_id", "")
        return f"{self._start.get('plan_name', 'run')} {number}, point {doc['seq_num']}"

    def _begin(self) -> None:
        """Forget the points of the run before."""

    def _find(self, descriptor: Mapping[str, Any]) -> Shown | None:
        for shown in signals_of(descriptor):
            if shown.dimension == self.dimension and self.key in (None, shown.key):
                return shown
        return None

    def _take(self, shown: Shown, doc: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def _draw(self, plot: Any, shown: Shown) -> None:
        raise NotImplementedError


class _Latest(_View):
    """A view of the last array."""

    draw: Callable[[Any, Shown, np.ndarray], Any]
    update: Callable[[Any, Shown, np.ndarray], None]

    def _begin(self) -> None:
        self._artist: Any = None

    def _take(self, shown: Shown, doc: Mapping[str, Any]) -> None:
        values = np.asarray(doc["data"][shown.key])
        self._values = values.reshape(values.shape[-self.dimension :])
        self._last = doc

    def _draw(self, plot: Any, shown: Shown) -> None:
        if self._artist is None:
            _clear(plot)
            self._artist = type(self).draw(plot, shown, self._values)
        else:
            type(self).update(self._artist, shown, self._values)
        plot.set_title(self._title(self._last))


class LiveSpectrum(_Latest):
    """The last spectrum of a detector, over its axis.

    Parameters
    ----------
    key
        The data key; by default the first that is one-dimensional.
    ax
        matplotlib's axes to draw on. Without, a window opens, and where there is no
        display, or no Qt, the view is off.
    interval
        Seconds between two drawings, at least; the last event is always drawn.
    clock
        Tells the seconds.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> view = LiveSpectrum(ax=Figure().add_subplot())
    >>> about = {"dtype": "array", "shape": [3], "units": "counts"}
    >>> view("start", {"uid": "4b1d"})
    >>> view("descriptor", {"uid": "d", "data_keys": {"spectrum": about}})
    >>> event = {"descriptor": "d", "seq_num": 1, "data": {"spectrum": [1, 3, 2]}}
    >>> view("event", event)
    >>> view.drawn
    1
    """

    dimension = 1
    draw = draw_line
    update = update_line


class LiveCamera(_Latest):
    """The last image of a camera, over its axes.

    Parameters are those of `LiveSpectrum`; by default the first data key that is
    two-dimensional.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> LiveCamera("camera_image", ax=Figure().add_subplot()).enabled
    True
    """

    dimension = 2
    draw = draw_image
    update = update_image


class LiveMap(_View):
    """One number over two actuators, as it grows.

    Points on a grid that the plan announces are its pixels, those that were not
    visited stay white; all others are dots.

    Parameters are those of `LiveSpectrum`; by default the first number of a detector
    that is hinted.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> LiveMap("photodiode_signal", ax=Figure().add_subplot()).enabled
    True
    """

    dimension = 0

    def _begin(self) -> None:
        self._points: dict[int, tuple[float, float, float]] = {}
        self._fields = mapped_fields(self._start)
        self._units: Mapping[str, str] = {}
        self._artist: Any = None

    def _find(self, descriptor: Mapping[str, Any]) -> Shown | None:
        found = {shown.key: shown for shown in signals_of(descriptor)}
        if len(self._fields) != 2 or not set(self._fields) <= set(found):
            return None
        self._units = {key: found[key].units for key in self._fields}
        numbers = [key for key in hinted(descriptor) if key not in self._fields]
        wanted = numbers if self.key is None else [self.key]
        for key in wanted:
            if key in found and found[key].dimension == 0:
                return found[key]
        return None

    def _take(self, shown: Shown, doc: Mapping[str, Any]) -> None:
        slow, fast = (float(doc["data"][field]) for field in self._fields)
        self._points[doc["seq_num"]] = (slow, fast, float(doc["data"][shown.key]))

    def _draw(self, plot: Any, shown: Shown) -> None:
        points = np.array(list(self._points.values()))
        axes = _grid(self._start)
        if self._artist is None:
            _clear(plot)
            self._artist = self._first(plot, shown, axes)
        if axes is None:
            self._artist.set_offsets(points[:, [1, 0]])
            self._artist.set_array(points[:, 2])
            _fit(plot, points)
        else:
            self._artist.set_array(_on_grid(points, axes))
        self._artist.set_clim(*limits_of(points[:, 2]))
        last = {"seq_num": max(self._points)}
        plot.set_title(self._title(last))

    def _first(self, plot: Any, shown: Shown, axes: Any) -> Any:
        if axes is None:
            artist = plot.scatter([], [], c=[], s=36)
        else:
            slow, fast = axes
            empty = np.full((len(slow), len(fast)), np.nan)
            artist = plot.pcolormesh(fast, slow, empty, shading="nearest")
        up, right = (labelled(field, self._units[field]) for field in self._fields)
        plot.set_xlabel(right)
        plot.set_ylabel(up)
        plot.figure.colorbar(artist, ax=plot, label=labelled(shown.key, shown.units))
        return artist


def _clear(plot: Any) -> None:
    """Empty the axes, the colour bar of the run before with them."""
    for image in (*plot.images, *plot.collections):
        if image.colorbar is not None:
            image.colorbar.remove()
    plot.clear()


def _grid(start: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions along the two dimensions of a grid that is announced, else None."""
    hints = start.get("hints") or {}
    shape: Sequence[int] = start.get("shape") or ()
    extents: Sequence[Sequence[float]] = start.get("extents") or ()
    if hints.get("gridding") != "rectilinear" or len(shape) != 2 or len(extents) != 2:
        return None
    slow, fast = (
        np.linspace(low, high, length)
        for (low, high), length in zip(extents, shape, strict=True)
    )
    return slow, fast


def _on_grid(points: np.ndarray, axes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Values at the nearest place of the grid, shape of the grid; NaN elsewhere."""
    values = np.full([len(axis) for axis in axes], np.nan)
    rows, columns = (
        np.abs(points[:, [n]] - axis).argmin(axis=1) for n, axis in enumerate(axes)
    )
    values[rows, columns] = points[:, 2]
    return values


def _fit(plot: Any, points: np.ndarray) -> None:
    """Show all dots, with a margin."""
    for set_limits, column in ((plot.set_ylim, 0), (plot.set_xlim, 1)):
        low, high = limits_of(points[:, column])
        margin = 0.06 * (high - low) or 0.5
        set_limits(low - margin, high + margin)
