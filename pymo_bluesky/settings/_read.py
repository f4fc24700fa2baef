"""PyMoDAQ's settings XML, of any generation, as a tree; knows no file and no HDF5.

Every document type and entity declaration is refused, depth and size are bounded before
anything is built, and no value is evaluated: it is parsed, or stays text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from xml.parsers import expat

from pymo_bluesky.errors import FormatError

from ._literal import literal
from ._parameter import Parameter
from ._values import is_text, read_value

__all__ = ["MAX_DEPTH", "MAX_NODES", "from_xml"]

MAX_DEPTH = 100
"""Levels of a tree; PyMoDAQ's own have ten at most."""

MAX_NODES = 20_000
"""Elements of a tree; PyMoDAQ's own have some hundreds."""

OWN = "pymo_"
"""Attributes by `to_xml` with what PyMoDAQ's own cannot say, as Python source."""

RESERVED = (
    *("type", "title", "visible", "readonly", "enabled"),
    *("limits", "values", "suffix", "all_items"),
)
"""Attributes that have a field of their own in `Parameter`."""

# PyMoDAQ 1.4 wrote <Calculate positions ...>...</Calculate positions>.
_SPACED_TAG = re.compile(
    r"<(/?)([A-Za-z_][\w.-]*(?: [\w.-]+)+)(?=\s+[\w.-]+\s*=|\s*/?>)"
)


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


def too_large(where: str) -> str:
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
    return f"</{tag}" if slash else f'<{tag} {OWN}name="{name!r}"'


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
            raise FormatError(too_large(f"settings at <{tag[:40]}>"))
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
    limits = exact["limits"] if "limits" in exact else read_limits(attributes)
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
    stored = read_text(parameter, text, attributes)
    return replace(parameter, value=exact.get("value", stored))


def read_text(
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
        if not key.startswith(OWN):
            continue
        field = key.removeprefix(OWN)
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
        if key not in RESERVED and not key.startswith(OWN)
    }
    values = attributes.get("values")
    if values is not None and values != attributes.get("limits", values):
        extra["values"] = values
    return extra


def read_limits(attributes: Mapping[str, str]) -> Any:
    text = attributes.get("limits", attributes.get("values"))
    if text is None:
        return None
    limits = read_value("list", text, {})
    if not isinstance(limits, dict):
        return limits
    pairs = cast(dict[Any, Any], limits).items()
    return {k: read_value("list", v, {}) if is_text(v) else v for k, v in pairs}
