"""A plugin's tree of parameters as settings; knows nothing of Qt and of documents.

A tree is pyqtgraph's ``Parameter``, as PyMoDAQ's plugins have one; whatever has its
methods will do.
"""

from __future__ import annotations

import datetime
import difflib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ophyd.utils import LimitError

from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.parameters import beyond_limits, converted
from pymo_bluesky.devices.plugins.errors import PluginError

__all__ = [
    "Path",
    "checked",
    "choices",
    "common_paths",
    "flattened",
    "leaf_at",
    "leaves",
    "limits_of",
    "plain_value",
    "set_initially",
]

Path = tuple[str, ...]

_NUMBERS = frozenset({"int", "float", "slide"})
_UNLIMITED = (-math.inf, math.inf)
# Buttons; they hold nothing.
_VALUELESS = frozenset({"action", "action_led"})


def common_paths() -> frozenset[str]:
    """Return the names at the root that every plugin has, for itself."""
    return frozenset({"controller", "units", "epsilon", "timeout", "bounds", "scaling"})


def is_leaf(parameter: Any) -> bool:
    """Whether a parameter holds a value; it may have children all the same."""
    type_ = str(parameter.opts.get("type") or "")
    return parameter.hasValue() and "group" not in type_ and type_ not in _VALUELESS


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and parameter of all that hold a value, depth first."""
    for child in tree.children():
        here = (*path, str(child.name()))
        if is_leaf(child):
            yield here, child
        yield from leaves(child, here)


def flattened(
    tree: Any, given: Mapping[str, Any], where: str
) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of settings that come as paths or as nested mappings.

    Parameters
    ----------
    tree
        Tells a group from a parameter whose value is a mapping.
    given
        ``{"bounds/min_bound": -1}`` or ``{"bounds": {"min_bound": -1}}``.
    where
        The device, for messages.
    """
    for name, value in given.items():
        path = tuple(part for part in str(name).split("/") if part)
        if isinstance(value, Mapping) and not is_leaf(leaf_at(tree, path, where)):
            below = flattened(leaf_at(tree, path, where), value, where)
            yield from (((*path, *rest), held) for rest, held in below)
        else:
            yield path, value


def leaf_at(tree: Any, path: Path, where: str) -> Any:
    """Return the parameter at a path.

    Raises
    ------
    PluginError
        When there is none; names those that exist there.
    """
    here = tree
    for depth, name in enumerate(path):
        names = [str(child.name()) for child in here.children()]
        if name not in names:
            group = "/".join(path[:depth])
            close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            raise PluginError(
                f"{where} has no setting {'/'.join(path)!r}; "
                + (f"did you mean {close[0]!r}? " if close else "")
                + (f"in {group!r} there is " if group else "there is ")
                + (", ".join(names) or "none")
            )
        here = here.child(name)
    return here


def choices(parameter: Any) -> dict[str, Any] | None:
    """Return text and value of what a parameter of type ``list`` can be; else None."""
    limits = parameter.opts.get("limits")
    if parameter.opts.get("type") != "list" or limits is None:
        return None
    if isinstance(limits, Mapping):
        return {str(text): value for text, value in limits.items()}
    return {str(value): value for value in limits}


def limits_of(parameter: Any) -> tuple[float, float]:
    """Return lowest and highest value of a number; infinite where there is no limit."""
    opts = parameter.opts
    limits = opts.get("limits")
    if not isinstance(limits, list | tuple) or len(limits) != 2:
        limits = (None, None)
    low = _first_number(limits[0], opts.get("min"), -math.inf)
    return low, _first_number(limits[1], opts.get("max"), math.inf)


def _first_number(*candidates: Any) -> float:
    return next(float(value) for value in candidates if _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number)


def plain_value(value: Any) -> Any:
    """Return the value of a parameter as documents can hold it.

    Examples
    --------
    >>> plain_value(np.float32(0.5)), plain_value(None), plain_value((1, 2))
    (0.5, '', [1, 2])
    >>> class Color:
    ...     def getRgb(self):
    ...         return (255, 0, 0, 255)
    >>> plain_value(Color())
    [255, 0, 0, 255]
    """
    if isinstance(value, np.ndarray | np.generic):
        return plain_value(value.tolist())
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)  # of an enumeration, its value
    if isinstance(value, Mapping):
        if "selected" in value:  # of the type itemselect
            return plain_value(value["selected"])
        return json.dumps(value, default=str)  # no data key is of a mapping
    if isinstance(value, list | tuple | set):
        return [plain_value(held) for held in value]
    if hasattr(value, "getRgb"):  # QColor
        return list(value.getRgb())
    if hasattr(value, "startOfDay"):  # QDate
        value = value.startOfDay()
    if hasattr(value, "toMSecsSinceEpoch"):  # QDateTime
        return value.toMSecsSinceEpoch() / 1000
    if hasattr(value, "fromMSecsSinceStartOfDay"):  # QTime
        return str(value.toString("HH:mm:ss"))
    return "" if value is None else str(value)


def checked(parameter: Any, value: Any, where: str) -> Any:
    """Return `value` in the type of a parameter, or refuse it.

    Raises
    ------
    DeviceError
        When it is of the wrong type.
    LimitError
        When it is beyond the limits, or none of the choices.
    """
    listed = choices(parameter)
    if listed is not None:
        if value in listed.values():
            return value
        if str(value) in listed:
            return listed[str(value)]
        raise LimitError(f"{where}: {value!r} is none of {', '.join(listed)}")
    type_ = str(parameter.opts.get("type") or "str")
    new = converted(where, type_, value)
    limits = limits_of(parameter)
    if type_ in _NUMBERS and limits != _UNLIMITED:
        told = beyond_limits(type_, new, limits)
        if told:
            raise LimitError(f"{where}: {new} {told} {units_of(parameter)}".rstrip())
    return _native(parameter, type_, new)


def _native(parameter: Any, type_: str, value: Any) -> Any:
    """A value as the parameter holds it: some are Qt's."""
    if type_ == "itemselect":
        return {**parameter.value(), "selected": value}
    now = type(parameter.value())
    if type_ == "date_time" and hasattr(now, "fromMSecsSinceEpoch"):
        return now.fromMSecsSinceEpoch(round(1000 * value))
    if type_ == "date" and hasattr(now, "startOfDay"):
        day = datetime.datetime.fromtimestamp(value)
        return now(day.year, day.month, day.day)
    if type_ == "time" and hasattr(now, "fromMSecsSinceStartOfDay"):
        return now.fromString(value)
    return value


def units_of(parameter: Any) -> str:
    """Return the unit that a parameter shows behind its value."""
    return str(parameter.opts.get("suffix") or "")


def set_initially(parameter: Any, path: Path, value: Any, where: str) -> None:
    """Set a parameter of a tree that no plugin has been made with yet."""
    if not is_leaf(parameter):
        raise PluginError(f"{where}: {'/'.join(path)!r} is a group, and holds no value")
    try:
        parameter.setValue(checked(parameter, value, f"{where} {'/'.join(path)}"))
    except (DeviceError, ValueError, TypeError) as error:
        raise PluginError(str(error)) from error
