"""Settings trees as the XML that PyMoDAQ stores; knows no file and no HDF5.

What PyMoDAQ's XML cannot say exactly stands beside it in attributes that begin with
``pymo_``, as Python source; PyMoDAQ passes over them. Nothing that PyMoDAQ evaluates
when it reads is anything but a literal.
"""

from __future__ import annotations

import math
import re
from typing import Any, cast
from xml.etree import ElementTree as ET

from pymo_bluesky.errors import FormatError

from ._literal import literal, plain, same, source
from ._parameter import DEFAULT_FLAGS, Dialect, Parameter
from ._read import (
    MAX_DEPTH,
    MAX_NODES,
    OWN,
    RESERVED,
    read_limits,
    read_text,
    too_large,
)
from ._values import shown, wire_type, write_value

__all__ = ["to_xml"]

_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_TAG = re.compile(r"[^A-Za-z0-9_.-]")
_WRAPPER = re.compile(r"All_settings|H5Saver|ROI_Viewer_\d+|Viewer\d+_ROI_settings")
"""Elements that PyMoDAQ makes by hand, without a parameter's flags."""

_FLAGS = (*DEFAULT_FLAGS, "show_pb", "filetype", "valid_for_configuration")
_EVALUATED = ("addList", "addText", "detList", "detlist", "movelist", "states")
_WORDS = re.compile(r"[\w ]*")


def to_xml(root: Parameter, dialect: Dialect = "pymodaq5") -> bytes:
    r"""Write a settings tree as PyMoDAQ writes it.

    Parameters
    ----------
    root
        Values may also be numpy scalars and arrays: they are written as plain Python
        (arrays longer than 64 elements as a sentence about them).
    dialect
        ``"pymodaq5"`` (5.3.8) or ``"pymodaq3"`` (3.6.13).

    Returns
    -------
    bytes
        ASCII, other characters as ``&#233;``, without an XML declaration.

    Raises
    ------
    FormatError
        When the tree is deeper than `MAX_DEPTH` or has more than `MAX_NODES` nodes.

    Examples
    --------
    >>> gain = Parameter(name="gain", title="Gain", type="float", value=2.5)
    >>> to_xml(gain, "pymodaq3").decode()
    '<gain type="float" title="Gain" visible="1" removable="0" readonly="0">2.5</gain>'
    """
    writer = _Writer(dialect)
    return ET.tostring(writer.element(root, _tag(root.name), 1))


class _Writer:
    """One tree on its way to XML: the dialect, and what was written so far."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect: Dialect = dialect
        self.nodes = 0

    def element(self, parameter: Parameter, tag: str, depth: int) -> ET.Element:
        """One parameter and all below it."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise FormatError(too_large(f"settings at {parameter.name!r}"))
        attributes, text = _attributes(parameter, tag, self.dialect)
        element = ET.Element(tag, attributes)
        element.text = text
        taken: set[str] = set()
        for child in parameter.children:
            child_tag = _free(_tag(child.name), taken)
            element.append(self.element(child, child_tag, depth + 1))
        return element


def _tag(name: str) -> str:
    """A name as XML and PyMoDAQ allow it: ASCII, no spaces, no colon."""
    if _TAG.fullmatch(name):
        return name
    tag = _NOT_TAG.sub("_", name)
    return tag if _TAG.fullmatch(tag) else f"_{tag}"


def _free(tag: str, taken: set[str]) -> str:
    """The tag, numbered when a sibling has it: pyqtgraph refuses equal names."""
    free, number = tag, 1
    while free in taken:
        number += 1
        free = f"{tag}_{number}"
    taken.add(free)
    return free


def _attributes(
    parameter: Parameter, tag: str, dialect: Dialect
) -> tuple[dict[str, str], str | None]:
    value = plain(parameter.value)
    wire = _wire(parameter, value, dialect)
    text = write_value(wire, value, dialect)
    exact: dict[str, Any] = {"name": parameter.name} if tag != parameter.name else {}
    if wire != parameter.type:
        exact["type"] = parameter.type
    attributes = _head(parameter, tag, wire)
    if attributes.get("title", tag) != parameter.title:
        exact["title"] = parameter.title
    attributes |= _flags(parameter, tag, dialect)
    attributes |= _units(parameter, exact) | _extra(parameter, wire, dialect, exact)
    attributes |= _limits(parameter, wire, value, dialect, exact)
    if wire == "itemselect":
        attributes["all_items"] = source(value["all_items"])
    if not same(read_text(parameter, text, attributes), value):
        exact["value"] = value
    attributes |= {f"{OWN}{key}": source(item) for key, item in exact.items()}
    return attributes, text


def _head(parameter: Parameter, tag: str, wire: str) -> dict[str, str]:
    """Type and title, in the order that PyMoDAQ gives them."""
    type_ = {"type": wire} if wire else {}
    title = {"title": shown(parameter.title)}
    if not _WRAPPER.fullmatch(tag):
        return type_ | title
    return title | type_ if parameter.title != tag else type_


def _wire(parameter: Parameter, value: Any, dialect: Dialect) -> str:
    if not parameter.type and value is None:
        return "" if _WRAPPER.fullmatch(parameter.name) else "group"
    if parameter.type == "roi_group" and not {"dim", "descriptor", "index"} <= set(
        parameter.extra
    ):
        return "group"  # PyMoDAQ 5 cannot make its ROI without these three
    if parameter.children and dialect == "pymodaq3":
        return "group"  # PyMoDAQ 3 reads children of groups only
    return wire_type(parameter.type, value, dialect)


def _flags(parameter: Parameter, tag: str, dialect: Dialect) -> dict[str, str]:
    own = {
        "visible": parameter.visible,
        "readonly": parameter.readonly,
        "enabled": parameter.enabled,
    }
    usual = {"visible": True, "readonly": False, "enabled": True}
    if _WRAPPER.fullmatch(tag):
        return {k: str(int(v)) for k, v in own.items() if v != usual[k]}
    flags = {
        "visible": str(int(own["visible"])),
        "removable": DEFAULT_FLAGS["removable"],
        "readonly": str(int(own["readonly"])),
    }
    if dialect == "pymodaq5" or not own["enabled"]:
        flags["enabled"] = str(int(own["enabled"]))
    return flags | DEFAULT_FLAGS if dialect == "pymodaq5" else flags


def _units(parameter: Parameter, exact: dict[str, Any]) -> dict[str, str]:
    if shown(parameter.units) != parameter.units:
        exact["units"] = parameter.units
    return {"suffix": shown(parameter.units)} if parameter.units else {}


def _extra(
    parameter: Parameter, wire: str, dialect: Dialect, exact: dict[str, Any]
) -> dict[str, str]:
    """Attributes PyMoDAQ can read; the others are kept where it does not look."""
    public = {k: v for k, v in parameter.extra.items() if _is_public(k, v)}
    # A group with choices but no text fails in pyqtgraph, and PyMoDAQ 5 loses the text
    # of a plain group, which it evaluates.
    button = "addText" in public and dialect == "pymodaq3"
    if not button and wire != "scalable_roigroup_parameter":
        public.pop("addList", None)
    if len(public) != len(parameter.extra):
        exact["extra"] = {k: v for k, v in parameter.extra.items() if k not in public}
    return public


def _is_public(key: str, value: str) -> bool:
    if not _TAG.fullmatch(key) or key in RESERVED or key.startswith(OWN):
        return False
    if key in _FLAGS:
        return value in ("0", "1")
    if key == "index":
        return value.isascii() and value.isdigit()
    if key in _EVALUATED:  # by PyMoDAQ, with eval: only literals and plain words
        return _is_literal(value) or bool(_WORDS.fullmatch(value))
    return shown(value) == value and "\r" not in value


def _is_literal(text: str) -> bool:
    try:
        literal(text)
    except ValueError:
        return False
    return shown(text) == text


# ----------------------------------------------------------------------------- limits


def _limits(
    parameter: Parameter, wire: str, value: Any, dialect: Dialect, exact: dict[str, Any]
) -> dict[str, str]:
    limits = plain(parameter.limits)
    public = _public_limits(limits, wire, value)
    if isinstance(public, dict) and dialect == "pymodaq3":
        public = list(cast(dict[str, Any], public).values())  # 3.6 shows the first key
    attributes: dict[str, str] = {}
    if public is not None:
        text = shown(_limits_text(public, dialect))
        attributes = {"limits": text}
        if dialect == "pymodaq3":
            attributes = {"values": text, "limits": text}
    if not same(read_limits(attributes), limits):
        exact["limits"] = limits
    return attributes


def _public_limits(limits: Any, wire: str, value: Any) -> Any:
    """Limits under which PyMoDAQ shows the value as it is, or None.

    Outside its limits PyMoDAQ shows another value: a number is clipped, a choice
    becomes the first one.
    """
    if wire == "list":
        return _choices(limits, value)
    if wire not in ("int", "float", "slide") or not isinstance(limits, list | tuple):
        return None
    bounds = cast(list[Any], limits)
    if len(bounds) != 2 or not all(type(bound) in (int, float) for bound in bounds):
        return None
    low, high = bounds
    finite = math.isfinite(low) and math.isfinite(high)
    return bounds if finite and low <= value <= high > low else None


def _choices(limits: Any, value: Any) -> Any:
    if isinstance(limits, dict):
        choices = cast(dict[Any, Any], limits)
        if all(type(key) is str for key in choices):
            known = any(same(value, choice) for choice in choices.values())
            return choices if known else {**choices, str(value): value}
        limits = list(choices.values())
    if not isinstance(limits, list | tuple):
        return [value]
    items = cast(list[Any], limits)
    return items if any(same(value, item) for item in items) else [*items, value]


def _limits_text(limits: Any, dialect: Dialect) -> str:
    if not isinstance(limits, dict):
        return source(cast(object, limits))
    # PyMoDAQ 5 evaluates each value of such a dict once more.
    pairs = cast(dict[str, Any], limits).items()
    return source({key: write_value("list", item, dialect) for key, item in pairs})
