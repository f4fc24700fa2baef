"""Regions of interest in a settings tree; knows no XML and no detector.

Where PyMoDAQ puts an ROI changed between generations, found by comparing the stored
numbers with the data computed from them:

* 5.x: the **centre**, in the units of the axes (``Center``; `RoiParameter`);
* 1.4 to 4.4: the **corner** that the ROI turns about (pyqtgraph's ``ROI.pos()``), in
  **pixels** of the image, whatever the axes say;
* one-dimensional ROIs: the two **edges**, in units of the axis, in all generations.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..twigs import Shown, Twig
from ._parameter import Dialect, Parameter

__all__ = ["Roi", "roi_block", "rois_from_xml"]

Anchor = Literal["centre", "corner", "edges"]
Unit = Literal["axis", "pixel"]
Pair = tuple[float, float]

TYPES_2D = ("CircularROI", "EllipseROI", "RectROI")
FUNCTIONS = ("mean", "std", "sum", "max", "min", "argmax", "argmin")
FUNCTIONS_1D = (*FUNCTIONS, "argmean", "argstd")
FUNCTIONS_3 = (
    *("Sum", "Mean", "half-life", "expotime", "fwhm", "moment", "fwhm_moment2"),
)
CHANNELS_3 = ("red", "green", "blue", "spread")
WHITE = (255, 255, 255, 255)

_VIEWER = re.compile(r"ROI_Viewer_(\d+)|Viewer(\d+)_ROI_settings")
_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi(Shown):
    """One region of interest of a viewer, as it is stored.

    Attributes
    ----------
    name
        ``ROI_00``, …
    roi_type
        ``RectROI``, ``EllipseROI``, ``CircularROI``; ``LinearROI`` on a curve.
    position
        (x, y) of the `anchor`; (left, right) of a LinearROI.
    size
        (width, height) along the ROI's own sides; None for a LinearROI.
    angle
        Degrees, counter-clockwise.
    use_channel
        Labels of the arrays it is computed on.
    math_function
        ``mean``, ``sum``, …; in PyMoDAQ 3 ``Mean``, ``Sum``, ….
    color
        (red, green, blue, alpha), 0 to 255.
    enabled
        Whether data are computed from it.
    viewer
        Number of the viewer it is drawn in.
    anchor, unit
        What `position` is the place of, and in what it is counted (see the module).

    Examples
    --------
    >>> old = Roi(name="ROI_00", position=(2, 1), size=(6, 4), anchor="corner")
    >>> old.centre
    (5.0, 3.0)
    """

    name: str
    roi_type: str = "RectROI"
    position: Pair = (0.0, 0.0)
    size: Pair | None = None
    angle: float = 0.0
    use_channel: tuple[str, ...] = ()
    math_function: str = "mean"
    color: tuple[int, ...] = WHITE
    enabled: bool = True
    viewer: int = 0
    anchor: Anchor = "centre"
    unit: Unit = "axis"

    def __post_init__(self) -> None:
        """A LinearROI has edges and nothing else."""
        if self.roi_type == "LinearROI":
            object.__setattr__(self, "anchor", "edges")

    def twig(self, *, settings: bool = True) -> Twig:
        """What it is and where, in one line."""
        place = ", ".join(f"{part:g}" for part in self.position)
        sides = " x ".join(f"{side:g}" for side in self.size or ())
        words = [f"{self.roi_type}, {self.anchor} ({place})"]
        words += [f"size {sides}"] if sides else []
        words += [f"turned by {self.angle:g}°"] if self.angle else []
        words += [] if self.enabled else ["off"]
        return Twig(f"{self.name}: {', '.join(words)}")

    _repr_pretty_ = Shown._repr_pretty_  # before the dataclass's repr

    @property
    def centre(self) -> Pair:
        """The centre, in `unit`; the edges of a LinearROI."""
        return self._moved(1.0) if self.anchor == "corner" else self.position

    @property
    def corner(self) -> Pair:
        """The corner the ROI turns about, in `unit`; the edges of a LinearROI."""
        return self._moved(-1.0) if self.anchor == "centre" else self.position

    def _moved(self, way: float) -> Pair:
        """The position half a diagonal away, along the turned sides."""
        half_x, half_y = (way * side / 2 for side in self.size or (0.0, 0.0))
        turn = math.radians(self.angle)
        cos, sin = math.cos(turn), math.sin(turn)
        x, y = self.position
        return x + cos * half_x - sin * half_y, y + sin * half_x + cos * half_y


# ---------------------------------------------------------------------------- reading


def rois_from_xml(tree: Parameter) -> tuple[Roi, ...]:
    """All ROIs in a settings tree, of whatever generation, as they are stored.

    Parameters
    ----------
    tree
        What `from_xml` gave. Hardware regions (``ROIselect``) are not ROIs.

    Examples
    --------
    >>> block = roi_block([Roi(name="ROI_00", size=(4.0, 2.0))], "pymodaq5")
    >>> [(roi.name, roi.size, roi.anchor) for roi in rois_from_xml(block)]
    [('ROI_00', (4.0, 2.0), 'centre')]
    """
    return tuple(_found(tree, 0))


def _found(parameter: Parameter, viewer: int) -> Iterator[Roi]:
    named = _VIEWER.fullmatch(parameter.name)
    if named:
        viewer = int(named[1] or named[2])
    for child in parameter.children:
        if parameter.name in ("rois", "ROIs") and child.find("position"):
            yield _roi(child, viewer)
        else:
            yield from _found(child, viewer)


def _roi(parameter: Parameter, viewer: int) -> Roi:
    # Capitals came and went: Type and Color in 1.x, roi_type and color in 5.x.
    parts = {child.name.lower(): child for child in parameter.children}
    roi_type = _roi_type(parameter, parts)
    modern = parameter.type == "roi_group" or "descriptor" in parameter.extra
    anchor: Anchor = "centre" if modern else "corner"
    if roi_type == "LinearROI":
        anchor = "edges"
    natural = "pixel" if anchor == "corner" else "axis"
    enabled = parts.get("process_data")
    return Roi(
        name=parameter.name,
        roi_type=roi_type,
        position=_pair(parts["position"]),
        size=_pair(parts["size"]) if "size" in parts else None,
        angle=_number(_value(parts, "angle")),
        use_channel=_channels(_value(parts, "use_channel")),
        math_function=str(_value(parts, "math_function") or ""),
        color=_color(_value(parts, "color")),
        enabled=bool(enabled.value) if enabled else parameter.enabled,
        viewer=viewer,
        anchor=anchor,
        unit=cast(Unit, parameter.extra.get("unit", natural)),
    )


def _roi_type(parameter: Parameter, parts: dict[str, Parameter]) -> str:
    stored = [
        _value(parts, "roi_type"),
        parameter.extra.get("descriptor"),
        _value(parts, "type"),
    ]
    named = [str(name) for name in stored if name and name not in ("1D", "2D")]
    if "size" not in parts and not set(named) & set(TYPES_2D):
        return "LinearROI"
    return named[0] if named else "RectROI"


def _value(parts: dict[str, Parameter], name: str) -> Any:
    return parts[name].value if name in parts else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _pair(group: Parameter) -> Pair:
    numbers = [_number(child.value) for child in group.children]
    first, second = (*numbers, 0.0, 0.0)[:2]
    return first, second


def _channels(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        value = cast(dict[str, Any], value).get("selected")
    if isinstance(value, list | tuple):
        return tuple(str(item) for item in cast(Sequence[Any], value))
    return (str(value),) if value else ()


def _color(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        return WHITE
    parts = cast(Sequence[Any], value)
    return tuple(part for part in parts if type(part) is int) or WHITE


# ---------------------------------------------------------------------------- writing


def roi_block(
    rois: Sequence[Roi], dialect: Dialect = "pymodaq5", title: str = ""
) -> Parameter:
    """The ROIs of one viewer as the block that PyMoDAQ puts into a detector's settings.

    Parameters
    ----------
    rois
        Of one viewer: the first one's number names the block. The position is written
        as the dialect has it, centre or corner, and a unit that PyMoDAQ would not
        expect there is noted in an attribute ``unit``.
    dialect
        ``"pymodaq5"``: ``ROI_Viewer_00 > roi_parameters > rois > ROI_00``;
        ``"pymodaq3"``: ``Viewer0_ROI_settings > rois_settings > ROIs > ROI_00``.
    title
        Title of the viewer.

    Examples
    --------
    >>> block = roi_block([Roi(name="ROI_00", viewer=1)], "pymodaq3")
    >>> block.name, [child.name for child in block.find("rois_settings").children]
    ('Viewer1_ROI_settings', ['measurements', 'ROIs'])
    """
    viewer = rois[0].viewer if rois else 0
    flat = not any(roi.roi_type == "LinearROI" for roi in rois)
    if dialect == "pymodaq3":
        add = {"addList": "['RectROI', 'EllipseROI']"} if flat else {}
        group = Parameter(
            name="ROIs",
            children=tuple(_roi_3(roi) for roi in rois),
            extra=add | {"addText": "Add"},
        )
        table = Parameter(
            name="measurements", title="Measurements:", type="table", value={}
        )
        inner = _group("rois_settings", "ROIs Settings", table, group)
        return _group(f"Viewer{viewer}_ROI_settings", title or "ROI Settings", inner)
    add = {"addList": str(list(TYPES_2D))} if flat else {}
    group = Parameter(
        name="rois",
        title="ROIs",
        type="scalable_roigroup_parameter",
        children=tuple(_roi_5(roi, place) for place, roi in enumerate(rois)),
        extra=add | {"addText": "Add"},
    )
    inner = _group("roi_parameters", "", group)
    return _group(f"ROI_Viewer_{viewer:02d}", title, inner)


def _group(name: str, title: str, *children: Parameter) -> Parameter:
    return Parameter(name=name, title=title, children=children)


def _line(name: str, type_: str, value: Any, title: str = "", **more: Any) -> Parameter:
    return Parameter(name=name, type=type_, value=value, title=title, **more)


def _floats(name: str, title: str, **values: float) -> Parameter:
    lines = (_line(key, "float", float(value)) for key, value in values.items())
    return _group(name, title, *lines)


def _function(roi: Roi, known: Sequence[str]) -> str:
    """The function as the dialect spells it; PyMoDAQ 3 says Sum for sum."""
    spelled = {name.lower(): name for name in known}
    return spelled.get(roi.math_function.lower(), roi.math_function)


def _roi_5(roi: Roi, place: int) -> Parameter:
    flat = roi.roi_type != "LinearROI"
    known = FUNCTIONS if flat else FUNCTIONS_1D
    numbered = _NUMBER.search(roi.name)
    children = [
        _line("process_data", "led_push", roi.enabled, "Process data"),
        _line("use_channel", "itemselect", _selection(roi), "Use channel"),
        _line(
            *("math_function", "list", _function(roi, known), "Math type:"),
            limits=list(known),
        ),
        _line("color", "color", list(roi.color), "Color"),
        _line("zlevel", "int", 10, "Z-level"),
    ]
    if flat:
        choices = list(TYPES_2D)
        children.insert(
            0, _line("roi_type", "list", roi.roi_type, "Type", limits=choices)
        )
        children += _place(roi, roi.centre, "Center")
    else:
        left, right = roi.position
        sides = (
            _line("x", "float", float(left), "Left"),
            _line("y", "float", float(right), "Right"),
        )
        children.append(_group("position", "Position", *sides))
    return Parameter(
        name=roi.name,
        type="roi_group",
        children=tuple(children),
        extra={
            "removable": "1",
            "dim": "data_2D" if flat else "data_1D",
            "descriptor": roi.roi_type,
            "index": str(int(numbered[1])) if numbered else str(place),
            **({} if roi.unit == "axis" else {"unit": roi.unit}),
        },
    )


def _selection(roi: Roi) -> dict[str, list[str]]:
    channels = list(roi.use_channel)
    return {"all_items": channels, "selected": channels}


def _place(roi: Roi, position: Pair, title: str) -> list[Parameter]:
    x, y = position
    width, height = roi.size or (0.0, 0.0)
    return [
        _floats("position", title, x=x, y=y),
        _floats("size", "size", width=width, height=height),
        _line("angle", "float", float(roi.angle)),
    ]


def _roi_3(roi: Roi) -> Parameter:
    flat = roi.roi_type != "LinearROI"
    channels: Any = list(roi.use_channel)
    if len(channels) < 2:
        channels = channels[0] if channels else ""
    known = list(CHANNELS_3) if flat else [channels]
    children = [
        _line("type", "str", "2D" if flat else "1D", visible=False, readonly=True),
        _line("use_channel", "list", channels, "Use channel", limits=known),
        _line(
            *("math_function", "list", _function(roi, FUNCTIONS_3), "Math type:"),
            limits=list(FUNCTIONS_3),
            visible=not flat,
        ),
        _line("Color", "color", list(roi.color)),
    ]
    if flat:
        children.insert(
            1, _line("roi_type", "str", roi.roi_type, "ROI Type", readonly=True)
        )
        children += _place(roi, roi.corner, "position")
    else:
        left, right = roi.position
        children.append(_floats("position", "position", left=left, right=right))
    natural = "pixel" if flat else "axis"
    return Parameter(
        name=roi.name,
        children=tuple(children),
        enabled=roi.enabled,
        extra={
            "removable": "1",
            **({} if roi.unit == natural else {"unit": roi.unit}),
        },
    )
