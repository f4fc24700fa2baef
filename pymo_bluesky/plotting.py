"""Arrays of a scan as pictures, with their axes and units; knows no files of data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .errors import MissingExtraError, PymoError, WriteError
from .model import Array, Axis

__all__ = ["save_map"]


def save_map(
    path: str | os.PathLike[str],
    array: Array,
    axes: tuple[Axis, Axis],
    *,
    title: str = "",
) -> Path:
    """Save a picture of one number over a grid.

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
    values = np.asarray(array.data[...])
    lengths = tuple(len(axis.values) for axis in axes)
    if values.shape != lengths:
        raise PymoError(
            f"{array.label!r} has the shape {values.shape}; a map over "
            f"{axes[0].label!r} and {axes[1].label!r} has {lengths}"
        )
    target = Path(path)
    figure = _figure(values, array, axes, title or array.label)
    try:
        figure.savefig(target, dpi=150)
    except (OSError, ValueError) as error:  # ValueError: a suffix it does not know
        raise WriteError(f"the picture {target} cannot be saved: {error}") from error
    return target


def _figure(
    values: np.ndarray, array: Array, axes: tuple[Axis, Axis], title: str
) -> Any:
    try:
        # Not pyplot: a picture in a file needs no display and no global state.
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("matplotlib", "session") from error
    up, right = axes
    figure = Figure(figsize=(6.0, 4.5), layout="constrained")
    plot: Any = figure.add_subplot()
    mesh = plot.pcolormesh(right.values, up.values, values, shading="nearest")
    figure.colorbar(mesh, ax=plot, label=_labelled(array.label, array.units))
    plot.set_xlabel(_labelled(right.label, right.units))
    plot.set_ylabel(_labelled(up.label, up.units))
    plot.set_title(title)
    return figure


def _labelled(label: str, units: str) -> str:
    return f"{label} ({units})" if units else label
