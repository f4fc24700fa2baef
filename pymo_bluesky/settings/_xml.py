"""Settings trees as the XML that PyMoDAQ stores, and back; knows no file and no HDF5.

What PyMoDAQ's XML cannot say exactly stands beside it in attributes that begin with
``pymo_``, as Python source; PyMoDAQ passes over them. Reading refuses every document
type and entity declaration, and bounds depth and size before it builds anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from xml.etree import ElementTree as ET
from xml.parsers import expat

from ..errors import FormatError
from ._literal import literal, plain, same, source
from ._parameter import DEFAULT_FLAGS, Dialect, Parameter
from ._values import is_text, read_value, shown, wire_type, write_value

__all__ = ["MAX_DEPTH", "MAX_NODES", "from_xml", "to_xml"]

MAX_DEPTH = 100
"""Levels of a tree; PyMoDAQ's own have ten at most."""

MAX_NODES = 200_000
"""Elements of a tree; PyMoDAQ's own have some hundreds."""

_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_TAG = re.compile(r"[^A-Za-z0-9_.-]")
_WRAPPER = re.compile(r"All_settings|H5Saver|ROI_Viewer_\d+|Viewer\d+_ROI_settings")
"""Elements that PyMoDAQ makes by hand, without a parameter's flags."""

# PyMoDAQ 1.4 wrote <Calculate positions ...>...</Calculate positions>.
_SPACED_TAG = re.compile(
    r"<(/?)([A-Za-z_][\w.-]*(?: [\w.-]+)+)(?=\s+[\w.-]+\s*=|\s*/?>)"
)

_OWN = "pymo_"
_FLAGS = (*DEFAULT_FLAGS, "show_pb", "filetype", "valid_for_configuration")
_EVALUATED = ("addList", "addText", "detList", "detlist", "movelist", "states")
_WORDS = re.compile(r"[\w ]*")
_RESERVED = (
    *("type", "title", "visible", "readonly", "enabled"),
    *("limits", "values", "suffix", "all_items"),
)


# ---------------------------------------------------------------------------- writing


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
    return cast(bytes, ET.tostring(writer.element(root, _tag(root.name), 1)))


class _Writer:
    """One tree on its way to XML: the dialect, and what was written so far."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect: Dialect = dialect
        self.nodes = 0

    def element(self, parameter: Parameter, tag: str, depth: int) -> ET.Element:
        """One parameter and all below it."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise FormatError(_too_large(f"settings at {parameter.name!r}"))
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
    attributes |= _units(parameter, exact) | _extra(parameter, exact)
    attributes |= _limits(parameter, wire, value, dialect, exact)
    if wire == "itemselect":
        attributes["all_items"] = source(value["all_items"])
    if not same(_read(parameter, text, attributes), value):
        exact["value"] = value
    attributes |= {f"{_OWN}{key}": source(item) for key, item in exact.items()}
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


def _extra(parameter: Parameter, exact: dict[str, Any]) -> dict[str, str]:
    """Attributes PyMoDAQ can read; the others are kept where it does not look."""
    public = {k: v for k, v in parameter.extra.items() if _is_public(k, v)}
    if len(public) != len(parameter.extra):
        exact["extra"] = {k: v for k, v in parameter.extra.items() if k not in public}
    return public


def _is_public(key: str, value: str) -> bool:
    if not _TAG.fullmatch(key) or key in _RESERVED or key.startswith(_OWN):
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
    attributes: dict[str, str] = {}
    if public is not None:
        text = shown(_limits_text(public, dialect))
        attributes = {"limits": text}
        if dialect == "pymodaq3":
            attributes = {"values": text, "limits": text}
    if not same(_read_limits(attributes), limits):
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
    numbers = len(bounds) == 2 and all(type(b) in (int, float) for b in bounds)
    return limits if numbers and bounds[0] <= value <= bounds[1] != bounds[0] else None


def _choices(limits: Any, value: Any) -> Any:
    if isinstance(limits, dict):
        choices = cast(dict[Any, Any], limits)
        if all(type(key) is str for key in choices):
            known = any(same(value, choice) for choice in choices.values())
            return choices if known else {**choices, str(value): value}
        limits = list(choices.values())
    if not isinstance(limits, list | tuple):
        return [value]
    items = list(cast(list[Any], limits))
    return limits if any(same(value, item) for item in items) else [*items, value]


def _limits_text(limits: Any, dialect: Dialect) -> str:
    if not isinstance(limits, dict) or dialect == "pymodaq3":
        return source(limits)
    # PyMoDAQ 5 evaluates each value of such a dict once more.
    pairs = cast(dict[str, Any], limits).items()
    return source({key: write_value("list", item, dialect) for key, item in pairs})


def _read_limits(attributes: Mapping[str, str]) -> Any:
    text = attributes.get("limits", attributes.get("values"))
    if text is None:
        return None
    limits = read_value("list", text, {})
    if not isinstance(limits, dict):
        return limits
    pairs = cast(dict[Any, Any], limits).items()
    return {k: read_value("list", v, {}) if is_text(v) else v for k, v in pairs}


# ---------------------------------------------------------------------------- reading


def from_xml(data: bytes | str) -> Parameter:
    """Read the settings that any PyMoDAQ from 1.4 to 5 wrote.

    Parameters
    ----------
    data
        The XML, as stored. The names with spaces of PyMoDAQ 1.4 are mended.

    Returns
    -------
    Parameter
        The tree; a value that is not understood is its raw text.

    Raises
    ------
    FormatError
        When it is not XML, declares a document type or entities, or is deeper than
        `MAX_DEPTH` or larger than `MAX_NODES` elements.

    Examples
    --------
    >>> tree = from_xml("<Settings><Nx title='Nx' type='int'>12</Nx></Settings>")
    >>> tree.find("Nx").value
    12
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    encoding = "utf-8" if isinstance(data, str) else None
    try:
        return _Reader(encoding).read(raw)
    except expat.ExpatError as error:
        mended = _mended(raw)
        if mended != raw:
            return _read_mended(mended, encoding)
        raise FormatError(_not_xml(error, raw)) from error


def _read_mended(raw: bytes, encoding: str | None) -> Parameter:
    try:
        return _Reader(encoding).read(raw)
    except expat.ExpatError as error:
        raise FormatError(_not_xml(error, raw)) from error


def _not_xml(error: expat.ExpatError, raw: bytes) -> str:
    return (
        f"settings are not well-formed XML ({error}); they begin {raw[:60]!r}. "
        "Keep them as raw text."
    )


def _too_large(where: str) -> str:
    return (
        f"{where}: deeper than {MAX_DEPTH} levels or more than {MAX_NODES} elements; "
        "no PyMoDAQ program writes such settings"
    )


def _mended(raw: bytes) -> bytes:
    text = raw.decode("utf-8", "surrogateescape")
    return _SPACED_TAG.sub(_one_word, text).encode("utf-8", "surrogateescape")


def _one_word(found: re.Match[str]) -> str:
    slash, name = found.groups()
    tag = name.replace(" ", "_")
    return f"</{tag}" if slash else f'<{tag} {_OWN}name="{name!r}"'


class _Reader:
    """One tree on its way from XML: the open elements and what they hold so far."""

    def __init__(self, encoding: str | None) -> None:
        self.nodes = 0
        self.attributes: list[dict[str, str]] = [{}]
        self.texts: list[list[str]] = [[]]
        self.children: list[list[Parameter]] = [[]]
        self.parser = expat.ParserCreate(encoding)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.EntityDeclHandler = _refuse

    def read(self, raw: bytes) -> Parameter:
        """Parse everything; the root."""
        try:
            self.parser.Parse(raw, True)
        except (LookupError, ValueError) as error:  # an encoding nobody knows
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"settings cannot be decoded: {error}") from error
        return self.children[0][0]

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.nodes += 1
        if len(self.attributes) > MAX_DEPTH or self.nodes > MAX_NODES:
            raise FormatError(_too_large(f"settings at <{tag[:40]}>"))
        self.attributes.append(attributes)
        self.texts.append([])
        self.children.append([])

    def _text(self, text: str) -> None:
        if not self.children[-1]:  # what follows a child is indentation
            self.texts[-1].append(text)

    def _end(self, tag: str) -> None:
        parameter = _parameter(
            tag,
            self.attributes.pop(),
            "".join(self.texts.pop()),
            tuple(self.children.pop()),
        )
        self.children[-1].append(parameter)


def _refuse(*declaration: object) -> None:
    raise FormatError(
        f"settings declare a document type or an entity ({declaration[0]!r}); "
        "PyMoDAQ writes none, so this is not read"
    )


def _parameter(
    tag: str, attributes: dict[str, str], text: str, children: tuple[Parameter, ...]
) -> Parameter:
    exact = _exact(attributes)
    name = exact.get("name", tag)
    type_ = exact.get("type", attributes.get("type", ""))
    limits = exact["limits"] if "limits" in exact else _read_limits(attributes)
    parameter = Parameter(
        name=name,
        title=exact.get("title", attributes.get("title", name)),
        type=type_,
        units=exact.get("units", attributes.get("suffix", "")),
        limits=limits,
        readonly=attributes.get("readonly", "0") != "0",
        visible=attributes.get("visible", "1") != "0",
        enabled=attributes.get("enabled", "1") != "0",
        children=children,
        extra=_read_extra(attributes) | exact.get("extra", {}),
    )
    stored = _read(parameter, text, attributes)
    return replace(parameter, value=exact.get("value", stored))


def _read(
    parameter: Parameter, text: str | None, attributes: Mapping[str, str]
) -> Any:
    """The value of an element; before a child, blank text is indentation."""
    if parameter.children and not (text and text.strip()):
        return None
    return read_value(parameter.type, text, attributes)


_EXACT_TYPES = {"name": str, "title": str, "type": str, "units": str, "extra": dict}


def _exact(attributes: Mapping[str, str]) -> dict[str, Any]:
    """What `to_xml` noted beside PyMoDAQ's own attributes; damaged notes are passed."""
    exact: dict[str, Any] = {}
    for key, text in attributes.items():
        if not key.startswith(_OWN):
            continue
        field = key.removeprefix(_OWN)
        try:
            value = literal(text)
        except ValueError:
            continue
        if isinstance(value, _EXACT_TYPES.get(field, object)):
            exact[field] = value
    return exact


def _read_extra(attributes: Mapping[str, str]) -> dict[str, str]:
    extra = {
        key: text
        for key, text in attributes.items()
        if key not in _RESERVED and not key.startswith(_OWN)
    }
    values = attributes.get("values")
    if values is not None and values != attributes.get("limits", values):
        extra["values"] = values
    return extra
