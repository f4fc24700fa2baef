"""A picture of one event, as DAQ_Viewer saves beside its file; opens no windows."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MissingExtraError
from ..plotting import save
from ..plotting.drawing import labelled
from .drawing import draw_image, draw_line
from .signals import Shown, signals_of

__all__ = ["Pictures", "picture_of"]

_MOST = 9  # panels


def picture_of(
    path: str | os.PathLike[str],
    descriptor: Mapping[str, Any],
    event: Mapping[str, Any],
    *,
    title: str = "",
) -> Path:
    """Save a picture of all that one event holds; nothing is overwritten.

    Parameters
    ----------
    path
        The picture; its suffix tells the format, e.g. ``.png``.
    descriptor, event
        Documents.
    title
        Above the picture.

    Returns
    -------
    pathlib.Path
        Of the picture.

    Raises
    ------
    WriteError
        When the name is taken, or the picture cannot be saved.
    MissingExtraError
        When matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> descriptor = {"data_keys": {"power": {"dtype": "number", "shape": []}}}
    >>> path = Path(tempfile.mkdtemp()) / "power.png"
    >>> picture_of(path, descriptor, {"data": {"power": 1.0}}).name
    'power.png'
    """
    data = event["data"]
    shown = [s for s in signals_of(descriptor) if s.key in data]
    panels = [s for s in shown if s.dimension][:_MOST]
    figure = _figure([s for s in shown if not s.dimension], panels, data)
    figure.suptitle(title)
    return save(figure, path)


def _figure(
    numbers: Sequence[Shown], panels: Sequence[Shown], data: Mapping[str, Any]
) -> Any:
    try:
        # Not pyplot: a picture in a file needs no display and no global state.
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("matplotlib", "session") from error
    count = len(panels) + bool(numbers)
    columns = max(1, math.ceil(math.sqrt(count)))
    rows = max(1, math.ceil(count / columns))
    figure = Figure(figsize=(4.5 * columns, 3.4 * rows), layout="constrained")
    places = [figure.add_subplot(rows, columns, n + 1) for n in range(count)]
    for plot, shown in zip(places, panels, strict=False):
        draw = draw_line if shown.dimension == 1 else draw_image
        draw(plot, shown, np.asarray(data[shown.key]))
    if numbers:
        _list_numbers(places[-1], numbers, data)
    return figure


def _list_numbers(plot: Any, numbers: Sequence[Shown], data: Mapping[str, Any]) -> None:
    plot.axis("off")
    lines = [f"{labelled(s.key, s.units)}:  {data[s.key]:.6g}" for s in numbers]
    plot.text(0.0, 1.0, "\n".join(lines), va="top", family="monospace", fontsize=9)


class Pictures:
    """A callback that keeps the last event of a run, to make a picture of it.

    Examples
    --------
    >>> pictures = Pictures()
    >>> pictures("start", {"uid": "4b1d", "plan_name": "snapshot"})
    >>> pictures.save("nothing.png") is None
    True
    """

    def __init__(self) -> None:
        self._title = ""
        self._descriptors: dict[str, Mapping[str, Any]] = {}
        self._last: Mapping[str, Any] | None = None

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document."""
        if name == "start":
            self._title = " ".join(
                str(doc[key]) for key in ("plan_name", "sample") if doc.get(key)
            )
            self._descriptors, self._last = {}, None
        elif name == "descriptor":
            self._descriptors[doc["uid"]] = doc
        elif name == "event":
            self._last = doc

    def save(self, path: str | os.PathLike[str]) -> Path | None:
        """Save the picture under a free name; None when there was no event."""
        if self._last is None:
            return None
        descriptor = self._descriptors[self._last["descriptor"]]
        return picture_of(path, descriptor, self._last, title=self._title)
