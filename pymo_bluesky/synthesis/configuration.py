"""Settings, ROIs and signal axes of a module as configuration; knows no files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from ..errors import FormatError
from ..model import Axis, Module
from ..settings import Parameter, Roi, from_xml, rois_from_xml

__all__ = ["configured", "typed"]

Plain = dict[str, Any]

_LETTERS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
_ROOTS = {"All_settings", "daq_viewer_settings", "daq_move_settings", "Settings"}
_ROI_BLOCK = re.compile(
    r"ROI_Viewer_\d+|Viewer\d+_ROI_settings|rois?_?settings|roi_parameters"
)
_ROI_GROUPS = ("rois", "ROIs")


def typed(dtype: np.dtype[Any], shape: Sequence[int]) -> Plain:
    """The part of a data key that tells type and shape.

    Examples
    --------
    >>> typed(np.dtype("uint16"), (6, 8))
    {'dtype': 'array', 'dtype_numpy': '<u2', 'shape': [6, 8]}
    """
    kind = "array" if shape else _LETTERS.get(dtype.kind, "number")
    return {"dtype": kind, "dtype_numpy": dtype.str, "shape": list(shape)}


def configured(
    module: Module, own: Mapping[int, str]
) -> Iterator[tuple[str, Any, Plain]]:
    """The configuration of a module.

    Parameters
    ----------
    module
        The module.
    own
        Data keys of its arrays, by the identity of the array.

    Yields
    ------
    tuple
        ``(key, value, data key)``
    """
    for axis, of in _shared_axes(module, own):
        yield _signal_axis(module, axis, of)
    tree = _tree(module.settings)
    if tree is None:
        return
    for path, parameter in _leaves(tree, ()):
        yield _setting(module, path, parameter)
    for roi in rois_from_xml(tree):
        of, axes = _roi_home(module, roi, own)
        yield from _roi(module, roi, of, axes)


def _tree(xml: bytes) -> Parameter | None:
    try:
        return from_xml(xml) if xml else None
    except FormatError:  # told as a problem of the dataset
        return None


def _shared_axes(
    module: Module, own: Mapping[int, str]
) -> Iterator[tuple[Axis, list[str]]]:
    """Each signal axis once, with the data keys it is for."""
    found: dict[Any, tuple[Axis, list[str]]] = {}
    for channel in module.channels:
        of = [own[id(array)] for array in channel.arrays if id(array) in own]
        for axis in channel.axes if of else ():
            values = np.asarray(axis.values)
            form = (values.dtype.str, values.shape, values.tobytes())
            same = (axis.label, axis.units, axis.index, *form)
            found.setdefault(same, (axis, []))[1].extend(of)
    yield from found.values()


def _signal_axis(module: Module, axis: Axis, of: list[str]) -> tuple[str, Any, Plain]:
    values = np.asarray(axis.values)
    name = axis.label or f"axis_{axis.index}"
    about = typed(values.dtype, values.shape)
    about["source"] = f"PyMoDAQ:{module.title}"
    about["pymodaq"] = {
        "role": "axis",
        "of": of,
        "index": axis.index,
        "label": axis.label,
    }
    if axis.units:
        about["units"] = axis.units
    return f"{module.title}_{name}", values, about


def _leaves(
    parameter: Parameter, path: tuple[str, ...], inside: bool = False
) -> Iterator[tuple[tuple[str, ...], Parameter]]:
    """Settings with their paths; ROIs, which are inside of a block, are none."""
    for child in parameter.children:
        block = inside or bool(_ROI_BLOCK.fullmatch(child.name))
        if inside and parameter.name in _ROI_GROUPS and child.find("position"):
            continue
        known = not path and child.name in _ROOTS
        here = path if known else (*path, child.name)
        if child.value is not None and not child.children:
            yield here, child
        yield from _leaves(child, here, block)


def _setting(
    module: Module, path: tuple[str, ...], parameter: Parameter
) -> tuple[str, Any, Plain]:
    value = _setting_value(parameter.value)
    about = _about_value(value)
    about["source"] = f"PyMoDAQ:{module.title}"
    role: Plain = {
        "role": "setting",
        "path": "/".join(path),
        "type": parameter.type,
        "title": parameter.title,
    }
    limits = parameter.limits
    if isinstance(parameter.value, Mapping) and "all_items" in parameter.value:
        limits = list(parameter.value["all_items"])
    if isinstance(limits, list):
        role["limits"] = limits
    if parameter.readonly:
        role["readonly"] = True
    about["pymodaq"] = role
    if parameter.units:
        about["units"] = parameter.units
    return f"{module.title}-{'-'.join(path)}", value, about


def _setting_value(value: Any) -> Any:
    """A value that a document can describe: a mapping becomes JSON."""
    if isinstance(value, Mapping):
        chosen = cast(Mapping[str, Any], value)
        if "selected" in chosen:
            return list(chosen["selected"])
        return json.dumps(chosen, default=str)
    if isinstance(value, tuple | set | frozenset):
        return list(cast(Sequence[Any], value))
    return value if isinstance(value, bool | int | float | str | list) else str(value)


def _about_value(value: Any) -> Plain:
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number")):
        if isinstance(value, kind):
            return {"dtype": name, "shape": []}
    if isinstance(value, list):
        return {"dtype": "array", "shape": [len(cast(list[Any], value))]}
    return {"dtype": "string", "shape": []}


# ----------------------------------------------------------------------------- ROIs


def _roi_home(
    module: Module, roi: Roi, own: Mapping[int, str]
) -> tuple[str, tuple[Axis, ...]]:
    """The data key that a ROI is drawn on, and its axes."""
    depth = 1 if roi.roi_type == "LinearROI" else 2
    raw = [c for c in module.channels if c.source == "raw" and len(c.axes) == depth]
    for channel in raw:
        for array in channel.arrays:
            if id(array) in own and (
                not roi.use_channel or array.label in roi.use_channel
            ):
                return own[id(array)], channel.axes
    for channel in raw:
        for array in channel.arrays:
            if id(array) in own:
                return own[id(array)], channel.axes
    return "", ()


def _roi(
    module: Module, roi: Roi, of: str, axes: Sequence[Axis]
) -> Iterator[tuple[str, Any, Plain]]:
    for parameter, value in _roi_parameters(roi, axes):
        about = _about_value(value)
        about["source"] = f"PyMoDAQ:{module.title}"
        about["pymodaq"] = {
            "role": "roi",
            "of": of,
            "roi": roi.name,
            "viewer": roi.viewer,
            "parameter": parameter,
        }
        name = parameter.replace("/", "_")
        yield f"{module.title}_{roi.name}_{name}", value, about


def _roi_parameters(roi: Roi, axes: Sequence[Axis]) -> Iterator[tuple[str, Any]]:
    """A ROI as our devices declare it: its centre, in the units of the axes."""
    x, y = roi.centre
    width, height = roi.size or (0.0, 0.0)
    if roi.unit == "pixel" and len(axes) == 2:
        along = {axis.index: np.asarray(axis.values, float) for axis in axes}
        x, width = _from_pixels(along.get(1), x, width)
        y, height = _from_pixels(along.get(0), y, height)
    yield "roi_type", roi.roi_type
    yield "position/x", x
    yield "position/y", y
    if roi.size is not None:
        yield "size/width", width
        yield "size/height", height
        yield "angle", roi.angle
    yield "use_channel", list(roi.use_channel)
    yield "math_function", roi.math_function
    yield "color", list(roi.color)
    yield "enabled", roi.enabled


def _from_pixels(
    axis: np.ndarray | None, place: float, size: float
) -> tuple[float, float]:
    if axis is None or axis.size < 2 or not math.isfinite(place):
        return place, size
    step = float(axis[-1] - axis[0]) / (axis.size - 1)
    return float(axis[0]) + place * step, abs(size * step)
