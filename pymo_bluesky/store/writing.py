"""The writing half of the store: operations into an HDF5 file, whole or not at all.

Knows nothing of layouts or documents. `nodes` is the reading half; only these two know
h5py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..append import Overlay, appending, creating
from ..compression import Compression
from ..filed import Filed
from ..operations import (
    Append,
    InPlace,
    Link,
    MakeArray,
    MakeGroup,
    MakeVirtual,
    Operation,
    Relink,
    SetAttributes,
    Slab,
    WriteSlab,
)
from .filters import filters_of
from .moulds import moulds_for
from .opening import Tree
from .passing import RowPasser
from .staying import Reserved, stay
from .texts import compact, set_attributes

__all__ = ["append_to", "create"]

# PyTables and HDF5 1.10 read both.
_LIBVER = ("v110", "v110")
_OLDEST = ("earliest", "v110")
_SLOTS = 521
"""HDF5 2.0 takes 64 KiB, and clears them, for the chunks of each array that is opened;
with these, which earlier versions had, 4."""

_CHUNK_BYTES = 2**16
_LINES_BYTES = 2**13
"""Of a text that grows. Most are shorter, and a chunk is unpacked whole: in 0.2 ms if
it has 64 KiB, and a listing reads one of each scan."""

_TEXT_CHUNK = 1024


def create(
    path: Path,
    operations: Iterable[Operation],
    *,
    oldest: bool = False,
    compression: Compression | None = None,
) -> None:
    """Make a new dataset: it appears complete under its name, or not at all.

    Parameters
    ----------
    path, operations
        Its path, and what makes its nodes.
    oldest
        In HDF5's oldest format, which lists nodes by their names.
    compression
        Of the larger arrays.

    Raises
    ------
    AppendError
        When the name is taken, or the folder cannot be written.
    """
    with creating(path) as overlay:
        _write(overlay, "w", lambda _: operations, oldest, compression)


def append_to(
    path: Path,
    operations: Any,
    *,
    lock_timeout: float = 2.0,
    oldest: bool = False,
    compression: Compression | None = None,
    staying: Sequence[InPlace] = (),
    room: Reserved | None = None,
) -> None:
    """Add to a dataset whole or not at all.

    Parameters
    ----------
    path
        The dataset.
    operations
        Called with the `Tree` of the dataset as it is; gives the operations.
    lock_timeout
        How long to wait while another program has it open, in seconds.
    oldest, compression
        As for `create`.
    staying, room
        Arrays whose values lie in the dataset already, if they do so in this room.

    Raises
    ------
    AppendError
        When it cannot be done; the dataset is as it was.
    """
    libver = _OLDEST if oldest else _LIBVER
    with appending(path, lock_timeout=lock_timeout) as overlay:
        opened = partial(h5py.File, overlay, "r+", libver=libver, rdcc_nslots=_SLOTS)
        made = stay(overlay, opened, staying, room) if staying else {}
        _write(overlay, "r+", operations, oldest, compression, made)


def _write(
    overlay: Overlay,
    mode: str,
    operations: Any,
    oldest: bool,
    compression: Compression | None,
    staying: Mapping[int, str] | None = None,
) -> None:
    libver = _OLDEST if oldest else _LIBVER
    with h5py.File(overlay, mode, libver=libver, rdcc_nslots=_SLOTS) as file:
        passer = RowPasser(overlay)
        writer = _Writer(file, libver, compression, passer, dict(staying or {}))
        for operation in operations(Tree(file)):
            writer.apply(operation)
        writer.end()


class _Writer:
    """Applies operations to an open file; keeps the handles of its arrays."""

    def __init__(
        self,
        file: h5py.File,
        libver: tuple[str, str],
        compression: Compression | None,
        passer: RowPasser,
        staying: dict[int, str],
    ) -> None:
        self._file = file
        self._compression = compression
        self._passer = passer
        self._staying = staying
        self._moulds = moulds_for(libver)
        self._arrays: dict[str, h5py.h5d.DatasetID] = {}

    def apply(self, operation: Operation) -> None:
        match operation:
            case MakeGroup("/", attributes):
                set_attributes(self._file, attributes)
            case MakeGroup(path, attributes):
                self._moulds.make(self._file, path, "group", attributes, _group)
            case MakeArray():
                self._make(operation)
            case MakeVirtual():
                self._make_virtual(operation)
            case Link(path, target):
                if path in self._file:
                    del self._file[path]
                self._file[path] = self._file[target]
            case Relink(path, files):
                self._relink(path, files)
            case WriteSlab(path, start, Filed() as rows):
                self._passer.write(h5py.Dataset(self._array(path)), start, rows)
            case WriteSlab(path, start, values):
                self._slab(path, start, values)
            case Append(path, values):
                self._append(path, values)
            case SetAttributes(path, attributes):
                set_attributes(self._file[path], attributes)

    def end(self) -> None:
        """Take away what was made and not wanted."""
        for path in self._staying.values():
            del self._file[path]

    def _make(self, made: MakeArray) -> None:
        path = made.path
        if made.place in self._staying and self._stays(made, made.place):
            return
        make = partial(_new_array, made, self._compression)
        kind = (self._compression, *_kind(made))
        opened = self._moulds.make(self._file, path, kind, made.attributes, make)
        if opened is not None:
            self._arrays[path] = opened
        if made.data is not None and made.data.size:
            self._whole(path, made.data)

    def _stays(self, made: MakeArray, place: int) -> bool:
        """Give an array its path that has its values, if it is what is to be made."""
        array: Any = self._file[self._staying[place]]
        form = array.shape, array.dtype, array.id.get_offset()
        if form != (made.shape, made.dtype, place) or made.growing:
            return False
        self._file.move(self._staying.pop(place), made.path)
        set_attributes(self._file[made.path], made.attributes, new=True)
        self._passer.staying.add(made.path)
        return True

    def _make_virtual(self, operation: MakeVirtual) -> None:
        properties = compact(h5py.h5p.create(h5py.h5p.DATASET_CREATE))
        space = h5py.h5s.create_simple(operation.shape)
        for part in operation.parts:
            taken = h5py.h5s.create_simple(part.shape)
            _select(taken, part.taken)
            _select(space, part.placed)
            properties.set_virtual(
                space, _unformatted(part.file), _unformatted(part.dataset), taken
            )
        if operation.fill is not None:
            properties.set_fill_value(np.array(operation.fill, operation.dtype))
        kind = h5py.h5t.py_create(operation.dtype, logical=True)
        array = self._virtual(operation.path, kind, operation.shape, properties)
        set_attributes(array, operation.attributes, new=True)

    def _virtual(
        self, path: str, kind: Any, shape: tuple[int, ...], properties: Any
    ) -> h5py.Dataset:
        space = h5py.h5s.create_simple(shape)
        key = path.encode()
        return h5py.Dataset(
            h5py.h5d.create(self._file.id, key, kind, space, properties)
        )

    def _relink(self, path: str, files: Mapping[str, str]) -> None:
        """Make a virtual array anew: HDF5 cannot change where one takes its values."""
        old = h5py.Dataset(self._array(path))
        before = old.id.get_create_plist()
        properties = compact(h5py.h5p.create(h5py.h5p.DATASET_CREATE))
        for n in range(before.get_virtual_count()):
            name = _formatted(before.get_virtual_filename(n))
            properties.set_virtual(
                before.get_virtual_vspace(n),
                _unformatted(files.get(name, name)),
                before.get_virtual_dsetname(n).encode(),
                before.get_virtual_srcspace(n),
            )
        if before.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
            value = np.zeros((), old.dtype)
            before.get_fill_value(value)
            properties.set_fill_value(value)
        del self._file[path]
        new = self._virtual(path, old.id.get_type(), old.shape, properties)
        for name in old.attrs:
            _copy_attribute(old, new, name.encode("utf-8", "surrogateescape"))
        self._arrays.pop(path)

    def _array(self, path: str) -> h5py.h5d.DatasetID:
        array = self._arrays.get(path)
        if array is None:
            array = self._arrays[path] = h5py.h5d.open(self._file.id, path.encode())
        return array

    def _whole(self, path: str, values: np.ndarray) -> None:
        """Write all values of an array."""
        data = np.ascontiguousarray(values)
        self._array(path).write(h5py.h5s.ALL, h5py.h5s.ALL, data)

    def _slab(self, path: str, start: tuple[int, ...], values: np.ndarray) -> None:
        """Write a slab; fewer start indices than dimensions: the rest is whole."""
        array = self._array(path)
        shape = array.shape
        size = (*([1] * (len(shape) - values.ndim)), *values.shape)
        if size == shape:
            self._whole(path, values)
        elif values.size:
            place = array.get_space()
            place.select_hyperslab((*start, *([0] * len(shape)))[: len(shape)], size)
            data = np.ascontiguousarray(values)
            array.write(h5py.h5s.create_simple(size), place, data)

    def _append(self, path: str, values: np.ndarray) -> None:
        array = self._array(path)
        n = array.shape[0]
        if array.dtype.hasobject:  # a text is one row
            array.set_extent((n + 1,))
            place = array.get_space()
            place.select_hyperslab((n,), (1,))
            row = np.empty(1, array.dtype)
            row[0] = values
            array.write(h5py.h5s.create_simple((1,)), place, row)
            return
        array.set_extent((n + len(values), *array.shape[1:]))
        self._slab(path, (n,), values)


# What tells one new array from another, whatever its place, attributes and values.
_kind = attrgetter(
    *(f.name for f in fields(MakeArray) if f.name not in ("path", "attributes", "data"))
)


def _group(file: h5py.File, path: str) -> h5py.Group:
    properties = compact(h5py.h5p.create(h5py.h5p.GROUP_CREATE))
    return h5py.Group(h5py.h5g.create(file.id, path.encode(), gcpl=properties))


def _new_array(
    made: MakeArray, compression: Compression | None, file: h5py.File, path: str
) -> h5py.Dataset:
    dtype = made.dtype
    options: dict[str, Any] = {}
    if made.text:
        dtype = h5py.vlen_dtype(dtype)
        options = {"maxshape": (None,), "chunks": (_TEXT_CHUNK,)}
    elif made.growing:
        options = {"maxshape": (None, *made.shape[1:]), "chunks": _chunks(made)}
    elif made.packed:
        options = {"chunks": _chunks(made)}
    if made.packed:
        options |= {"compression": "gzip", "compression_opts": 4}
        options |= {"shuffle": True, "fletcher32": True}
    elif compression is not None and not made.text:
        options |= filters_of(compression, made.shape, dtype.itemsize)
    if made.fill is not None:
        # Of the array's own dtype: HDF5 makes no complex number of a NaN.
        options["fillvalue"] = np.array(made.fill, made.dtype)
    elif not options:
        # All of it is written, or is 0 because the file was not there before.
        options["fill_time"] = "never"
    return file.create_dataset(
        path,
        shape=made.shape,
        dtype=dtype,
        dcpl=compact(h5py.h5p.create(h5py.h5p.DATASET_CREATE)),
        **options,
    )


def _select(space: Any, slab: Slab) -> None:
    space.select_hyperslab(slab.start, slab.blocks, slab.stride, slab.block)


def _unformatted(name: str) -> bytes:
    """A name as HDF5 takes it literally: ``%b`` would stand for a number of files."""
    return name.encode("utf-8", "surrogateescape").replace(b"%", b"%%")


def _formatted(name: str) -> str:
    return name.replace("%%", "%")


def _copy_attribute(old: Any, new: Any, name: bytes) -> None:
    """Copy an attribute bit by bit, whatever its type."""
    source = h5py.h5a.open(old.id, name)
    kind = source.get_type()
    target = h5py.h5a.create(new.id, name, kind, source.get_space())
    data = np.zeros(source.shape, source.dtype)
    source.read(data, mtype=kind)
    target.write(data, mtype=kind)


def _chunks(operation: MakeArray) -> tuple[int, ...]:
    inner = tuple(max(1, n) for n in operation.shape[1:])
    row = max(1, operation.dtype.itemsize * math.prod(inner))
    lines = operation.packed and operation.growing
    rows = max(1, (_LINES_BYTES if lines else _CHUNK_BYTES) // row)
    if operation.shape[0]:
        rows = min(rows, operation.shape[0])
    return (rows, *inner)
