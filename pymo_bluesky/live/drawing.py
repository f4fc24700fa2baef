"""Spectra and images on matplotlib's axes; knows no documents, opens no windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..plotting.drawing import labelled
from .signals import Shown

__all__ = ["draw_image", "draw_line", "limits_of", "update_image", "update_line"]


def draw_line(plot: Any, shown: Shown, values: np.ndarray) -> Any:
    """Draw a spectrum, and return the line.

    Parameters
    ----------
    plot
        matplotlib's axes.
    shown
        What it is.
    values
        Shape ``(n,)``.
    """
    (axis,) = shown.axes
    (line,) = plot.plot(axis.of_length(len(values)), values, linewidth=1.2)
    plot.set_xlabel(labelled(axis.label or "pixel", axis.units))
    plot.set_ylabel(labelled(shown.key, shown.units))
    plot.margins(x=0)
    return line


def update_line(line: Any, shown: Shown, values: np.ndarray) -> None:
    """Draw other values, shape ``(n,)``, on a line."""
    line.set_data(shown.axes[0].of_length(len(values)), values)
    line.axes.relim()
    line.axes.autoscale_view()


def draw_image(plot: Any, shown: Shown, values: np.ndarray) -> Any:
    """Draw an image with its colour bar, and return the image.

    Parameters
    ----------
    plot
        matplotlib's axes.
    shown
        What it is.
    values
        Shape ``(ny, nx)``; the first row is at the bottom, where y begins.
    """
    y, x = shown.axes
    image = plot.imshow(
        values, origin="lower", aspect="auto", extent=_extent(shown, values)
    )
    plot.set_xlabel(labelled(x.label or "x", x.units or "pixel"))
    plot.set_ylabel(labelled(y.label or "y", y.units or "pixel"))
    plot.figure.colorbar(image, ax=plot, label=labelled(shown.key, shown.units))
    return image


def update_image(image: Any, shown: Shown, values: np.ndarray) -> None:
    """Draw other values, shape ``(ny, nx)``, on an image."""
    image.set_data(values)
    image.set_extent(_extent(shown, values))
    image.set_clim(*limits_of(values))


def limits_of(values: np.ndarray) -> tuple[float, float]:
    """The least and the greatest number; what is not finite is left out.

    Examples
    --------
    >>> limits_of(np.array([1.0, np.nan, 3.0]))
    (1.0, 3.0)
    """
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _extent(shown: Shown, values: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, bottom, top: the outer edges of the outer pixels."""
    edges: list[float] = []
    for axis, length in zip(shown.axes[::-1], values.shape[::-1], strict=True):
        at = axis.of_length(length)
        half = (at[-1] - at[0]) / max(length - 1, 1) / 2 or 0.5
        edges += [float(at[0] - half), float(at[-1] + half)]
    left, right, bottom, top = edges
    return left, right, bottom, top
