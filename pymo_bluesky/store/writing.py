"""The writing half of the store: operations into an HDF5 file, whole or not at all.

Knows nothing of layouts or documents. `nodes` is the reading half; only these two know
h5py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np

from ..append import Overlay, appending, creating
from ..operations import (
    Append,
    MakeArray,
    MakeGroup,
    MakeVirtual,
    Operation,
    Relink,
    SetAttributes,
    Slab,
    WriteSlab,
)
from .opening import Tree

__all__ = ["append_to", "create"]

# PyTables and HDF5 1.10 read both.
_LIBVER = ("v110", "v110")
_OLDEST = ("earliest", "v110")
_LONGEST_ATTRIBUTE = 60_000
_CHUNK_BYTES = 2**16
_TEXT_CHUNK = 1024


def create(
    path: Path, operations: Iterable[Operation], *, oldest: bool = False
) -> None:
    """Make a new dataset: it appears complete under its name, or not at all.

    Parameters
    ----------
    path, operations
        Its path, and what makes its nodes.
    oldest
        In HDF5's oldest format, which lists nodes by their names.

    Raises
    ------
    AppendError
        When the name is taken, or the folder cannot be written.
    """
    with creating(path) as overlay:
        _write(overlay, "w", lambda _: operations, oldest=oldest)


def append_to(
    path: Path, operations: Any, *, lock_timeout: float = 2.0, oldest: bool = False
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
    oldest
        As for `create`.

    Raises
    ------
    AppendError
        When it cannot be done; the dataset is as it was.
    """
    with appending(path, lock_timeout=lock_timeout) as overlay:
        _write(overlay, "r+", operations, oldest=oldest)


def _write(overlay: Overlay, mode: str, operations: Any, *, oldest: bool) -> None:
    libver = _OLDEST if oldest else _LIBVER
    with h5py.File(overlay, mode, libver=libver) as file:
        writer = _Writer(file)
        for operation in operations(Tree(file)):
            writer.apply(operation)


class _Writer:
    """Applies operations to an open file; keeps the handles of its arrays."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._arrays: dict[str, h5py.Dataset] = {}

    def apply(self, operation: Operation) -> None:
        match operation:
            case MakeGroup(path, attributes):
                group = self._file if path == "/" else self._group(path)
                _set_attributes(group, attributes, new=path != "/")
            case MakeArray():
                self._make(operation)
            case MakeVirtual():
                self._make_virtual(operation)
            case Relink(path, files):
                self._relink(path, files)
            case WriteSlab(path, start, values):
                self._slab(path, start, values)
            case Append(path, values):
                self._append(path, values)
            case SetAttributes(path, attributes):
                _set_attributes(self._file[path], attributes)

    def _group(self, path: str) -> h5py.Group:
        properties = _compact(h5py.h5p.create(h5py.h5p.GROUP_CREATE))
        return h5py.Group(
            h5py.h5g.create(self._file.id, path.encode(), gcpl=properties)
        )

    def _make(self, operation: MakeArray) -> None:
        dtype = operation.dtype
        options: dict[str, Any] = {}
        if operation.text:
            dtype = h5py.vlen_dtype(dtype)
            options = {"maxshape": (None,), "chunks": (_TEXT_CHUNK,)}
        elif operation.growing:
            options = {
                "maxshape": (None, *operation.shape[1:]),
                "chunks": _chunks(operation),
            }
        elif operation.packed:
            options = {"chunks": _chunks(operation)}
        if operation.packed:
            options |= {"compression": "gzip", "compression_opts": 4}
            options |= {"shuffle": True, "fletcher32": True}
        if operation.fill is not None:
            # Of the array's own dtype: HDF5 makes no complex number of a NaN.
            options["fillvalue"] = np.array(operation.fill, operation.dtype)
        elif not options:
            # All of it is written, or is 0 because the file was not there before.
            options["fill_time"] = "never"
        array = self._file.create_dataset(
            operation.path,
            shape=operation.shape,
            dtype=dtype,
            data=operation.data,
            dcpl=_compact(h5py.h5p.create(h5py.h5p.DATASET_CREATE)),
            **options,
        )
        _set_attributes(array, operation.attributes, new=True)
        self._arrays[operation.path] = array

    def _make_virtual(self, operation: MakeVirtual) -> None:
        properties = _compact(h5py.h5p.create(h5py.h5p.DATASET_CREATE))
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
        _set_attributes(array, operation.attributes, new=True)

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
        old = self._array(path)
        before = old.id.get_create_plist()
        properties = _compact(h5py.h5p.create(h5py.h5p.DATASET_CREATE))
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

    def _array(self, path: str) -> h5py.Dataset:
        array = self._arrays.get(path)
        if array is None:
            array = self._arrays[path] = cast(h5py.Dataset, self._file[path])
        return array

    def _slab(self, path: str, start: tuple[int, ...], values: np.ndarray) -> None:
        """Write a slab; fewer start indices than dimensions: the rest is whole."""
        array = self._array(path)
        free = array.ndim - values.ndim
        part: list[Any] = list(start[:free])
        for at, n in zip(
            [*start[free:], *([0] * array.ndim)], values.shape, strict=False
        ):
            part.append(slice(at, at + n))
        array[tuple(part)] = values

    def _append(self, path: str, values: np.ndarray) -> None:
        array = self._array(path)
        n = array.shape[0]
        if h5py.check_vlen_dtype(array.dtype) is not None:
            array.resize(n + 1, axis=0)
            array[n] = values
            return
        array.resize(n + len(values), axis=0)
        array[n:] = values


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


def _compact(properties: Any) -> Any:
    """Keep attributes in the object's header: a heap for each node doubled the file."""
    properties.set_attr_phase_change(64, 60)
    return properties


def _chunks(operation: MakeArray) -> tuple[int, ...]:
    inner = tuple(max(1, n) for n in operation.shape[1:])
    row = max(1, operation.dtype.itemsize * math.prod(inner))
    rows = max(1, _CHUNK_BYTES // row)
    if operation.shape[0]:
        rows = min(rows, operation.shape[0])
    return (rows, *inner)


def _set_attributes(
    node: Any, attributes: Mapping[str, Any], *, new: bool = False
) -> None:
    """Set attributes; a `new` node has none that would have to go first."""
    for name, value in attributes.items():
        if not isinstance(value, str):
            node.attrs[name] = value
            continue
        data = value.encode("utf-8", "surrogateescape")
        if len(data) > _LONGEST_ATTRIBUTE or b"\0" in data:
            # PyTables reads it too, and no length is lost (PyMoDAQ/PyMoDAQ#654).
            node.attrs.create(name, value, dtype=h5py.string_dtype())
        else:
            _set_text(node, name, data, new=new)


def _set_text(node: Any, name: str, data: bytes, *, new: bool) -> None:
    """Text of fixed length, as PyTables writes it.

    By the low-level calls: attributes are most of what a short scan costs.
    """
    key = name.encode()
    if not new and h5py.h5a.exists(node.id, key):
        h5py.h5a.delete(node.id, key)
    kind = _text_type(max(1, len(data)))
    attribute = h5py.h5a.create(node.id, key, kind, _scalar())
    attribute.write(np.array(data, f"S{max(1, len(data))}"), mtype=kind)


@functools.cache
def _scalar() -> Any:
    return h5py.h5s.create(h5py.h5s.SCALAR)


@functools.lru_cache(maxsize=512)
def _text_type(size: int) -> Any:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_cset(h5py.h5t.CSET_UTF8)
    kind.set_strpad(h5py.h5t.STR_NULLPAD)
    return kind
