"""What a read would cost, and why it is refused, before anything is read of it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .filters import has_filter
from .objects import HDF5Object
from .rules import Rules

__all__ = ["refusal", "rows_at_once", "too_costly"]

MAX_RATIO = 100
"""What a larger read may give for each byte on the disk; zlib reaches 1,030."""

_MOST_ROWS = 256


def refusal(array: HDF5Object, rules: Rules) -> str:
    """Why the values of an array are not read; empty when they are."""
    if array.shape is None:
        return "it has no values"
    dtype, plist = array.dtype, array.properties
    if plist.get_layout() == h5py.h5d.VIRTUAL or plist.get_external_count():
        leads = _leading(array, rules)
        if leads:
            return leads
    if dtype.hasobject:
        rows = h5py.check_vlen_dtype(dtype) == np.uint8
        if not rows and h5py.check_string_dtype(dtype) is None:
            return f"values of type {dtype} are not understood"
    filters = [plist.get_filter(n)[0] for n in range(plist.get_nfilters())]
    if len(set(filters)) < len(filters):
        return "it is compressed twice over"
    for number in filters:
        if not has_filter(number):
            return (
                f"it is compressed with filter {number}, which is not installed; most "
                "come with hdf5plugin, and that with the extra 'compression': pip "
                'install "pymo-bluesky[compression]"'
            )
    return ""


def _leading(array: HDF5Object, rules: Rules) -> str:
    """Why the other files that an array leads to are not opened."""
    if not rules.allowed and array.is_virtual:
        return (
            "its values lie in other files (a virtual dataset), which are opened only "
            "when that is asked for: `open_dataset(path, external=True)`"
        )
    if not rules.allowed:
        return "its bytes lie in another file (external storage)"
    address = int(array.info.addr)
    known = rules.stray(address)
    if known is None:
        from ..assets.following import stray  # few datasets lead to other files

        return rules.note_stray(address, stray(array.array, rules.allowed))
    return known


def too_costly(array: HDF5Object, key: Any, rules: Rules) -> str:
    """Why a part of an array would blow up to fill the memory; empty: it does not."""
    shape, item = tuple(array.shape or ()), array.dtype.itemsize
    if array.dtype.hasobject:  # rows in the file's heap: none is longer than the file
        return _long_rows(array, key, rules)
    wanted = math.prod(shape) * item
    if wanted > rules.free:
        wanted = _selected(shape, key) * item
    plist = array.properties
    if plist.get_layout() == h5py.h5d.CHUNKED and plist.get_nfilters():
        # A chunk is unpacked whole.
        wanted = max(wanted, math.prod(plist.get_chunk()) * item)
    if wanted <= rules.free:
        return ""
    stored = int(array.id.get_storage_size())
    if not array.array.external:  # many chunks can be the same bytes of the file
        stored = min(stored, array.file_size)
    if array.is_virtual:
        stored = _stored_elsewhere(array.array)
    if wanted <= MAX_RATIO * stored:
        return ""
    return (
        f"{wanted:,} bytes were to be read where {stored:,} lie in the file, more than "
        f"{MAX_RATIO} for one; read it in smaller parts. No PyMoDAQ writes such "
        "chunks: the file may be made to fill memory"
    )


def _stored_elsewhere(array: h5py.Dataset) -> int:
    """Bytes of the files that a virtual array shows."""
    folder = Path(os.fsdecode(array.file.filename)).parent
    names = {str(source.file_name) for source in array.virtual_sources()}
    places = [folder / name for name in names if name != "."]
    found = sum(place.stat().st_size for place in places if place.is_file())
    return found + int(array.file.id.get_filesize())


def _long_rows(array: HDF5Object, key: Any, rules: Rules) -> str:
    count = _selected(tuple(array.shape or ()), key)
    if count <= rows_at_once(array, rules):
        return ""
    return (
        f"{count:,} rows of variable length were to be read at once; many can share "
        "the same bytes of the file. Read fewer"
    )


def rows_at_once(node: HDF5Object, rules: Rules) -> int:
    """How many values of variable length stay within the memory, however long.

    Parameters
    ----------
    node
        An object of the file.
    rules
        What reading may cost.
    """
    size = max(1, node.file_size)
    return max(1, min(_MOST_ROWS, rules.memory // size))


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
