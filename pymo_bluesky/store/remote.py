"""Nodes of a file that another process reads, which may die of it; knows no layouts.

HDF5 itself ends the process for about one damaged file in three thousand. Here it is a
worker's process; whoever asks gets a `CrashError` that names the node.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..allowed import Allowed
from ..dtypes import dtype_name, dtype_of
from ..errors import CrashError, NotFoundError, printable
from ..isolation import Limits, Worker
from .attributes import Attributes
from .nodes import DamageTold, Link, Listing, Node
from .opening import Source, Tree
from .rules import Rules

__all__ = ["RemoteTree", "Session", "answer", "release"]

LIMITS = Limits(seconds=60)
_MOST_CRASHES = 20


class Session:
    """One file, and the worker that reads it; ended when nobody has it any more."""

    def __init__(self, path: Path, rules: Rules) -> None:
        self.path = path
        self.rules = rules
        self._worker = Worker(LIMITS)
        self._crashes = 0
        weakref.finalize(self, self._worker.close)

    def ask(self, what: str, path: str, *args: Any) -> Any:
        """What a node says.

        Raises
        ------
        CrashError
            When the worker dies, hangs, or needs too much memory.
        """
        folders, memory = self.rules.allowed.folders, self.rules.memory
        asked = (os.path.abspath(self.path), folders, memory, what, path)  # noqa: PTH100
        if self._crashes >= _MOST_CRASHES:
            raise CrashError(
                f"{self.path} ended {self._crashes} processes that read it; it is not "
                "read any further. Get another copy"
            )
        try:
            return self._worker.call(answer, *asked, *args)
        except CrashError as error:
            self._crashes += 1
            raise CrashError(f"{self.path}, {printable(path)}: {error}") from error

    def opened(self) -> Tree:
        """The file, opened by the worker."""
        self.ask("about", "/")
        return RemoteTree(self)

    def release(self) -> None:
        """Let the worker close the file, so that others can write to it."""
        with contextlib.suppress(CrashError):  # then it is closed as well
            self._worker.call(release)


class _About(NamedTuple):
    """What is told of a node when it is first met."""

    session: Session
    is_array: bool
    address: int
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any] | None

    @classmethod
    def of(cls, session: Session, told: Any) -> _About:
        is_array, address, shape, dtype = told
        if shape is None:  # it could not be read: asking again tells why
            return cls(session, is_array, address, None, None)
        return cls(session, is_array, address, tuple(shape), dtype_of(dtype))


class RemoteTree(Tree):
    """An open file of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def close(self) -> None:
        """Let go of the file."""
        self._session.release()

    @property
    def root(self) -> Node:
        """Its root."""
        told = self._session.ask("about", "/")
        return RemoteNode(_About.of(self._session, told), "/", self._session.rules)

    @property
    def name(self) -> str:
        """Of the file."""
        return str(self._session.path)

    def node(self, path: str) -> Node:
        """A node by its path."""
        found = self.root.get(path) if path.strip("/") else self.root
        if found is None:
            raise NotFoundError(f"{self.name}: there is no {printable(path)}")
        return found

    def keep(self, node: Node) -> None:
        """Nodes of another process are asked for there."""


class RemoteNode(Node):
    """A node of a file that another process reads."""

    __slots__ = ()

    def _ask(self, what: str, *args: Any) -> Any:
        return self._object.session.ask(what, self.path, *args)

    def _child_of(self, name: str, told: Any) -> RemoteNode:
        path = f"{self.path.rstrip('/')}/{name}"
        return RemoteNode(_About.of(self._object.session, told), path, self.rules)

    @property
    def is_array(self) -> bool:
        """Whether it holds values."""
        return self._object.is_array

    @property
    def address(self) -> int:
        """Where it lies in the file: two names of one node have the same."""
        return self._object.address

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes as they are stored, each read when it is asked for."""
        return Attributes(self, self._ask("attributes"))

    def attribute(self, name: str | bytes) -> Any:
        """One attribute as it is stored; None when it is not there or unreadable."""
        try:
            return self._ask("attribute", name)
        except CrashError:
            return None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array."""
        known = self._object.shape
        return tuple(self._ask("shape")) if known is None else known

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        known = self._object.dtype
        return dtype_of(self._ask("dtype")) if known is None else known

    def refusal(self) -> str:
        """Why the values of an array are not read; empty when they are."""
        return self._ask("refusal")

    def linked(self) -> tuple[Link, ...]:
        """Arrays in other files that the values of an array are taken from."""
        told = self._ask("linked") if self.is_array else ()
        return tuple(Link(file, array, tuple(shape)) for file, array, shape in told)

    def mapping(self) -> bytes:
        """Which part of which file each part of a virtual array is taken from."""
        return self._ask("mapping")

    @property
    def lost_links(self) -> tuple[str, ...]:
        """Other files that are not there: HDF5 shows fill values in their place."""
        return tuple(self._ask("lost_links")) if self.is_array else ()

    def __getitem__(self, key: Any) -> Any:
        """Part of an array, as numpy array."""
        return self._ask("read", _apart(key))

    def rows_at_once(self) -> int:
        """How many values of variable length stay within the memory."""
        return self._ask("rows_at_once")

    def listing(self) -> Listing:
        """What a group holds, in the order of the names."""
        if self.is_array:
            return Listing((), ())
        try:
            nodes, refused = self._ask("listing")
        except CrashError:  # of one of them: the others may be whole
            nodes, refused = self._one_by_one()
        found = tuple(self._child_of(name, told) for name, told in nodes)
        return Listing(found, tuple((name, reason) for name, reason in refused))

    def _one_by_one(self) -> tuple[list[Any], list[Any]]:
        nodes, refused = list[Any](), list[Any]()
        for name in self.names():
            try:
                told = self._ask("get", name)
            except CrashError as error:
                refused.append((name, f"damaged ({error})"))
            else:
                if told is None:
                    refused.append((name, "not found, or a link"))
                else:
                    nodes.append((name, told))
        return nodes, refused

    def names(self) -> list[str]:
        """Names of what a group holds, links included."""
        return self._ask("names")

    def get(self, path: str) -> Node | None:
        """A node below, by its relative path; None when there is none."""
        told = self._ask("get", path)
        return None if told is None else self._child_of(path.strip("/"), told)


# ------------------------------------------------------------------- in the worker

_open: dict[tuple[Any, ...], tuple[contextlib.ExitStack, Tree]] = {}


def answer(
    file: str, folders: list[str] | None, memory: int, what: str, path: str, *args: Any
) -> Any:
    """What a node says: run in the worker, where the file stays open meanwhile."""
    key = (file, None if folders is None else tuple(folders), memory)
    if key not in _open:
        release()
        held = contextlib.ExitStack()
        allowed = Allowed(key[1])
        tree = held.enter_context(
            Source(file, external=allowed, memory=memory).opened()
        )
        _open[key] = held, tree
    node = _open[key][1].node(path)
    with DamageTold(path):
        return _ANSWERS[what](node, *args)


def release() -> None:
    """Close the file: run in the worker."""
    while _open:
        _open.popitem()[1][0].close()


def _listing(node: Node) -> Any:
    found = node.listing()
    # By its path, which is all that is told of it, a name in bytes would not be found.
    named = [(child.name, child) for child in found.nodes]
    nodes = [(name, _told(child)) for name, child in named if node.get(name)]
    lost = [(n, "its name is not UTF-8") for n, _ in named if not node.get(n)]
    return nodes, [*found.refused, *lost]


def _told(node: Node) -> Any:
    if not node.is_array:
        return False, node.address, (), "|u1"
    try:
        return True, node.address, node.shape, dtype_name(node.dtype)
    except ValueError:  # damaged, or of a type that numpy does not know
        return True, node.address, None, None


def _get(node: Node, path: str) -> Any:
    found = node.get(path)
    return None if found is None else _told(found)


_ANSWERS: Mapping[str, Any] = {
    "about": _told,
    "attribute": lambda node, name: node.attribute(name),
    "attributes": lambda node: node.attribute_names(),
    "dtype": lambda node: dtype_name(node.dtype),
    "get": _get,
    "linked": lambda node: [tuple(link) for link in node.linked()],
    "listing": _listing,
    "lost_links": lambda node: node.lost_links,
    "mapping": lambda node: node.mapping(),
    "names": lambda node: node.names(),
    "read": lambda node, key: node[_together(key)],
    "refusal": lambda node: node.refusal(),
    "rows_at_once": lambda node: node.rows_at_once(),
    "shape": lambda node: node.shape,
}


def _apart(key: Any) -> Any:
    """An index as plain data."""
    if isinstance(key, tuple):
        return tuple(_apart(part) for part in key)
    if isinstance(key, slice):
        return {"slice": [key.start, key.stop, key.step]}
    return {"all": True} if key is Ellipsis else key


def _together(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_together(part) for part in key)
    if isinstance(key, dict):
        return slice(*key["slice"]) if "slice" in key else Ellipsis
    return key
