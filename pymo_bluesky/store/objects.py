"""Groups and arrays of an open file, by HDF5's low-level calls; knows no rules.

A look at a scan asks some forty of them for 250 attributes. Each object that h5py makes
takes some 5 µs, and its own ways to an attribute make four or five of them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5i, h5o, h5s  # pyright: ignore[reportAttributeAccessIssue]

from .texts import text_type

__all__ = ["LONGEST", "HDF5Object", "opened", "short_text"]

_LARGE = 2**22
"""Bytes of an array for which it matters where it begins in memory."""

_PAGE = 4096

LONGEST = 2**12
"""Bytes of a text that is read without a look at its type."""

_OF_VARIABLE_LENGTH = frozenset(8 + address for address in (2, 4, 8, 16, 32))
"""Bytes of what stands for a text of variable length, by those of an address: h5py
would make a text of fixed length of it, cut off."""


class HDF5Object:
    """An open group or array.

    Parameters
    ----------
    found
        What h5py's low level has opened.
    unchanging
        Whether nobody can change it: then what it said is kept.

    Attributes
    ----------
    id, unchanging, is_array
        The same, and whether it holds values.
    """

    __slots__ = ("_array", "_info", "_kept", "_shape", "id", "is_array", "unchanging")

    def __init__(self, found: Any, *, unchanging: bool) -> None:
        self.id = found
        self.unchanging = unchanging
        self.is_array = isinstance(found, h5py.h5d.DatasetID)
        self._info: Any = None
        self._kept: Any = None
        self._shape: Any = None
        self._array: h5py.Dataset | None = None

    @property
    def info(self) -> Any:
        """What HDF5 says of it: where it lies, among others."""
        if self._info is None or not self.unchanging:
            self._info = h5o.get_info(self.id)
        return self._info

    @property
    def properties(self) -> Any:
        """What it was created with."""
        if self._kept is None:  # they never change
            self._kept = self.id.get_create_plist()
        return self._kept

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of an array; None when it has no values."""
        if self._shape is None or not self.unchanging:
            self._shape = self.id.shape
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        return self.id.dtype

    @property
    def is_chunked(self) -> bool:
        """Whether HDF5 keeps some of its values in memory while it is open: 8 MiB."""
        return self.is_array and self.properties.get_layout() == h5py.h5d.CHUNKED

    @property
    def is_virtual(self) -> bool:
        """Whether the values of an array are taken from others."""
        return self.properties.get_layout() == h5py.h5d.VIRTUAL

    @property
    def file_size(self) -> int:
        """Bytes of the file."""
        return int(h5i.get_file_id(self.id).get_filesize())

    @property
    def array(self) -> h5py.Dataset:
        """An array, as h5py reads values."""
        if self._array is None:
            self._array = h5py.Dataset(self.id, readonly=self.unchanging)
        return self._array

    def read(self, key: Any) -> Any:
        """Part of an array, as h5py gives it."""
        whole = self._numbers() if isinstance(key, tuple) and not key else None
        return self.array[key] if whole is None else whole

    def _numbers(self) -> np.ndarray | None:
        """All of an array of plain numbers: h5py's way there takes 0.1 ms."""
        shape, dtype = self.shape, self.dtype
        # h5py does not see to it that an array has room for what HDF5 writes there.
        if not (self.unchanging and shape and math.prod(shape) and dtype.isnative):
            return None
        if dtype.kind not in "iuf" or dtype.metadata or dtype.subdtype:
            return None
        # HDF5 leaves alone what was never written, and is not to be filled.
        values = _room(shape, dtype, self.id.get_offset() or 0)
        self.id.read(h5s.ALL, h5s.ALL, values)
        return values

    def attribute_names(self) -> list[bytes]:
        """Names of its attributes, in the order in which h5py lists them."""
        names: list[bytes] = []
        tracked = self.properties.get_attr_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
        order = h5py.h5.INDEX_CRT_ORDER if tracked else h5py.h5.INDEX_NAME
        h5a.iterate(self.id, lambda name, *_: names.append(name), index_type=order)
        return names


def opened(found: Any) -> HDF5Object:
    """An object that h5py's low level has opened, of whatever file."""
    intent = h5i.get_file_id(found).get_intent()
    return HDF5Object(found, unchanging=intent == h5py.h5f.ACC_RDONLY)


@lru_cache(maxsize=1024)
def _bytes_of(size: int) -> np.dtype[Any]:
    """What takes all bytes of a text; `S` would drop NUL bytes at its end."""
    return np.dtype((np.void, size))


def short_text(attribute: Any) -> bytes | None:
    """A short text of an attribute, as this library writes them; None: look closer.

    Parameters
    ----------
    attribute
        Open, and of a single value: h5py does not see to it that others fit.

    HDF5 makes such a text of no other type but a text of fixed length, and leaves the
    bytes of it alone, or puts NUL behind its end. So one that does not end with NUL is
    what is stored, and its type need not be asked for, a quarter of the time.
    """
    try:
        size = attribute.get_storage_size()
        if size > LONGEST or size in _OF_VARIABLE_LENGTH:
            return None
        data = np.zeros((), _bytes_of(size))
        attribute.read(data, mtype=text_type(size))
    except (OSError, RuntimeError, TypeError):
        return None
    text = data.tobytes()
    return None if text.endswith(b"\0") else text


def _room(shape: tuple[int, ...], dtype: np.dtype[Any], offset: int) -> np.ndarray:
    """Zeros for an array that lies in a file from an offset on.

    Measured on AMD's Zen 3, as its microcode copies: where a copy begins up to 31 bytes
    behind its source, pages aside, the system takes three times as long for it. numpy
    begins large arrays 16 bytes behind a page, and in our files they begin with one:
    400 MB took 0.23 s, 0.07 where they begin elsewhere.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return np.zeros(shape, dtype)
    room = np.zeros(size + _PAGE, np.uint8)
    # Numbers are to begin at a multiple of their size.
    away = -(-offset // 64) * 64 + 64
    begin = (away - room.ctypes.data) % _PAGE
    return room[begin : begin + size].view(dtype).reshape(shape)
