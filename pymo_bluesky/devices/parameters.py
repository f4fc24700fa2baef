"""PyMoDAQ's parameter types: which values each takes; knows nothing of ophyd.

A value is held as plain Python: a date as seconds since 1970, a table as a dict, the
selection of an ``itemselect`` as a list. Documents carry it as `documented` says; the
recorder makes PyMoDAQ's own value of it again.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, cast

import numpy as np

from pymo_bluesky.devices.errors import DeviceError

__all__ = ["PARAMETER_TYPES", "beyond_limits", "converted", "documented", "type_of"]


def _flag(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or value in (0, 1):
        return bool(value)
    raise ValueError("expected true or false")


def _whole(value: Any) -> int:
    if int(value) != value:
        raise ValueError("expected a whole number")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str):  # float("1") works, and hides a mistake
        raise TypeError("expected a number")
    return float(value)


def _words(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _file(value: Any) -> str:
    return str(value) if isinstance(value, PurePath) else _words(value)


def _color(value: Any) -> list[int]:
    parts = [_whole(part) for part in value]
    if len(parts) not in (0, 3, 4) or not all(0 <= part <= 255 for part in parts):
        raise ValueError("expected red, green, blue (and alpha), each 0 to 255")
    return parts


def _seconds(value: Any) -> float:
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return _number(value)


def _day(value: Any) -> float:
    """The local midnight at which a day begins, as PyMoDAQ has it."""
    if isinstance(value, datetime.datetime):
        value = value.date()
    elif not isinstance(value, datetime.date):
        value = datetime.datetime.fromtimestamp(_number(value)).date()
    return datetime.datetime.combine(value, datetime.time()).timestamp()


def _time_of_day(value: Any) -> str:
    if not isinstance(value, datetime.time):
        value = datetime.time.fromisoformat(_words(value))
    return value.isoformat()


def _selection(value: Any) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise TypeError("expected a list of texts")
    return [_words(item) for item in cast(Sequence[Any], value)]


def _table(value: Any) -> Any:
    """Rows of a name and a value; or an array of two dimensions."""
    if isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, Mapping):
        rows = cast(Mapping[Any, Any], value)
        for name, item in rows.items():
            if not isinstance(name, str) or not isinstance(
                item, bool | int | float | str
            ):
                raise TypeError("expected names, each with a number or a text")
        return dict(rows)
    array = np.asarray(value)
    if array.ndim != 2:
        raise TypeError("expected a mapping, or an array of two dimensions")
    return array


_Convert = Callable[[Any], Any]
_CONVERT: dict[str, _Convert | None] = {
    **dict.fromkeys(("bool", "bool_push", "led", "led_push"), _flag),
    "int": _whole,
    **dict.fromkeys(("float", "slide"), _number),
    **dict.fromkeys(("str", "text", "text_pb", "text_pattern"), _words),
    **dict.fromkeys(("multistate_led", "action_led", "pixmap"), _words),
    "browsepath": _file,
    "list": None,  # its choices say what it takes
    "color": _color,
    "date_time": _seconds,
    "date": _day,
    "time": _time_of_day,
    "itemselect": _selection,
    **dict.fromkeys(("table", "table_view"), _table),
}

#: The types whose values are checked. A ``group`` is a device that holds settings.
PARAMETER_TYPES = tuple(_CONVERT)

_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((bool, np.bool_), "bool"),
    ((int, np.integer), "int"),
    ((float, np.floating), "float"),
    (datetime.datetime, "date_time"),
    (datetime.date, "date"),
    (datetime.time, "time"),
    (PurePath, "browsepath"),
    (Mapping, "table"),
)


def type_of(value: Any) -> str:
    """Return the parameter type under which PyMoDAQ shows a value best.

    Examples
    --------
    >>> [type_of(value) for value in (True, 3, 0.5, "a", PurePath("a"), {"a": 1})]
    ['bool', 'int', 'float', 'str', 'browsepath', 'table']
    """
    for kinds, name in _TYPES:
        if isinstance(value, kinds):
            return name
    return "table" if isinstance(value, np.ndarray) and value.ndim == 2 else "str"


def converted(name: str, parameter_type: str, value: Any) -> Any:
    """Return `value` as a setting of that type holds it.

    Parameters
    ----------
    name
        Of the setting, for the message.
    parameter_type
        One of `PARAMETER_TYPES`; of any other the value is taken as it is.
    value
        What a user gave.

    Raises
    ------
    DeviceError
        When it is no value of that type.

    Examples
    --------
    >>> begin = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    >>> converted("begin", "date_time", begin)
    1795305600.0
    >>> converted("masses", "table", '{"Li": 6.94}')
    {'Li': 6.94}
    """
    convert = _CONVERT.get(parameter_type)
    if convert is None:
        return value
    try:
        return convert(value)
    except (TypeError, ValueError) as error:
        raise DeviceError(
            f"{name}: {value!r} is no {parameter_type}: {error}"
        ) from error


def documented(value: Any) -> Any:
    """Return a converted value as a document can carry it: a mapping becomes JSON.

    Examples
    --------
    >>> documented({"Li": 6.94}), documented(0.5)
    ('{"Li": 6.94}', 0.5)
    """
    return json.dumps(value) if isinstance(value, Mapping) else value


def beyond_limits(parameter_type: str, value: Any, limits: Sequence[Any]) -> str | None:
    """Say how a converted value breaks its limits; None when it does not.

    Parameters
    ----------
    parameter_type, value
        As of `converted`.
    limits
        The choices of a ``list`` or an ``itemselect``; lowest and highest otherwise.

    Examples
    --------
    >>> beyond_limits("list", "odd", ["slow", "fast"])
    "is none of ['slow', 'fast']"
    """
    if parameter_type == "list":
        return None if value in limits else f"is none of {list(limits)}"
    if parameter_type == "itemselect":
        unknown = [item for item in value if item not in limits]
        return f"are not all of {list(limits)}" if unknown else None
    low, high = limits
    return (
        None if low <= value <= high else f"is not within {low} and {high}"
    )  # NaN too
