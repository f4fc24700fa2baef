"""What each node of a file is, by a layout's table; knows nodes, but no file library.

The other reading of the tables that `placing` writes by. What no row recognises is an
*extra*: it is named, never dropped and never guessed at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..errors import FormatError, Problem, printable
from .pymodaq1 import PYMODAQ1
from .pymodaq3 import PYMODAQ3
from .pymodaq5 import PYMODAQ5
from .table import Kind, Layout, Role, Row

__all__ = ["FileNode", "Seen", "Watch", "identify", "look", "roots"]

LAYOUTS = (PYMODAQ5, PYMODAQ3, PYMODAQ1)
"""What can be read, the newest first."""

MAX_NODES = 200_000
"""Nodes of one scan; the largest known have some thousands."""

_UNWALKED = frozenset({Role.DOCUMENTS, Role.LIVE, Role.ORIGINAL, Role.NEXUS})
_LINKED = frozenset({Role.DATA, Role.GROWING, Role.ERROR, Role.BACKGROUND})


class FileListing(Protocol):
    """What a group holds: nodes, and (name, reason) of what is not read."""

    @property
    def nodes(self) -> tuple[FileNode, ...]:
        """Nodes that can be read."""
        ...

    @property
    def refused(self) -> tuple[tuple[str, str], ...]:
        """Names and reasons of the others."""
        ...


class FileNode(Protocol):
    """A group or array of a file, as the store gives it."""

    @property
    def path(self) -> str:
        """Where it is."""
        ...

    @property
    def name(self) -> str:
        """Last part of its path."""
        ...

    @property
    def is_array(self) -> bool:
        """Whether it holds values."""
        ...

    @property
    def address(self) -> int:
        """The same for all names of one node."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """As they are stored; None where unreadable."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        ...

    def refusal(self) -> str:
        """Why the values of an array are not read; empty when they are."""
        ...

    @property
    def links(self) -> Sequence[str]:
        """Other files that the values of an array lie in, as it names them."""
        ...

    @property
    def lost_links(self) -> Sequence[str]:
        """Those of them that are not there."""
        ...

    def listing(self) -> FileListing:
        """What a group holds."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """Part of an array."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A node that was recognised, with what was recognised below it.

    Attributes
    ----------
    node, row, number
        The node, its row in the table, its number in that row.
    fields, others
        What its attributes say: known to the row, and not.
    children
        Recognised nodes below, by their numbers.
    """

    node: FileNode
    row: Row
    number: int
    fields: Mapping[str, Any]
    others: Mapping[str, Any]
    children: tuple[Seen, ...] = ()

    @property
    def name(self) -> str:
        """Of the node; ``/`` for the root."""
        return self.node.name or "/"

    @property
    def role(self) -> Role:
        """What it is."""
        return self.row.role

    def below(self, *roles: Role) -> tuple[Seen, ...]:
        """Children of some roles, by their numbers."""
        return tuple(child for child in self.children if child.role in roles)

    def walk(self) -> Iterator[Seen]:
        """Yield the node and all recognised ones below, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def text(self, name: str) -> str:
        """A field as text; empty when it is not there."""
        value = self.fields.get(name)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return "" if value is None else str(value)


@dataclass(slots=True)
class Watch:
    """What one look at a file came upon, and how much more it may look at.

    Attributes
    ----------
    problems, extras
        What is wrong, and the paths of what no row recognises.
    left
        How many more nodes may be looked at.
    """

    problems: list[Problem] = field(default_factory=list[Problem])
    extras: list[str] = field(default_factory=list[str])
    left: int = MAX_NODES
    _seen: set[int] = field(default_factory=set[int])

    @property
    def met(self) -> int:
        """How many nodes were looked at."""
        return len(self._seen)

    def warn(self, where: str, kind: str, message: str) -> None:
        """Note what does not stop the rest from being read."""
        self.problems.append(Problem(printable(where), "warning", kind, message))

    def error(self, where: str, kind: str, message: str) -> None:
        """Note that data are wrong or cannot be read."""
        self.problems.append(Problem(printable(where), "error", kind, message))

    def extra(self, where: str, kind: str, message: str) -> None:
        """Note a node that is not part of the dataset as it is understood."""
        self.extras.append(where)
        self.warn(where, kind, message)

    def first_time(self, node: FileNode) -> bool:
        """Whether a node is met for the first time; hard links can make circles."""
        address = node.address
        if address in self._seen:
            return False
        self._seen.add(address)
        self.left -= 1
        if self.left < 0:
            raise FormatError(
                f"{printable(node.path)}: more nodes than any PyMoDAQ writes "
                f"({MAX_NODES:,} in one scan)"
            )
        return True


def identify(root: FileNode) -> Layout | None:
    """The layout of a file, from what is in it; None when it is not PyMoDAQ's.

    What a file says of its version is the writer's word only: files that several
    versions wrote to keep the first one.
    """
    nodes = root.listing().nodes
    names = {node.name.lower(): node for node in nodes}
    for layout in LAYOUTS:
        raw = names.get(layout.row(Role.RAW).name.lower())
        if raw is None:
            continue
        if layout.axes_listed and layout.wrapped != (_wrapped(root) or _wrapped(raw)):
            continue  # the first two generations share their names
        return layout
    for layout in LAYOUTS:  # a scan that was exported alone; a viewer's file of 1.4
        known = [layout.recognise(Role.ROOT, n.name, n.attributes) for n in nodes]
        roles = {found.row.role for found in known if found}
        if Role.SCAN in roles:
            return layout
        if Role.DIMENSION in roles and layout.decode(root.attributes.get("type")):
            return layout
    return None


def _wrapped(node: FileNode) -> bool:
    """Whether attributes are PyMoDAQ's JSON: since 2.0.1."""
    return any(
        value.startswith(b'{"module"')
        if isinstance(value, bytes)
        else isinstance(value, str) and value.startswith('{"module"')
        for value in node.attributes.values()
    )


def roots(layout: Layout, node: FileNode, watch: Watch) -> Seen | None:
    """The root of a file with its datasets and scans, scans not looked into."""
    return look(layout, node, None, watch, unwalked=frozenset(Role) - _TOP)


_TOP = frozenset({Role.ROOT, Role.RAW})


def look(
    layout: Layout,
    node: FileNode,
    parent: Role | None,
    watch: Watch,
    *,
    unwalked: frozenset[Role] = _UNWALKED,
) -> Seen | None:
    """A node and all below it, recognised; None when it is not.

    Parameters
    ----------
    layout
        The table.
    node, parent
        The node, and the role of what it lies in (None: it is the root).
    watch
        Where problems and extras are noted.
    unwalked
        Roles whose children are left alone.

    Raises
    ------
    FormatError
        When there are more nodes than any PyMoDAQ file has.
    """
    attributes = node.attributes
    found = layout.recognise(parent, node.name, attributes)
    if found is None or node.is_array is (found.row.kinds[0] is Kind.GROUP):
        watch.extra(node.path, "not-recognised", _unrecognised(layout, parent, node))
        return None
    if not watch.first_time(node):
        watch.extra(node.path, "seen-before", "another name of a node met before")
        return None
    if node.is_array and node.refusal():
        if found.row.role not in _LINKED or not node.links:
            watch.error(node.path, "unreadable", f"not read: {node.refusal()}")
            return None
        watch.warn(node.path, "external", f"not read: {node.refusal()}")
    if node.is_array and node.lost_links:
        watch.warn(node.path, "missing-file", _told_lost(node.lost_links))
    children: tuple[Seen, ...] = ()
    if found.row.role not in unwalked:
        for name in (name for name, value in attributes.items() if value is None):
            watch.warn(node.path, "unreadable", f"attribute {name!r} cannot be read")
        if not node.is_array:
            children = _children(layout, node, found.row.role, watch, unwalked)
    return Seen(
        node=node,
        row=found.row,
        number=found.number,
        fields=found.fields,
        others=found.others,
        children=children,
    )


def _told_lost(lost: Sequence[str]) -> str:
    more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    return (
        f"its values lie in {printable(lost[0])}{more}, which is not there: they look "
        "as if not measured. `relocate` tells the dataset where the files are now"
    )


def _children(
    layout: Layout,
    node: FileNode,
    role: Role,
    watch: Watch,
    unwalked: frozenset[Role],
) -> tuple[Seen, ...]:
    listing = node.listing()
    for name, reason in listing.refused:
        watch.extra(f"{node.path.rstrip('/')}/{name}", "not-read", reason)
    found: list[Seen] = []
    for child in listing.nodes:
        try:
            seen = look(layout, child, role, watch, unwalked=unwalked)
        except FormatError as error:  # the rest may be whole
            watch.error(child.path, "damaged", str(error))
            continue
        if seen is not None:
            found.append(seen)
    return tuple(sorted(found, key=lambda seen: seen.number))


def _unrecognised(layout: Layout, parent: Role | None, node: FileNode) -> str:
    what = "an array" if node.is_array else "a group"
    where = "the root" if parent in (None, Role.ROOT) else f"a {parent}"
    return (
        f"{what} that PyMoDAQ {layout.versions} does not put into {where}; it is left "
        "as it is"
    )
