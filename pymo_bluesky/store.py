"""The only module that knows h5py: operations into a file, nodes out of one.

Knows nothing of layouts or documents.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import h5py
import numpy as np

from .append import appending, creating
from .errors import FormatError, NotFoundError
from .operations import (
    Append,
    MakeArray,
    MakeGroup,
    Operation,
    SetAttributes,
    WriteSlab,
)

__all__ = ["Node", "Tree", "append_to", "create", "open_tree"]

# PyTables and HDF5 1.10 read it, and PyMoDAQ's SWMR saver can append to it.
_LIBVER = ("v110", "v110")
_LONGEST_ATTRIBUTE = 60_000
_CHUNK_BYTES = 2**16
_TEXT_CHUNK = 1024


def create(path: Path, operations: Iterable[Operation]) -> None:
    """Make a new dataset: it appears complete under its name, or not at all.

    Raises
    ------
    AppendError
        When the name is taken, or the folder cannot be written.
    """
    with creating(path) as overlay:
        _write(overlay, "w", lambda _: operations)


def append_to(path: Path, operations: Any, *, lock_timeout: float = 2.0) -> None:
    """Add to a dataset whole or not at all.

    Parameters
    ----------
    path
        The dataset.
    operations
        Called with the `Tree` of the dataset as it is; gives the operations.
    lock_timeout
        How long to wait while another program has it open, in seconds.

    Raises
    ------
    AppendError
        When it cannot be done; the dataset is as it was.
    """
    with appending(path, lock_timeout=lock_timeout) as overlay:
        _write(overlay, "r+", operations)


def _write(overlay: IO[bytes], mode: str, operations: Any) -> None:
    with h5py.File(overlay, mode, libver=_LIBVER) as file:
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
                group = self._file if path == "/" else self._file.create_group(path)
                _set_attributes(group, attributes)
            case MakeArray():
                self._make(operation)
            case WriteSlab(path, start, values):
                self._slab(path, start, values)
            case Append(path, values):
                self._append(path, values)
            case SetAttributes(path, attributes):
                _set_attributes(self._file[path], attributes)

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
            options["fillvalue"] = operation.fill
        elif not options:
            # All of it is written, or is 0 because the file was not there before.
            options["fill_time"] = "never"
        array = self._file.create_dataset(
            operation.path,
            shape=operation.shape,
            dtype=dtype,
            data=operation.data,
            **options,
        )
        _set_attributes(array, operation.attributes)
        self._arrays[operation.path] = array

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


def _chunks(operation: MakeArray) -> tuple[int, ...]:
    inner = tuple(max(1, n) for n in operation.shape[1:])
    row = max(1, operation.dtype.itemsize * math.prod(inner))
    rows = max(1, _CHUNK_BYTES // row)
    if operation.shape[0]:
        rows = min(rows, operation.shape[0])
    return (rows, *inner)


def _set_attributes(node: Any, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        node.attrs.create(name, *_as_stored(value))


def _as_stored(value: Any) -> tuple[Any, None, Any]:
    """Text as PyTables and PyMoDAQ read it: of fixed length, but no length is lost."""
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        if len(data) > _LONGEST_ATTRIBUTE or b"\0" in data:
            return value, None, h5py.string_dtype()
        dtype = h5py.string_dtype("utf-8", max(1, len(data)))
        return np.array(data, dtype=dtype), None, dtype
    return value, None, None


# ----------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Node:
    """A group or an array of a file; its values are read when they are asked for.

    Attributes
    ----------
    path, name
        Where it is.
    is_array
        Whether it holds values.
    """

    _object: Any

    @property
    def path(self) -> str:
        """Where it is in the file."""
        return str(self._object.name)

    @property
    def name(self) -> str:
        """Last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_array(self) -> bool:
        """Whether it holds values."""
        return isinstance(self._object, h5py.Dataset)

    @property
    def attributes(self) -> dict[str, Any]:
        """Its attributes, as they are stored; the unreadable ones left out."""
        return {name: _attribute(self._object, name) for name in self._object.attrs}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array."""
        return tuple(self._object.shape or ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        return self._object.dtype

    def __getitem__(self, key: Any) -> Any:
        """Part of an array."""
        return self._object[key]

    def children(self) -> Iterator[Node]:
        """The nodes below a group, in the order of their names.

        Only what the group itself holds: soft and external links are not followed.
        """
        if self.is_array:
            return
        for name in sorted(self._object):
            link = self._object.get(name, getlink=True)
            if isinstance(link, h5py.HardLink):
                yield Node(self._object[name])

    def names(self) -> list[str]:
        """Names of what a group holds, links included, unsorted."""
        return list(self._object)

    def get(self, path: str) -> Node | None:
        """A node below, by its relative path; None when there is none."""
        found = self._object.get(path)
        return None if found is None else Node(found)


def _attribute(node: Any, name: str) -> Any:
    try:
        value = node.attrs[name]
    except (OSError, TypeError, ValueError, UnicodeDecodeError):
        return None
    return "" if isinstance(value, h5py.Empty) else value


class Tree:
    """An open file."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    @property
    def root(self) -> Node:
        """Its root."""
        return Node(self._file["/"])

    def node(self, path: str) -> Node:
        """A node by its path.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        found = self.root.get(path)
        if found is None:
            raise NotFoundError(f"{self._file.filename}: there is no {path}")
        return found


@contextlib.contextmanager
def open_tree(path: str | os.PathLike[str]) -> Iterator[Tree]:
    """Open a file for reading.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is not HDF5, or damaged.
    """
    real = Path(path)
    if not real.is_file():
        raise NotFoundError(f"there is no file {real}")
    try:
        file = h5py.File(real, "r")
    except OSError as error:
        raise FormatError(
            f"{real} cannot be opened as HDF5: {error}. A PyMoDAQ dataset was "
            "expected; if a program died while it wrote this file, try "
            "`pymo-bluesky recover` on its folder"
        ) from error
    with file:
        yield Tree(file)
