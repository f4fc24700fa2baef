"""Files opened for reading, and arrays that are read when they are indexed.

Knows no layouts, no documents.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ..allowed import Allowed, External
from ..errors import FormatError, NotFoundError, printable
from .nodes import DamageTold, Node
from .objects import opened
from .rules import MEMORY, Rules

if TYPE_CHECKING:
    from .remote import Session

__all__ = ["LazyArray", "LazyNode", "Source", "Tree", "open_tree"]

_BUSY = (errno.EAGAIN, errno.EACCES)
_LOCK_TIMEOUT = 2.0
_RETRY = 0.02
_MOST_KEPT = 1000
"""Nodes that a tree has at hand; each takes some KiB."""


class Tree:
    """An open file."""

    def __init__(self, file: h5py.File, rules: Rules | None = None) -> None:
        self._file = file
        self._rules = rules or Rules()
        self._root: Node | None = None
        self._known: dict[str, Node] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def root(self) -> Node:
        """Its root."""
        if self._root is None:
            with DamageTold("/"):
                self._root = Node(opened(self._file["/"].id), "/", self._rules)
        return self._root

    @property
    def name(self) -> str:
        """Of the file."""
        return str(self._file.filename)

    def node(self, path: str) -> Node:
        """A node by its path.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        if path.strip("/") == "":
            return self.root
        found = self._known.get(path) or self._found(path)
        if found is None:
            raise NotFoundError(f"{self.name}: there is no {printable(path)}")
        return found

    def keep(self, node: Node) -> None:
        """Have a node at hand that will be asked for again by its path."""
        if node.can_be_kept:
            if len(self._known) == _MOST_KEPT:
                self._known.clear()
            self._known[node.path] = node

    def _found(self, path: str) -> Node | None:
        """A node by its path; others are asked for that lie beside it."""
        parent, _, name = path.strip("/").rpartition("/")
        above = self._known.get(f"/{parent}") if parent else self.root
        if above is None:
            above = self.root.get(parent)
            if above is not None:
                self.keep(above)
        return None if above is None else above.get(name)


class Source:
    """A file that is opened when something is read, and closed again.

    While it is open, other programs cannot write to it; so it is held open only for as
    long as somebody asks (`opened` can be nested).

    Parameters
    ----------
    path
        Of the file.
    external
        Other files that the values of arrays may lie in: True for any, or folders.
    memory
        Bytes that what describes the data may take; see `Rules`.
    isolated
        Whether another process reads the file, which may die of it.
    left_out
        Arrays that count as unreadable; see `Rules`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        external: External | Allowed = False,
        memory: int = MEMORY,
        isolated: bool = False,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        allowed = external if isinstance(external, Allowed) else Allowed.of(external)
        self.rules = Rules(allowed, memory, left_out or {})
        self._session = _session(self.path, self.rules) if isolated else None
        self._tree: Tree | None = None
        self._users = 0
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """What another process (of dask) opens the file with: nothing that is open."""
        isolated = self._session is not None
        return {"path": self.path.absolute(), "rules": self.rules, "isolated": isolated}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rules: Rules = state["rules"]
        self.__init__(  # a source of its own, closed
            state["path"],
            external=rules.allowed,
            memory=rules.memory,
            isolated=state["isolated"],
            left_out=rules.left_out,
        )

    @contextlib.contextmanager
    def opened(self) -> Iterator[Tree]:
        """Open it for reading, unless it is.

        Raises
        ------
        NotFoundError
            When there is no such file.
        FormatError
            When it is not HDF5, damaged, or held by another program.
        """
        with self._lock:
            if self._tree is None:
                self._tree = self._opened()
            tree = self._tree
            self._users += 1
        try:
            yield tree
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    tree.close()
                    self._tree = None

    def _opened(self) -> Tree:
        if self._session is not None:
            return self._session.opened()
        return Tree(_open(self.path), self.rules)


def _session(path: Path, rules: Rules) -> Session:
    from .remote import Session  # which knows this module: its worker opens files

    return Session(path, rules)


def open_tree(
    path: str | os.PathLike[str],
) -> contextlib.AbstractContextManager[Tree]:
    """Open a file for reading.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is not HDF5, damaged, or held by another program.
    """
    return Source(path).opened()


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}")
    patience = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            return h5py.File(path, "r")
        except OSError as error:
            if error.errno in _BUSY and time.monotonic() < patience:
                time.sleep(_RETRY)
                continue
            raise FormatError(f"{path} {_reason(path, error)}") from error


def _reason(path: Path, error: OSError) -> str:
    text = str(error)
    if error.errno == errno.EACCES and not os.access(path, os.R_OK):
        return "may not be read by you; change its permissions"
    if error.errno in _BUSY:
        return "is being written by another program; try again when it has closed it"
    if "h5clear" in text:
        return (
            "was left open for writing by a program that died, or is being written "
            f"now. When it is not: copy it, then `h5clear -s {path.name}` on the copy "
            "clears the mark"
        )
    if "truncated" in text:
        return (
            f"is cut off ({text}). Get a whole copy; if a program died while it wrote "
            "this file, try `pymo-bluesky recover` on its folder"
        )
    return (
        f"cannot be opened as HDF5: {text}. A PyMoDAQ dataset was expected; if a "
        "program died while it wrote this file, try `pymo-bluesky recover` on its "
        "folder"
    )


@dataclass(frozen=True, slots=True, eq=False)
class LazyNode:
    """A group or an array of a file that is opened for each access, and closed again.

    Slower than a `Node`, but nobody has to wait for who looks at it.

    Attributes
    ----------
    path
        Of the node in the file.
    """

    _source: Source
    path: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array."""
        with self._source.opened() as tree:
            return tree.node(self.path).shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        with self._source.opened() as tree:
            return tree.node(self.path).dtype

    def get(self, path: str) -> LazyNode | None:
        """A node below, by its relative path; None when there is none."""
        with self._source.opened() as tree:
            found = tree.node(self.path).get(path)
        return None if found is None else LazyNode(self._source, found.path)

    def __getitem__(self, key: Any) -> Any:
        """Part of an array, read from the file."""
        with self._source.opened() as tree:
            return tree.node(self.path)[key]


@dataclass(frozen=True, slots=True, eq=False)
class LazyArray:
    """An array in a file, read when it is indexed.

    Attributes
    ----------
    path
        Of the node in the file.
    shape, dtype
        Of the whole.
    """

    _source: Source
    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Part of it, read from the file."""
        with self._source.opened() as tree:
            return tree.node(self.path)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of it, read from the file."""
        values = np.asarray(self[()])
        return values if dtype is None else values.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<array {self.shape} {self.dtype} at {printable(self.path)}>"
