"""Nodes that are made once, and copied where the like of them are needed.

The nodes of a scan bear six to sixteen attributes each, mostly the same in every scan.
To make one takes HDF5 13 µs for each attribute; a node is copied in 15 µs with all of
them. Moulds lie in a file in memory, and know no layouts.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from .texts import fixed_text, set_attributes, set_text

__all__ = ["Moulds", "moulds_for"]

_MOST_ALIKE = 16
"""Moulds that differ by the values of their attributes alone."""

_MOST_KINDS = 256
_MOST_BYTES = 2**22

_number = itertools.count()

Make = Callable[[h5py.File, str], Any]
"""Makes a node without attributes and values, in a file and at a path."""


@dataclass(frozen=True, slots=True)
class _Mould:
    """The node, open, and its attributes: as they were given, and as stored."""

    node: Any
    values: tuple[str, ...]
    texts: list[bytes]


@dataclass(slots=True)
class _Kind:
    """Moulds of one kind of node and the same names of attributes."""

    moulds: list[_Mould]
    last: int = -1

    def nearest(self, values: tuple[Any, ...]) -> tuple[_Mould | None, list[int]]:
        """The mould that differs least, and in which attributes."""
        best: _Mould | None = None
        fewest: list[int] = []
        first, count = self.last + 1, len(self.moulds)
        for step in range(count):  # scan after scan comes in the same order
            at = (first + step) % count
            mould = self.moulds[at]
            pairs = zip(mould.values, values, strict=True)
            differ = [
                n
                for n, (has, wanted) in enumerate(pairs)
                if type(wanted) is not str or has != wanted
            ]
            if best is None or len(differ) < len(fewest):
                best, fewest, self.last = mould, differ, at
            if len(differ) <= 1:
                break
        return best, fewest


class Moulds:
    """Moulds for files of one format.

    Parameters
    ----------
    libver
        Versions of HDF5 that the files are for.
    """

    def __init__(self, libver: tuple[str, str]) -> None:
        self._libver = libver
        self._begin()

    def _begin(self) -> None:
        self._file = h5py.File(
            f"moulds {next(_number)}",  # HDF5 opens no name twice, not in memory either
            "w",
            libver=self._libver,
            driver="core",
            backing_store=False,
            rdcc_nslots=1,  # nothing is written to its arrays
        )
        self._kinds: dict[Hashable, _Kind] = {}
        self._made = self._bytes = 0

    def make(
        self,
        file: h5py.File,
        path: str,
        kind: Hashable,
        attributes: Mapping[str, Any],
        make: Make,
    ) -> Any:
        """Make a node with its attributes; from a mould, when one like it was made.

        Parameters
        ----------
        file, path
            Where it goes.
        kind
            What tells it from other nodes, but for path, attributes and values.
        attributes
            As they go into the file.
        make
            Makes such a node.

        Returns
        -------
        Any
            The identifier that HDF5 knows it by, where it had to be opened; else None.
        """
        names, values = tuple(attributes), tuple(attributes.values())
        alike = self._kinds.get((kind, names))
        if alike is None:  # a mould is worth its making where there will be two
            self._forget_many()
            self._kinds[kind, names] = _Kind([])
        key = path.encode()
        if alike is not None:
            differing = self._copy(file, key, alike, names, values, make)
            if differing is not None:
                return _set(file, key, differing) if differing else None
        node = make(file, path)
        set_attributes(node, attributes, new=True)
        return node.id

    def _copy(
        self,
        file: h5py.File,
        path: bytes,
        alike: _Kind,
        names: tuple[str, ...],
        values: tuple[Any, ...],
        make: Make,
    ) -> list[_Differing] | None:
        """Copy a mould; gives what differs. None, and no copy: not all short texts."""
        mould, differ = alike.nearest(values)
        many = len(differ) > 1 and len(alike.moulds) < _MOST_ALIKE
        if mould is None or many:
            texts = [data for data in map(fixed_text, values) if data is not None]
            if len(texts) < len(values):
                return None
            mould, differ = self._new(alike, names, values, texts, make), []
        found = [(n, fixed_text(values[n])) for n in differ]
        texts = [
            (names[n], mould.texts[n], data) for n, data in found if data is not None
        ]
        if len(texts) < len(found):
            return None
        h5o.copy(mould.node, b".", file.id, path)
        return texts

    def _new(
        self,
        alike: _Kind,
        names: tuple[str, ...],
        values: tuple[str, ...],
        texts: list[bytes],
        make: Make,
    ) -> _Mould:
        node = make(self._file, f"m{self._made}")
        for key, data in zip(names, texts, strict=True):
            set_text(node.id, key, data, new=True)
        mould = _Mould(node.id, values, texts)
        alike.moulds.append(mould)
        alike.last = len(alike.moulds) - 1
        self._made += 1
        self._bytes += sum(map(len, texts))
        return mould

    def _forget_many(self) -> None:
        """Begin anew before the moulds take much memory."""
        if len(self._kinds) >= _MOST_KINDS or self._bytes > _MOST_BYTES:
            self._file.close()
            self._begin()


_Differing = tuple[str, bytes, bytes]
"""Name of an attribute, what the mould has, and what the node is to have."""


def _set(file: h5py.File, path: bytes, differing: list[_Differing]) -> Any:
    """Open a node and set what differs from its mould."""
    node = h5o.open(file.id, path)
    for name, old, new in differing:
        _replace(node, name, old, new)
    return node


def _replace(node: Any, name: str, old: bytes, new: bytes) -> None:
    if len(old) != len(new) or not new:
        set_text(node, name, new, new=False)
        return
    attribute = h5py.h5a.open(node, name.encode())
    kind = attribute.get_type()
    attribute.write(np.array(new, f"S{len(new)}"), mtype=kind)


_each_thread = threading.local()


def moulds_for(libver: tuple[str, str]) -> Moulds:
    """The moulds of this thread: HDF5 files are not shared between threads."""
    try:
        known: dict[tuple[str, str], Moulds] = _each_thread.moulds
    except AttributeError:
        known = _each_thread.moulds = {}
    if libver not in known:
        known[libver] = Moulds(libver)
    return known[libver]
