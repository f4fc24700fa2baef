"""The reading half of the store: nodes of an HDF5 file; knows no layouts, no documents.

A file is data that somebody sent. Links are not followed, bytes of other files are not
read, and what a read would cost is reckoned before anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5l, h5o  # pyright: ignore[reportAttributeAccessIssue]

from ..errors import FormatError, PymoError, printable
from .attributes import Attributes, as_text, decoded, size_of
from .objects import LONGEST, HDF5Object, short_text
from .reckoning import refusal, rows_at_once, too_costly
from .rules import Rules
from .virtual import mapping

__all__ = ["DamageTold", "Link", "Listing", "Node"]

MAX_CHILDREN = 10_000
"""Nodes in one group; PyMoDAQ's numbering ends at 999 scans."""

MAX_ATTRIBUTES = 10_000
"""Of one node; PyMoDAQ's have some twenty."""

_ROW = 256
"""Bytes that a row of a text counts for beside its own: what reads it keeps objects."""

_EMPTY = 1000
"""Empty rows one after another; nobody writes a single one."""

_UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError)


class DamageTold:
    """What HDF5 says of damage, as an error that names the node.

    A class, for it is entered hundreds of times in a look at a scan: a generator takes
    five times as long.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, PymoError):
            return
        if isinstance(error, (*_UNREADABLE, AttributeError, UnicodeError)):
            raise FormatError(
                f"{printable(self._path)} is damaged ({type(error).__name__}: "
                f"{error}); get another copy of the file"
            ) from error


class Listing(NamedTuple):
    """What a group holds: nodes that can be read, and why the others are not."""

    nodes: tuple[Node, ...]
    refused: tuple[tuple[str, str], ...]


class Link(NamedTuple):
    """An array in another file: name of the file, and path and shape of the array."""

    file: str
    array: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A group or an array of an open file; values are read when they are asked for.

    Attributes
    ----------
    path, name
        Where it is.
    is_array
        Whether it holds values.
    rules
        What reading it may cost, and where it may lead.
    """

    _object: Any  # `HDF5Object`; what was told of a node of another process
    path: str
    rules: Rules

    @property
    def name(self) -> str:
        """Last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_array(self) -> bool:
        """Whether it holds values."""
        return self._object.is_array

    @property
    def can_be_kept(self) -> bool:
        """Whether it may stay open, and be known by its path.

        Nobody can change it, it takes little memory, and no other node is shown so: a
        name that is not UTF-8 is shown with backslashes.
        """
        if not self._object.unchanging or "\\" in self.path:
            return False
        with DamageTold(self.path):
            return not self._object.is_chunked

    @property
    def address(self) -> int:
        """Where it lies in the file: two names of one node have the same."""
        with DamageTold(self.path):
            return int(self._object.info.addr)

    # ------------------------------------------------------------------- attributes

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes as they are stored, each read when it is asked for.

        The unreadable ones are None.

        Raises
        ------
        FormatError
            When there are more than any PyMoDAQ file has; and for each that is asked
            for, when the attributes of the file take more memory than they may.
        """
        self._count_attributes()
        return Attributes(self)

    def _count_attributes(self) -> None:
        with DamageTold(self.path):
            count = h5py.h5a.get_num_attrs(self._object.id)
            if count > MAX_ATTRIBUTES:
                raise FormatError(
                    f"{printable(self.path)} has {count:,} attributes; at most "
                    f"{MAX_ATTRIBUTES:,} were expected"
                )

    def attribute_names(self) -> list[str | bytes]:
        """Names of its attributes; those that are not UTF-8 as bytes."""
        self._count_attributes()
        with DamageTold(self.path):
            return [decoded(name) for name in self._object.attribute_names()]

    def has_attribute(self, name: str) -> bool:
        """Whether it has an attribute, without a look at the others."""
        with DamageTold(self.path):
            return h5py.h5a.exists(self._object.id, name.encode())

    def attribute(self, name: str | bytes) -> Any:
        """One attribute as it is stored; None when it is not there or unreadable."""
        try:
            return _attribute(self._object, name, self.rules)
        except (*_UNREADABLE, UnicodeError, MemoryError):
            return None

    # ----------------------------------------------------------------------- values

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array."""
        with DamageTold(self.path):
            return tuple(self._object.shape or ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        with DamageTold(self.path):
            return self._object.dtype

    def refusal(self) -> str:
        """Why the values of an array are not read; empty when they are."""
        if self.path in self.rules.left_out:
            return self.rules.left_out[self.path]
        try:
            return refusal(self._object, self.rules)
        except _UNREADABLE as error:
            return f"its type or storage is not understood ({error})"

    @property
    def links(self) -> tuple[str, ...]:
        """Other files that the values of an array lie in, as it names them."""
        return tuple(dict.fromkeys(link.file for link in self.linked()))

    def linked(self) -> tuple[Link, ...]:
        """Arrays in other files that the values of an array are taken from."""
        if not self.is_array or not self._object.is_virtual:
            return ()
        with DamageTold(self.path):
            plist = self._object.properties
            found = {
                Link(
                    plist.get_virtual_filename(n).replace("%%", "%"),
                    plist.get_virtual_dsetname(n).replace("%%", "%"),
                    tuple(plist.get_virtual_srcspace(n).shape),
                ): None
                for n in range(plist.get_virtual_count())
            }
        return tuple(found)

    def mapping(self) -> bytes:
        """Which part of which file each part of a virtual array is taken from."""
        with DamageTold(self.path):
            return mapping(self._object.properties)

    @property
    def lost_links(self) -> tuple[str, ...]:
        """Those of them that are not there: HDF5 shows fill values in their place."""
        links = self.links
        if not links:
            return ()
        folder = Path(self._object.array.file.filename).parent
        return tuple(name for name in links if not (folder / name).is_file())

    def __getitem__(self, key: Any) -> Any:
        """Part of an array, as numpy array.

        Raises
        ------
        FormatError
            When it cannot be read, or would need far more memory than lies on the disk.
        """
        reason = self.refusal()
        if reason:
            raise FormatError(f"{printable(self.path)} is not read: {reason}")
        with DamageTold(self.path):
            costly = too_costly(self._object, key, self.rules)
        if costly:
            raise FormatError(f"{printable(self.path)}: {costly}")
        try:
            return self._object.read(key)
        except MemoryError as error:
            raise FormatError(
                f"{printable(self.path)} needs more memory than there is; read it in "
                "smaller parts"
            ) from error
        except (OSError, RuntimeError) as error:
            raise FormatError(
                f"{printable(self.path)} cannot be read: {error}. The file is damaged "
                "there, or needs a compression filter that is not installed (the extra "
                "'compression' brings hdf5plugin)"
            ) from error

    def rows_at_once(self) -> int:
        """How many values of variable length stay within the memory, however long."""
        with DamageTold(self.path):
            return rows_at_once(self._object, self.rules)

    def texts(self) -> Iterator[bytes]:
        """Rows of variable length (PyTables' VLARRAY of uint8), as bytes.

        Raises
        ------
        FormatError
            When they take more memory than they may; empty rows count too.
        """
        left, rows, most, empty = self.rules.free, 1, self.rows_at_once(), 0
        at, size = 0, math.prod(self.shape)
        while at < size:
            for row in np.atleast_1d(self[at : at + rows]):
                data = row.tobytes() if isinstance(row, np.ndarray) else bytes(row)
                left -= len(data) + _ROW
                empty = 0 if data else empty + 1
                if left < 0 or empty > _EMPTY:
                    raise FormatError(
                        f"{printable(self.path)}: its {size:,} rows take more than "
                        f"{self.rules.free:,} bytes, or more than {_EMPTY:,} in a row "
                        "are empty; the rest is not read"
                    )
                yield data
            at, rows = at + rows, min(2 * rows, most)

    # ------------------------------------------------------------------------ nodes

    def listing(self) -> Listing:
        """What a group holds, in the order of the names.

        Raises
        ------
        FormatError
            When it holds more than any PyMoDAQ file does.
        """
        if self.is_array:
            return Listing((), ())
        nodes: list[Node] = []
        refused: list[tuple[str, str]] = []
        for name in self._names():
            found = self._child(name)
            if isinstance(found, Node):
                nodes.append(found)
            else:
                refused.append((as_text(name), found))
        return Listing(tuple(nodes), tuple(refused))

    def children(self) -> Iterator[Node]:
        """The nodes below a group, in the order of their names."""
        yield from self.listing().nodes

    def names(self) -> list[str]:
        """Names of what a group holds, links included."""
        return [as_text(name) for name in self._names()]

    def _names(self) -> list[str | bytes]:
        if self.is_array:
            return []
        with DamageTold(self.path):
            count = self._object.id.get_num_objs()
            if count > MAX_CHILDREN:
                raise FormatError(
                    f"{printable(self.path)} holds {count:,} nodes; at most "
                    f"{MAX_CHILDREN:,} were expected in one group"
                )
            names = list(self._object.id)
            return sorted(map(decoded, names), key=as_text)

    def get(self, path: str) -> Node | None:
        """A node below, by its relative path; None when there is none."""
        here = self
        for name in path.strip("/").split("/"):
            found = None if here.is_array or not name else here._child(name)
            if not isinstance(found, Node):
                return None
            here = found
        return here

    def _child(self, name: str | bytes) -> Node | str:
        """What hangs below under a name, or why it is not read."""
        key = name if isinstance(name, bytes) else name.encode("utf-8")
        try:
            here = self._object.id
            kind = here.links.get_info(key).type
            if kind == h5l.TYPE_EXTERNAL:
                return "an external link, which is not followed"
            if kind == h5l.TYPE_SOFT:
                return "a soft link, which is not followed"
            found = h5o.open(here, key)
        except (*_UNREADABLE, UnicodeError) as error:
            return f"damaged ({error})"
        if isinstance(found, h5py.h5g.GroupID | h5py.h5d.DatasetID):
            path = f"{self.path.rstrip('/')}/{as_text(name)}"
            known = HDF5Object(found, unchanging=self._object.unchanging)
            return Node(known, path, self.rules)
        return "neither a group nor an array"


def _attribute(node: HDF5Object, name: str | bytes, rules: Rules) -> Any:
    """A value as numpy has it, text as str or bytes; NUL bytes within it are kept."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    handle = h5py.h5a.open(node.id, raw)
    extent = handle.get_space().get_simple_extent_type()
    if extent == h5py.h5s.NULL:
        return ""
    if extent == h5py.h5s.SCALAR and rules.text >= LONGEST:
        short = short_text(handle)
        if short is not None:
            return short
    kind = handle.get_type()
    text = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
    if text and extent == h5py.h5s.SCALAR:
        size = kind.get_size()
        if size > rules.text:
            return None
        # h5py ends such text at its first NUL, which a PNG has in its header.
        data = np.empty((), np.dtype((np.void, size)))
        handle.read(data, mtype=kind)
        return data.tobytes().rstrip(b"\0")
    if handle.get_storage_size() > rules.text:
        return None
    if handle.dtype.hasobject:
        # Lists of variable length are what damage makes of texts; HDF5 dies of those.
        if h5py.check_string_dtype(handle.dtype) is None:
            return None
        if math.prod(handle.shape) > rows_at_once(node, rules):
            return None  # many texts can share the same bytes of the file
    value = h5py.AttributeManager(node)[name]
    return None if size_of(value) > rules.text else value
