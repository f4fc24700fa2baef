"""The value of one parameter as PyMoDAQ's text, and back; knows no tree and no XML.

PyMoDAQ stops reading a whole tree at one value it cannot parse, and shows a value
outside its limits as another one. So a type is only written when PyMoDAQ can read this
very value under it; otherwise the value is shown as text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ._literal import as_float, literal, source
from ._parameter import Dialect

__all__ = ["is_text", "kind_of", "read_value", "shown", "wire_type", "write_value"]

Attributes = Mapping[str, str]

_EXACT = 2**53
# Beyond these Qt's dates overflow; a POSIX time above is in milliseconds (PyMoDAQ 4+).
_LAST_SECOND = 8.0e12
_MILLISECONDS_FROM = 1.0e11
_SHOWN_LENGTH = 2_000
_LINE_LENGTH = 32_000  # Qt's line editors cut what is longer
_NOT_XML = re.compile(
    "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # XML 1.0 §2.2, less \r
)
_QDATETIME = re.compile(r"PyQt\d\.QtCore\.QDateTime\((\d+(?:, \d+){4,6})\)")
_OLD_STR = re.compile(r"str\('(.*)'\)", re.DOTALL)


def shown(text: str) -> str:
    r"""Text with what XML cannot hold made visible.

    Examples
    --------
    >>> shown("bell\x07")
    'bell\\x07'
    """
    return _NOT_XML.sub(lambda m: m[0].encode("unicode_escape").decode(), text)


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one family of types are judged, written and read."""

    fits: Callable[[Any], bool]
    write: Callable[[Any, Dialect], str]
    read: Callable[[str, Attributes], Any]


def _is_int(value: object) -> bool:
    return type(value) is int and abs(value) <= _EXACT


def _is_number(value: object) -> bool:
    return type(value) is float or _is_int(value)


def _is_finite(value: object) -> bool:
    return _is_number(value) and math.isfinite(cast(float, value))


def _number_text(value: Any, dialect: Dialect) -> str:
    return source(value) if math.isfinite(value) else str(value)


def _read_int(text: str, attributes: Attributes) -> Any:
    try:
        return int(text)
    except ValueError:
        number = as_float(text)  # PyMoDAQ 5 writes "500.0" under type int
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() else number


def _read_float(text: str, attributes: Attributes) -> float:
    return as_float(text)


def _read_bool(text: str, attributes: Attributes) -> bool:
    return {"1": True, "0": False, "True": True, "False": False}[text]


def _list_text(value: Any, dialect: Dialect) -> str:
    if isinstance(value, float) and math.isnan(value) and dialect == "pymodaq5":
        return "np.nan"
    if type(value) in (str, int):
        return f"{type(value).__name__}({source(value)})"
    if isinstance(value, float) and math.isfinite(value):
        return f"float({value!r})"
    return source(value)


def _read_list(text: str, attributes: Attributes) -> Any:
    try:
        return literal(text)
    except ValueError:
        # PyMoDAQ before 4 quoted by hand: str('it's').
        found = _OLD_STR.fullmatch(text)
        return found[1] if found else text


def _is_color(value: object) -> bool:
    if not isinstance(value, list):
        return False
    parts = cast(list[Any], value)
    return len(parts) in (3, 4) and all(
        type(part) is int and 0 <= part <= 255 for part in parts
    )


def _is_selection(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    parts = cast(dict[Any, Any], value)
    return set(parts) == {"all_items", "selected"} and all(
        isinstance(part, list) and all(type(i) is str for i in cast(list[Any], part))
        for part in parts.values()
    )


def _read_selection(text: str, attributes: Attributes) -> dict[str, Any]:
    if text == "None":
        return {"all_items": [], "selected": []}
    items = literal(attributes.get("all_items", text))
    return {"all_items": items, "selected": literal(text)}


def _is_time(value: object) -> bool:
    return _is_number(value) and abs(cast(float, value)) < _LAST_SECOND


def _time_text(value: Any, dialect: Dialect) -> str:
    return str(round(value * 1000) if dialect == "pymodaq5" else math.floor(value))


def _read_time(text: str, attributes: Attributes) -> Any:
    found = _QDATETIME.fullmatch(text)
    if found:  # PyMoDAQ before 2: local time, zone unknown
        year, month, day, hour, minute, second, ms = (
            *(int(part) for part in found[1].split(", ")),
            0,
            0,
        )[:7]
        day_text = f"{year:04d}-{month:02d}-{day:02d}"
        return f"{day_text}T{hour:02d}:{minute:02d}:{second:02d}.{ms:03d}"
    number = float(text)
    if not math.isfinite(number):
        return text
    return number / 1000 if abs(number) >= _MILLISECONDS_FROM else number


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(
        type(key) is str and type(item) in (str, int, float, bool)
        for key, item in cast(dict[Any, Any], value).items()
    )


def _table_text(value: dict[str, Any], dialect: Dialect) -> str:
    return f"OrderedDict({source(list(value.items())) if value else ''})"


def _read_literal(text: str, attributes: Attributes) -> Any:
    return literal(text)


def is_text(value: object) -> bool:
    """Whether a value is text."""
    return type(value) is str


def _is_line(value: object) -> bool:
    return type(value) is str and len(value) <= _LINE_LENGTH


def _is_state(value: object) -> bool:
    return value in ("True", "False")


def _text_of(value: Any, dialect: Dialect) -> str:
    text = value if is_text(value) else source(value)
    if not is_text(value) and len(text) > _SHOWN_LENGTH:
        text = f"{text[:_SHOWN_LENGTH]} … ({len(text)} characters)"
    return text


def _is_none(value: object) -> bool:
    return value is None


def _never(value: object) -> bool:
    return False


def _verbatim(text: str, attributes: Attributes) -> str:
    return text


_TEXT = Kind(is_text, _text_of, _verbatim)
_STATE = Kind(_is_state, _text_of, _verbatim)
_BOOL = Kind(
    lambda value: type(value) is bool, lambda value, _: str(int(value)), _read_bool
)
_KINDS: dict[str, Kind] = {
    "int": Kind(_is_int, _number_text, _read_int),
    "float": Kind(_is_number, _number_text, _read_float),
    "slide": Kind(_is_finite, _number_text, _read_float),
    "progress": Kind(_never, _text_of, _read_int),
    "str": Kind(_is_line, _text_of, _verbatim),
    "action_led": _STATE,
    "multistate_led": _STATE,
    "list": Kind(lambda value: True, _list_text, _read_list),
    "color": Kind(_is_color, lambda value, _: source(value), _read_literal),
    "itemselect": Kind(
        _is_selection, lambda value, _: source(value["selected"]), _read_selection
    ),
    "date_time": Kind(_is_time, _time_text, _read_time),
    "date": Kind(_is_time, _time_text, _read_time),
    "table": Kind(_is_table, _table_text, _read_literal),
    # PyMoDAQ imports the module that a table_view names: never written with a value.
    "table_view": Kind(_is_none, _text_of, _read_literal),
    "action": Kind(_is_none, lambda value, _: "None", _read_literal),
}

_DISPLAYED_3 = frozenset(
    (
        *("action", "bool", "bool_push", "browsepath", "color", "date", "date_time"),
        *("float", "group", "int", "itemselect", "led", "led_push", "list", "slide"),
        *("str", "table", "table_view", "text", "text_pb"),
    )
)
_ONLY_5 = ("action_led", "multistate_led", "roi_group", "scalable_roigroup_parameter")
_DISPLAYED: Mapping[Dialect, frozenset[str]] = {
    "pymodaq3": _DISPLAYED_3,
    "pymodaq5": _DISPLAYED_3.union(_ONLY_5),
}


def kind_of(type_: str) -> Kind:
    """The family a parameter type belongs to; PyMoDAQ decides by parts of the word."""
    if type_ in _KINDS:
        return _KINDS[type_]
    return _BOOL if "bool" in type_ or "led" in type_ else _TEXT


def wire_type(type_: str, value: Any, dialect: Dialect) -> str:
    """The type under which PyMoDAQ can show this value: its own, or a text type."""
    if "group" in type_:
        return type_ if type_ in _DISPLAYED[dialect] else "group"
    if type_ in _DISPLAYED[dialect] and kind_of(type_).fits(value):
        return type_
    lines = is_text(value) and ("\n" in value or not _is_line(value))
    return "text" if lines else "str"


def write_value(type_: str, value: Any, dialect: Dialect) -> str | None:
    """The text of a value under its wire type; None for an element without text."""
    if "group" in type_ or not type_ or type_ == "table_view":
        return None
    if type_ == "action" and dialect == "pymodaq5":
        return None
    return shown(kind_of(type_).write(value, dialect))


def read_value(type_: str, text: str | None, attributes: Attributes) -> Any:
    """The value that a text stands for; the text itself where it is not understood."""
    if "group" in type_:
        return text if text and text.strip() else None
    if not text:
        return "" if type_ and kind_of(type_).read is _verbatim else None
    try:
        return kind_of(type_).read(text, attributes)
    except (ValueError, KeyError, OverflowError):
        return text
