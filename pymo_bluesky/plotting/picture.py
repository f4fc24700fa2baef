"""A picture of a scan, its panels beside each other, and how it becomes a file.

Knows neither files of data nor a screen: nothing here needs a display.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MissingExtraError, PymoError, WriteError
from ..model import Array, Axis
from .choosing import Dimension
from .drawing import draw_panel, shown
from .panels import Curve, Panel, Seen, panels_of

__all__ = ["draw", "save", "save_map"]

_MOST = 9
_WIDE, _HIGH = 4.6, 3.5
_DPI = 150


def draw(
    streams: Sequence[Seen],
    others: Sequence[Seen] = (),
    *,
    named: str = "",
    at: Sequence[int] = (),
    title: str = "",
) -> Any:
    """A picture of what was measured.

    Parameters
    ----------
    streams, others, named, at
        What is drawn: see `panels_of`.
    title
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by notebooks as it is; of no window, and not known to pyplot.

    Raises
    ------
    PymoError
        When there is nothing to draw, or what is named is not there.
    MissingExtraError
        When matplotlib is not installed.

    Examples
    --------
    >>> from pymo_bluesky.model import Branch, Channel, Module
    >>> x = Axis(label="x", units="mm", values=np.arange(3.0))
    >>> power = Array(label="power", units="mW", data=np.array([5.0, 6.0, 7.0]))
    >>> channel = Channel(title="power", dimension="Data0D", arrays=(power,))
    >>> meter = Module(kind="detector", title="meter", channels=(channel,))
    >>> branch = Branch(title="primary", shape=(3,), axes=(x,), modules=(meter,))
    >>> [axes.get_xlabel() for axes in draw([(branch, None)]).axes]
    ['x (mm)']
    """
    found = panels_of(streams, others, named=named, at=at)
    panels = list(islice(found, _MOST))
    if not panels:
        raise PymoError("there is nothing to draw: no detector measured a number")
    more = sum(1 for _ in found)
    return _figure(panels, title, f"{more} more panels are not shown" if more else "")


def _figure(panels: Sequence[Panel], title: str, more: str = "") -> Any:
    columns = {4: 2, 7: 4, 8: 4}.get(len(panels), min(len(panels), 3))
    rows = -(-len(panels) // columns)
    wide = 6.4 if columns == 1 else _WIDE * columns
    high = 4.6 if rows == 1 and columns == 1 else _HIGH * rows
    figure = _figure_class()(figsize=(wide, high + 0.3), layout="constrained")
    for number, panel in enumerate(panels, 1):
        draw_panel(figure, figure.add_subplot(rows, columns, number), panel)
    if title or more:
        figure.suptitle("\n".join(shown(text, 120) for text in (title, more) if text))
    return figure


def _figure_class() -> Any:
    try:
        # Not pyplot: a picture needs no display and no global state.
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("matplotlib", "session") from error

    class Picture(Figure):
        """A figure that notebooks show, also where pyplot was never loaded."""

        def _repr_png_(self) -> bytes:
            return _rendered(self, "png", 100)

    return Picture


def _rendered(figure: Any, suffix: str, dpi: int) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # A label in a script that the font lacks is shown as boxes; no reason to warn.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(stream, format=suffix, dpi=dpi)
    return stream.getvalue()


def save(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Save a picture; nothing is overwritten.

    Parameters
    ----------
    figure
        What `draw` gave.
    path
        The picture; its suffix tells the format: ``.png``, ``.svg``, ``.pdf``, …

    Returns
    -------
    pathlib.Path
        Of the picture.

    Raises
    ------
    WriteError
        When the name is taken, the format is not known, or the folder cannot be
        written.
    """
    target = Path(path)
    try:
        content = _rendered(figure, target.suffix.lstrip(".") or "png", _DPI)
        with target.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise WriteError(
            f"{target} exists and is not replaced; give another name, or move it away"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a suffix it does not know
        raise WriteError(f"the picture {target} cannot be saved: {error}") from error
    return target


def save_map(
    path: str | os.PathLike[str],
    array: Array,
    axes: tuple[Axis, Axis],
    *,
    title: str = "",
) -> Path:
    """Save a picture of one number over a grid; nothing is overwritten.

    Parameters
    ----------
    path
        The picture; its suffix tells the format, e.g. ``.png``.
    array
        The numbers, shape ``(n0, n1)``. What is NaN stays white.
    axes
        Of the two dimensions: the first goes up, the second to the right.
    title
        Above the picture; by default the array's label.

    Returns
    -------
    pathlib.Path
        Of the picture.

    Raises
    ------
    PymoError
        When the array is no map over these axes.
    WriteError
        When the picture cannot be saved.
    MissingExtraError
        When matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> y = Axis(label="y", units="mm", values=np.array([0.0, 1.0]))
    >>> x = Axis(label="x", units="mm", values=np.array([0.0, 1.0, 2.0]), index=1)
    >>> power = Array(label="power", units="mW", data=np.arange(6.0).reshape(2, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_map(Path(folder) / "power.png", power, (y, x)).name
    'power.png'
    """
    values = np.asarray(array.data[...], float)
    lengths = tuple(len(axis.values) for axis in axes)
    if values.shape != lengths:
        raise PymoError(
            f"{array.label!r} has the shape {values.shape}; a map over "
            f"{axes[0].label!r} and {axes[1].label!r} has {lengths}"
        )
    up, right = (
        Dimension(
            label=axis.label,
            units=axis.units,
            values=np.asarray(axis.values),
            signal=False,
        )
        for axis in axes
    )
    curve = Curve(label=array.label, units=array.units, values=values)
    panel = Panel(
        title=title or array.label,
        note="",
        how="image",
        axes=(up, right),
        curves=(curve,),
    )
    return save(_figure([panel], ""), path)
