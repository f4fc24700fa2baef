"""The reading half of the store: nodes of an HDF5 file; knows no layouts, no documents.

A file is data that somebody sent. Links are not followed, bytes of other files are not
read, and what a read would cost is reckoned before anything is allocated.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from ..errors import FormatError, PymoError, printable
from .virtual import mapping

__all__ = ["Link", "Listing", "Node"]

MAX_CHILDREN = 10_000
"""Nodes in one group; PyMoDAQ's numbering ends at 999 scans."""

MAX_TEXT_BYTES = 64 * 2**20
"""Of one attribute, and of all rows of a log."""

FREE_BYTES = 64 * 2**20
"""What one read may give whatever lies on the disk."""

MAX_RATIO = 100
"""What a larger read may give for each byte on the disk; zlib reaches 1,030."""

_UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError)


@contextlib.contextmanager
def damage_told(path: str) -> Iterator[None]:
    """What HDF5 says of damage, as an error that names the node."""
    try:
        yield
    except (*_UNREADABLE, AttributeError, UnicodeError) as error:
        if isinstance(error, PymoError):
            raise
        raise FormatError(
            f"{printable(path)} is damaged ({type(error).__name__}: {error}); get "
            "another copy of the file"
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
    external
        Whether values that lie in other files may be read.
    """

    _object: Any
    path: str
    external: bool = False

    @property
    def name(self) -> str:
        """Last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_array(self) -> bool:
        """Whether it holds values."""
        return isinstance(self._object, h5py.Dataset)

    @property
    def address(self) -> int:
        """Where it lies in the file: two names of one node have the same."""
        with damage_told(self.path):
            return int(h5o.get_info(self._object.id).addr)

    # ------------------------------------------------------------------- attributes

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes as they are stored, each read when it is asked for.

        The unreadable ones are None.
        """
        with damage_told(self.path):
            return _Attributes(self, list(self._object.attrs))

    def attribute(self, name: str | bytes) -> Any:
        """One attribute as it is stored; None when it is not there or unreadable."""
        try:
            return _attribute(self._object, name)
        except (*_UNREADABLE, UnicodeError, MemoryError):
            return None

    # ----------------------------------------------------------------------- values

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array."""
        with damage_told(self.path):
            return tuple(self._object.shape or ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        with damage_told(self.path):
            return self._object.dtype

    def refusal(self) -> str:
        """Why the values of an array are not read; empty when they are."""
        try:
            return _refusal(self._object, self.external)
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
        with damage_told(self.path):
            plist = self._object.id.get_create_plist()
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
        with damage_told(self.path):
            return mapping(self._object.id.get_create_plist())

    @property
    def lost_links(self) -> tuple[str, ...]:
        """Those of them that are not there: HDF5 shows fill values in their place."""
        folder = Path(self._object.file.filename).parent
        return tuple(name for name in self.links if not (folder / name).is_file())

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
        self._reckon(key)
        try:
            return self._object[key]
        except (OSError, RuntimeError) as error:
            raise FormatError(
                f"{printable(self.path)} cannot be read: {error}. The file is damaged "
                "there, or needs a compression filter that is not installed (the extra "
                "'assets' brings hdf5plugin)"
            ) from error

    def _reckon(self, key: Any) -> None:
        """Refuse what a few bytes on the disk would blow up to fill the memory."""
        item = self.dtype.itemsize
        wanted = math.prod(self.shape) * item
        if wanted > FREE_BYTES:
            wanted = _selected(self.shape, key) * item
        with damage_told(self.path):
            chunks = self._object.chunks
            if chunks and self._object.id.get_create_plist().get_nfilters():
                wanted = max(wanted, math.prod(chunks) * item)
            stored = int(self._object.id.get_storage_size())
            if self._object.is_virtual:  # asked for, and what lies where is not known
                return
        if wanted > max(FREE_BYTES, MAX_RATIO * stored):
            raise FormatError(
                f"{printable(self.path)}: {wanted:,} bytes were to be read where "
                f"{stored:,} lie in the file, more than {MAX_RATIO} for one; read it "
                "in smaller parts. No PyMoDAQ writes such chunks: the file may be made "
                "to fill memory"
            )

    def texts(self) -> Iterator[bytes]:
        """Rows of variable length (PyTables' VLARRAY of uint8), as bytes."""
        left, rows = MAX_TEXT_BYTES, 1
        at, size = 0, math.prod(self.shape)
        while at < size:
            for row in np.atleast_1d(self[at : at + rows]):
                data = row.tobytes() if isinstance(row, np.ndarray) else bytes(row)
                left -= len(data)
                if left < 0:
                    raise FormatError(
                        f"{printable(self.path)}: its rows hold more than "
                        f"{MAX_TEXT_BYTES:,} bytes; the rest is not read"
                    )
                yield data
            at, rows = at + rows, min(2 * rows, 256)

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
                refused.append((_as_text(name), found))
        return Listing(tuple(nodes), tuple(refused))

    def children(self) -> Iterator[Node]:
        """The nodes below a group, in the order of their names."""
        yield from self.listing().nodes

    def names(self) -> list[str]:
        """Names of what a group holds, links included."""
        return [_as_text(name) for name in self._names()]

    def _names(self) -> list[str | bytes]:
        with damage_told(self.path):
            if len(self._object) > MAX_CHILDREN:
                raise FormatError(
                    f"{printable(self.path)} holds {len(self._object):,} nodes; at "
                    f"most {MAX_CHILDREN:,} were expected in one group"
                )
            return sorted(self._object, key=_as_text)

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
        try:
            link = self._object.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                return "an external link, which is not followed"
            if isinstance(link, h5py.SoftLink):
                return "a soft link, which is not followed"
            found = self._object[name]
        except (*_UNREADABLE, UnicodeError) as error:
            return f"damaged ({error})"
        if isinstance(found, h5py.Group | h5py.Dataset):
            path = f"{self.path.rstrip('/')}/{_as_text(name)}"
            return Node(found, path, self.external)
        return "neither a group nor an array"


class _Attributes(Mapping[str, Any]):
    """Attributes of a node; few of them are looked at where there are many nodes."""

    def __init__(self, node: Node, names: list[str | bytes]) -> None:
        self._node = node
        self._names = {_as_text(name): name for name in names}
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        raw = self._names[name]
        if name not in self._known:
            self._known[name] = self._node.attribute(raw)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _as_text(name: str | bytes) -> str:
    """The name of a node; h5py gives those that are not UTF-8 as bytes."""
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")


def _attribute(node: Any, name: str | bytes) -> Any:
    """A value as numpy has it, text as str or bytes; NUL bytes within it are kept."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    handle = h5py.h5a.open(node.id, raw)
    if handle.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return ""
    if handle.get_storage_size() > MAX_TEXT_BYTES:
        return None
    kind = handle.get_type()
    text = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
    if text and handle.shape == ():
        # h5py ends such text at its first NUL, which a PNG has in its header.
        data = np.empty((), np.dtype((np.void, kind.get_size())))
        handle.read(data, mtype=kind)
        return data.tobytes().rstrip(b"\0")
    return node.attrs[name]


def _refusal(array: h5py.Dataset, external: bool) -> str:
    if array.shape is None:
        return "it has no values"
    if array.is_virtual and not external:
        return (
            "its values lie in other files (a virtual dataset), which are opened only "
            "when that is asked for: `open_dataset(path, external=True)`"
        )
    if array.external:
        return "its bytes lie in another file (external storage)"
    rows = h5py.check_vlen_dtype(array.dtype) == np.uint8
    text = h5py.check_string_dtype(array.dtype) is not None
    if array.dtype.hasobject and not rows and not text:
        return f"values of type {array.dtype} are not understood"
    plist = array.id.get_create_plist()
    filters = [plist.get_filter(n)[0] for n in range(plist.get_nfilters())]
    if len(set(filters)) < len(filters):
        return "it is compressed twice over"
    for number in filters:
        if not h5py.h5z.filter_avail(number):
            return (
                f"it is compressed with filter {number}, which is not installed (the "
                "extra 'assets' brings hdf5plugin)"
            )
    return ""


def _selected(shape: tuple[int, ...], key: Any) -> int:
    """How many values an index chooses (an upper bound for index arrays)."""
    keys: list[Any] = list(key) if isinstance(key, tuple) else [key]
    at = next((n for n, part in enumerate(keys) if part is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * (len(shape) - len(keys) + (at < len(keys)))
    return math.prod(_length(part, n) for part, n in zip(keys, shape, strict=False))


def _length(part: Any, size: int) -> int:
    if isinstance(part, slice):
        return len(range(*part.indices(size)))
    return int(np.size(part))
