"""What a layout is: a table of node rows; knows neither documents nor files.

Read left to right, it says where things are written; right to left, what a node is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import LayoutError
from .attributes import Decoded, decode, decode_plain, encode, misread

if TYPE_CHECKING:
    from ..settings import Dialect

__all__ = ["Kind", "Layout", "Node", "Recognised", "Role", "Row"]


class Role(StrEnum):
    """What a node is, whatever a generation of PyMoDAQ calls it."""

    ROOT = "root"
    RAW = "raw data"
    LOGGER = "log"
    SCAN = "scan"
    ACTUATOR = "actuator"
    DETECTOR = "detector"
    TIMESTAMPS = "timestamps"
    VISITED = "visited points"
    HISTORY = "earlier settings"
    DIMENSION = "dimension of the data"
    CHANNEL = "channel"
    DATA = "data"
    GROWING = "enlargeable data"
    ERROR = "error bars"
    BACKGROUND = "background"
    SIGNAL_AXIS = "signal axis"
    NAV_GROUP = "navigation axes"
    NAV_AXIS = "navigation axis"
    NAV_LISTED = "navigation axis of a list of points"
    STREAMS = "other streams"
    STREAM = "stream"
    DOCUMENTS = "documents"
    EVENTS = "events of a stream"
    COLUMN = "column of documents"
    ORIGINAL = "what a converted file held beside its scans"
    NEXUS = "view for NeXus"
    PLOT = "plot for NeXus"
    LIVE = "copy of a live plot"
    NAV_TIME = "time axis of a series"
    NAV_DISTINCT = "distinct positions of an axis"
    BY_HAND = "array that a script put into a detector"


class Kind(StrEnum):
    """PyTables' class of a node: without it PyMoDAQ cannot open the whole file."""

    GROUP = "GROUP"
    ARRAY = "CARRAY"
    GROWING = "EARRAY"
    TEXT = "VLARRAY"


class Node(NamedTuple):
    """A node as it is written: its path, kind, and attributes as they are stored."""

    path: str
    kind: Kind
    attributes: dict[str, Any]


class Recognised(NamedTuple):
    """What a node was recognised as.

    Attributes
    ----------
    row, number
        Its row, and its number in it.
    fields
        What its attributes say, by the names of the fields.
    others
        Attributes that the row does not know, by their own names.
    """

    row: Row
    number: int
    fields: Mapping[str, Any]
    others: Mapping[str, Any]


_TOKEN = re.compile(r"\{(n:0\dd|X|x|any)\}")
_LETTERS = "XYZUVW"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One row of a layout: a kind of node.

    Attributes
    ----------
    role, parents
        What the node is, and what its parent can be.
    name
        Its name: ``{n:03d}`` stands for its number, ``{X}`` and ``{x}`` for the number
        as a letter (0 is X), ``{any}`` for any name.
    aliases
        Names that other versions gave it, for reading.
    kinds
        Its PyTables class: the first is written, any is read.
    const
        Attributes of one value: written, and demanded when reading.
    fields
        Attribute name -> name of the field it holds.
    default
        Fields that are written so where none is given.
    raw
        Attributes that are stored unwrapped.
    words
        What ``{any}`` can stand for, where it cannot stand for anything.
    written
        False for what is only read: other programs wrote it, this one does not.
    needed
        Attributes, with their types, without which PyMoDAQ's own loader fails.
    """

    role: Role
    parents: tuple[Role, ...]
    name: str
    aliases: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = (Kind.GROUP,)
    const: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    default: Mapping[str, Any] = field(default_factory=dict[str, Any])
    raw: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    written: bool = True
    needed: Mapping[str, type] = field(default_factory=dict[str, type])

    def named(self, number: int, name: str = "") -> str:
        """The node's name for a number (``{any}``: for a given name)."""
        return _named(self.name, number, name)

    def number_of(self, name: str) -> int | None:
        """The number in a name of this row; None when the name is not of this row.

        Names are compared as PyMoDAQ does: without regard to case.
        """
        # Longer names are strangers', and not kept.
        return (_number_of if len(name) < 64 else _number_of.__wrapped__)(self, name)


@lru_cache(maxsize=4096)
def _named(template: str, number: int, name: str) -> str:
    def token(match: re.Match[str]) -> str:
        kind = match[1]
        if kind == "any":
            return name
        if kind in "Xx":
            letter = _LETTERS[number]
            return letter if kind == "X" else letter.lower()
        return format(number, kind[2:])

    return _TOKEN.sub(token, template)


@lru_cache(maxsize=4096)
def _number_of(row: Row, name: str) -> int | None:
    patterns = (_pattern(each, row.words) for each in (row.name, *row.aliases))
    match = next(filter(None, (each.fullmatch(name) for each in patterns)), None)
    return None if match is None else _number(match)


@lru_cache
def _pattern(template: str, words: tuple[str, ...]) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for token in _TOKEN.finditer(template):
        parts.append(re.escape(template[end : token.start()]))
        kind = token[1]
        if kind == "any":
            parts.append(f"(?:{'|'.join(map(re.escape, words)) or '.+'})")
        else:
            parts.append("(?P<letter>[xyzuvw])" if kind in "Xx" else r"(?P<n>\d+)")
        end = token.end()
    parts.append(re.escape(template[end:]))
    return re.compile("".join(parts), re.IGNORECASE)


def _number(match: re.Match[str]) -> int:
    found = match.groupdict()
    if "letter" in found:
        return _LETTERS.index(found["letter"].upper())
    return int(found.get("n") or 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """One generation of PyMoDAQ files: its table, and four facts that shape the tree.

    Attributes
    ----------
    name
        As users give it: ``pymodaq5``.
    versions
        Which PyMoDAQ wrote, or reads, it.
    rows
        The table.
    dialect
        Of the settings XML.
    channels_hold_one
        A channel holds one array, not all arrays of equal axes.
    ascending
        Grids are stored along ascending axes, whatever way they were scanned.
    axes_listed
        A navigation axis lists the position of each point of the scan, not of each
        point of the axis.
    oldest_format
        Files are of HDF5's oldest format, which lists nodes by their names: PyMoDAQ 3
        takes navigation axes as they come. PyMoDAQ 5 finds them by their index, and
        its default saver (SWMR) needs a later format to add to a file.
    wrapped
        Attributes are JSON (2.0.1 and later).
    later
        Needed attributes that the first versions did not write yet.
    """

    name: str
    versions: str
    rows: tuple[Row, ...]
    dialect: Dialect
    channels_hold_one: bool = False
    ascending: bool = False
    axes_listed: bool = False
    oldest_format: bool = False
    wrapped: bool = True
    later: frozenset[str] = frozenset()

    def row(self, role: Role) -> Row:
        """The row of a role.

        Raises
        ------
        LayoutError
            When the layout has no place for it.
        """
        for row in self.rows:
            if row.role is role and row.written:
                return row
        raise LayoutError(f"the layout {self.name!r} has no place for a {role.value}")

    def has(self, role: Role) -> bool:
        """Whether the layout has a place for a role."""
        return any(row.role is role and row.written for row in self.rows)

    def place(
        self,
        role: Role,
        parent: str,
        number: int = 0,
        /,
        called: str = "",
        **fields: Any,
    ) -> Node:
        """Where a node goes, and with which attributes (as they are stored).

        A row that takes any name (``{any}``) gets the one it is `called`.

        Examples
        --------
        >>> from pymo_bluesky.layouts import PYMODAQ5
        >>> PYMODAQ5.place(Role.SCAN, "/RawData", 2).path
        '/RawData/Scan002'
        """
        row = self.row(role)
        kind = fields.pop("kind", row.kinds[0])
        const, default = _always(self, row)
        given: dict[str, Any] = {}
        attributes: dict[str, Any] = {"CLASS": kind.value, **const}
        for attribute, known in row.fields.items():
            if known in fields:
                attributes[attribute] = given[attribute] = fields.pop(known)
            elif attribute in default:
                attributes[attribute] = default[attribute]
        given |= fields.pop("extra", {})
        if fields:
            raise LayoutError(
                f"a {role.value} of layout {self.name!r} has no attribute for "
                f"{', '.join(sorted(fields))}"
            )
        attributes |= _stored(self, row, given)
        return Node(self.path(role, parent, number, called), kind, attributes)

    def path(
        self, role: Role, parent: str, number: int = 0, /, called: str = ""
    ) -> str:
        """Where a node goes.

        Examples
        --------
        >>> from pymo_bluesky.layouts import PYMODAQ5
        >>> PYMODAQ5.path(Role.RAW, "/")
        '/RawData'
        """
        row, base = self.row(role), parent.rstrip("/")
        return f"{base}/{row.named(number, called)}" if row.name else base or "/"

    def encode(self, name: str, value: Any) -> Any:
        """An attribute's value as it is stored."""
        return encode(name, value) if self.wrapped else value

    def recognise(
        self, parent: Role | None, name: str, attributes: Mapping[str, Any]
    ) -> Recognised | None:
        """What a node is, from its parent, name and stored attributes; None: unknown.

        Examples
        --------
        >>> from pymo_bluesky.layouts import PYMODAQ5
        >>> node = PYMODAQ5.place(Role.SCAN, "/RawData", 2)
        >>> PYMODAQ5.recognise(Role.RAW, "Scan002", node.attributes).number
        2
        """
        for row in self.rows:
            if parent is None and row.role is not Role.ROOT:
                continue
            if parent is not None and parent not in row.parents:
                continue
            number = row.number_of(name) if row.name else 0
            if number is None or not self._bears(row, attributes):
                continue
            return Recognised(
                row,
                number,
                Decoded(attributes, self.decode, partial(_known, row, attributes)),
                Decoded(attributes, self.decode, partial(_others, row, attributes)),
            )
        return None

    def _bears(self, row: Row, attributes: Mapping[str, Any]) -> bool:
        """Whether a node bears the class and the constant attributes of a row.

        Which of PyTables' kinds of arrays it is says nothing: PyMoDAQ 1.x stored axes
        as ARRAY, later ones as CARRAY or EARRAY.
        """
        stored = attributes.get("CLASS")
        kind = None if stored is None else self.decode(stored)
        if kind is not None:
            families = {_FAMILIES[known.value] for known in row.kinds}
            if _FAMILIES.get(str(kind)) not in families:
                return False
        return all(
            self.decode(attributes.get(name)) == value
            for name, value in row.const.items()
            if name in ("type", "data_type") and value
        )

    def decode(self, stored: Any) -> Any:
        """An attribute's value from what is stored; nothing is ever evaluated."""
        return decode(stored) if self.wrapped else decode_plain(stored)


_PYTABLES = ("CLASS", "VERSION", "EXTDIM", "FLAVOR", "PYTABLES_FORMAT_VERSION")
_FAMILIES = {
    "GROUP": "group",
    "ARRAY": "array",
    "CARRAY": "array",
    "EARRAY": "array",
    "VLARRAY": "rows",
}


def _stored(layout: Layout, row: Row, values: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a node of a row as they are stored."""
    return {
        name: value
        if name in row.raw and not (isinstance(value, str) and misread(value))
        else layout.encode(name, value)
        for name, value in values.items()
    }


@lru_cache
def _always(layout: Layout, row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """What any node of a row bears, as stored; and what it bears by default."""
    default = {a: row.default[f] for a, f in row.fields.items() if f in row.default}
    return _stored(layout, row, row.const), _stored(layout, row, default)


def _known(row: Row, attributes: Mapping[str, Any]) -> dict[str, str]:
    return {row.fields[key]: key for key in attributes if key in row.fields}


def _others(row: Row, attributes: Mapping[str, Any]) -> dict[str, str]:
    mute = {*row.fields, *row.const, *_PYTABLES}
    return {key: key for key in attributes if key not in mute}
