"""Panels drawn by matplotlib; knows no scans and no files."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import printable
from .choosing import limits
from .panels import Panel

__all__ = ["draw_panel", "labelled", "shown"]

_LONGEST = 40
_MARKED = 80
"""Curves of no more points than this show each of them."""


def shown(text: str, longest: int = _LONGEST) -> str:
    r"""Text of a file as matplotlib shows it as it is: ``$`` begins no formula.

    Names of PyMoDAQ's channels may be longer than a panel is wide: their middle is
    left out.

    Examples
    --------
    >>> print(shown("10 $"))
    10 \$
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-longest // 2 :]}"
    return printable(text).replace("$", r"\$")


def labelled(label: str, units: str) -> str:
    """A label with its units.

    Examples
    --------
    >>> labelled("x", "mm"), labelled("counts", "")
    ('x (mm)', 'counts')
    """
    return f"{shown(label)} ({shown(units)})" if units else shown(label)


def draw_panel(figure: Any, axes: Any, panel: Panel) -> None:
    """Draw one panel into axes of a figure."""
    words = [shown(text) for text in (panel.title, panel.note) if text]
    axes.set_title("\n".join(words), fontsize="medium")
    if panel.how == "unread":
        _tell(axes, "not read: see `validate`")
    elif not any(np.isfinite(curve.values).any() for curve in panel.curves):
        _tell(axes, "no numbers here")
    elif panel.how == "value":
        _value(axes, panel)
    elif panel.how == "line":
        _lines(axes, panel)
    elif panel.how == "points":
        _points(figure, axes, panel)
    else:
        _image(figure, axes, panel)


def _tell(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
    axes.set_axis_off()


def _value(axes: Any, panel: Panel) -> None:
    curve = panel.curves[0]
    number = f"{float(curve.values):.6g}"
    _tell(axes, shown(f"{number} {curve.units}".strip()))
    axes.texts[-1].set_fontsize("xx-large")


# ------------------------------------------------------------------------------ lines


def _lines(axes: Any, panel: Panel) -> None:
    horizontal = panel.axes[0]
    order = _order(horizontal.values)
    x = horizontal.values[order]
    style = {"marker": ".", "markersize": 5} if len(x) <= _MARKED else {}
    drawn = [
        axes.errorbar(
            x,
            curve.values[order],
            None if curve.error is None else curve.error[order],
            linewidth=1.2,
            capsize=0 if curve.error is None else 2,
            **style,
        )
        for curve in panel.curves
    ]
    axes.margins(x=0.02)
    axes.set_xlabel(labelled(horizontal.label, horizontal.units))
    first = panel.curves[0]
    if len(panel.curves) == 1:
        axes.set_ylabel(labelled(first.label, first.units))
    else:
        units = {curve.units for curve in panel.curves}
        together = len(units) == 1
        axes.set_ylabel(shown(first.units) if together else "")
        labels = [
            labelled(curve.label, "" if together else curve.units)
            for curve in panel.curves
        ]
        # Given by hand: of labels that begin with "_" matplotlib makes no entry.
        legend = axes.legend(drawn, [str(n) for n in range(len(labels))])
        for text, label in zip(legend.get_texts(), labels, strict=True):
            text.set_text(label)
    axes.grid(alpha=0.25)
    _few_ticks(axes)
    shown_range = axes.get_xlim()
    for roi in panel.rois:
        _range(axes, roi)
    axes.set_xlim(shown_range)  # a region may lie anywhere: the curve is what counts


def _few_ticks(axes: Any) -> None:
    """Numbers below a narrow panel that do not run into each other."""
    axes.locator_params(axis="x", nbins=6)
    axes.ticklabel_format(axis="x", scilimits=(-3, 5))


def _order(x: np.ndarray) -> Any:
    """Positions that were visited in any order once each go from left to right.

    Where places were visited again, as on the way back, the order tells of it.
    """
    known = x[np.isfinite(x)]
    once = len(np.unique(known)) == len(known)
    return np.argsort(x, kind="stable") if once else slice(None)


# ----------------------------------------------------------------------------- images


def _image(figure: Any, axes: Any, panel: Panel) -> None:
    vertical, horizontal = panel.axes
    curve = panel.curves[0]
    low, high, extend = limits(curve.values)
    look = {"cmap": "gray" if panel.camera else "viridis", "vmin": low, "vmax": high}
    edges = [_edges(axis.values) for axis in (horizontal, vertical)]
    if all(_even(axis.values) for axis in panel.axes):
        mapped = axes.imshow(
            curve.values,
            extent=(*edges[0][[0, -1]], *edges[1][[0, -1]]),
            origin="lower",
            interpolation="none" if curve.values.size < 40_000 else "auto",
            aspect="equal" if _same_scale(panel) else "auto",
            **look,
        )
    else:
        mapped = axes.pcolormesh(*edges, curve.values, **look)
    axes.set_xlim(sorted(edges[0][[0, -1]]))
    axes.set_ylim(sorted(edges[1][[0, -1]]))
    _finish_map(figure, axes, mapped, panel, extend)
    for roi in panel.rois:
        if "edges" in roi:
            _range(axes, roi)
        else:
            _outline(axes, roi)


def _finish_map(figure: Any, axes: Any, mapped: Any, panel: Panel, extend: str) -> None:
    vertical, horizontal = panel.axes if panel.how == "image" else panel.axes[::-1]
    curve = panel.curves[0]
    # As high as the map, which its aspect may have made lower than its place.
    beside = axes.inset_axes((1.03, 0.0, 0.05, 1.0))
    bar = figure.colorbar(mapped, cax=beside, extend=extend)
    bar.set_label(labelled(curve.label, curve.units))
    axes.set_xlabel(labelled(horizontal.label, horizontal.units))
    axes.set_ylabel(labelled(vertical.label, vertical.units))


def _same_scale(panel: Panel) -> bool:
    """Whether both axes count in the same units, and none is a mere slit."""
    vertical, horizontal = panel.axes
    spans = [np.ptp(axis.values) for axis in panel.axes]
    alike = panel.camera or (vertical.units and not vertical.signal)
    if not alike or vertical.units != horizontal.units:
        return False
    return bool(0.2 < spans[0] / spans[1] < 5.0)


def _even(values: np.ndarray) -> bool:
    steps = np.diff(values.astype(float))
    return bool(np.allclose(steps, steps.mean(), rtol=1e-3, atol=0))


def _edges(values: np.ndarray) -> np.ndarray:
    """Edges of the pixels whose centres these are."""
    centres = values.astype(float)
    between = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - between[0], 2 * centres[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


# ------------------------------------------------------------------------------ points


def _points(figure: Any, axes: Any, panel: Panel) -> None:
    """Positions anywhere on a plane: triangles between them, and dots on them."""
    x, y = (axis.values.astype(float) for axis in panel.axes)
    curve = panel.curves[0]
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(curve.values)
    x, y, values = x[known], y[known], curve.values[known]
    mapped = _triangles(axes, x, y, values)
    dots = axes.scatter(
        *(x, y),
        c="white" if mapped else values,
        s=(6 if len(x) > _MARKED else 14) if mapped else 30,
        edgecolors="black",
        linewidths=0.4,
    )
    if _same_scale_points(panel):
        axes.set_aspect("equal")
    axes.margins(0.03)
    _finish_map(figure, axes, mapped or dots, panel, "neither")


def _triangles(axes: Any, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> Any:
    """Colours between the points; None where they cannot be had."""
    if len(x) < 4:
        return None
    try:
        return axes.tripcolor(x, y, values, shading="gouraud")
    except (RuntimeError, ValueError):  # all on one line, or at one place
        return None


def _same_scale_points(panel: Panel) -> bool:
    first, second = panel.axes
    spans = [np.nanmax(a.values) - np.nanmin(a.values) for a in panel.axes]
    alike = bool(first.units) and first.units == second.units
    return alike and bool(spans[1]) and 0.2 < spans[0] / spans[1] < 5.0


# --------------------------------------------------------------------------- outlines


def _outline(axes: Any, roi: dict[str, Any]) -> None:
    """A region of interest over an image, seen on dark and on bright."""
    from matplotlib.patches import Ellipse, Rectangle
    from matplotlib.patheffects import withStroke

    x, y = roi["centre"]
    width, height = roi["size"]
    look: dict[str, Any] = {
        "fill": False,
        "edgecolor": _colour(roi),
        "linewidth": 1.4,
        "linestyle": "-" if roi["enabled"] else ":",
        "path_effects": [withStroke(linewidth=2.8, foreground="black", alpha=0.6)],
        "angle": roi["angle"],
    }
    if roi["type"] in ("EllipseROI", "CircularROI"):
        patch: Any = Ellipse((x, y), width, height, **look)
    else:
        corner = (x - width / 2, y - height / 2)
        patch = Rectangle(corner, width, height, rotation_point="center", **look)
    axes.add_patch(patch)
    _name(axes, roi, (x, y + height / 2), axes.transData)


def _range(axes: Any, roi: dict[str, Any]) -> None:
    """A region of interest along a curve, or along the spectra of a stack."""
    left, right = sorted(roi["edges"])
    colour = _colour(roi) if axes.images or axes.collections else _on_white(roi)
    place = ((left + right) / 2, 0.97)
    _name(axes, roi, place, axes.get_xaxis_transform(), top=True)
    axes.axvspan(left, right, color=colour, alpha=0.12, linewidth=0)
    for edge in (left, right):
        axes.axvline(edge, color=colour, linewidth=1.0, linestyle="--")


def _name(
    axes: Any, roi: dict[str, Any], place: tuple[float, float], where: Any, **at: bool
) -> None:
    from matplotlib.patheffects import withStroke

    over = bool(axes.images or axes.collections)
    stroke = [withStroke(linewidth=2, foreground="black", alpha=0.7)] if over else None
    axes.text(
        *place,
        shown(roi["name"]),
        transform=where,
        ha="center",
        va="top" if at.get("top") else "bottom",
        fontsize="x-small",
        color=_colour(roi) if over else _on_white(roi),
        path_effects=stroke,
        clip_on=True,
    )


def _colour(roi: dict[str, Any]) -> tuple[float, ...]:
    red, green, blue = (min(max(part, 0), 255) / 255 for part in roi["color"])
    return red, green, blue


def _on_white(roi: dict[str, Any]) -> tuple[float, ...]:
    """The region's colour, unless it could not be seen on white."""
    colour = _colour(roi)
    return (0.3, 0.3, 0.3) if sum(colour) > 2.4 else colour
