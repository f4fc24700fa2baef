"""The views that suit a run, chosen by what it measures; knows no files, no plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .guarding import Guarded, windows_open
from .signals import mapped_fields, signals_of
from .views import LiveCamera, LiveMap, LiveSpectrum

__all__ = ["LivePlots"]

View = Callable[[str, Mapping[str, Any]], Any]
_VIEWS = {1: LiveSpectrum, 2: LiveCamera}


class LivePlots:
    """A window for each spectrum and camera of a run, and a map of what is scanned.

    Parameters
    ----------
    maps
        Whether numbers over two actuators are mapped.
    most
        Windows of one run.
    interval
        Seconds between two drawings of one window, at least.
    axes
        Makes the axes to draw on for a data key; by default a window for each, and
        none where there is no display, or no Qt.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> plots = LivePlots(axes=lambda key: Figure().add_subplot())
    >>> about = {"dtype": "array", "shape": [4, 6]}
    >>> plots("start", {"uid": "4b1d"})
    >>> plots("descriptor", {"uid": "d", "data_keys": {"image": about}})
    >>> list(plots.views)
    ['image']
    """

    def __init__(
        self,
        *,
        maps: bool = True,
        most: int = 6,
        interval: float = 0.2,
        axes: Callable[[str], Any] | None = None,
    ) -> None:
        self.maps = maps
        self.most = most
        self.interval = interval
        self.enabled = axes is not None or windows_open()
        self.views: dict[str, View] = {}
        self._axes = axes
        self._kept: dict[str, View] = {}  # windows of earlier runs, used again
        self._start: Mapping[str, Any] = {}
        self._take = Guarded(self._document, "the live plots")

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document."""
        if self.enabled:
            self._take(name, doc)

    def _document(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start":
            self._start, self.views = doc, {}
        elif name == "descriptor":
            self._choose(doc)
        for view in self.views.values():
            view(name, doc)

    def _choose(self, descriptor: Mapping[str, Any]) -> None:
        """Open what the stream needs, and tell it of the start that it has missed."""
        for shown in signals_of(descriptor):
            if kind := _VIEWS.get(shown.dimension):
                self._open(shown.key, kind, shown.key)
        if self.maps and mapped_fields(self._start):
            self._open("map", LiveMap, None)

    def _open(self, name: str, kind: type[Any], key: str | None) -> None:
        if name in self.views or len(self.views) >= self.most:
            return
        kept: Any = self._kept.get(name)
        if not isinstance(kept, kind):
            ax = self._axes(name) if self._axes is not None else None
            kept = self._kept[name] = kind(key, ax=ax, interval=self.interval)
        self.views[name] = kept
        kept("start", self._start)
