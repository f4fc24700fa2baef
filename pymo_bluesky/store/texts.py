"""Attributes as they are stored, and as they are read again; knows no layouts."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

__all__ = [
    "attribute_as_read",
    "compact",
    "fixed_text",
    "set_attributes",
    "set_text",
    "text_type",
]

_LONGEST = 60_000


def fixed_text(value: Any) -> bytes | None:
    """A text of fixed length as it is stored; None when it is none, or too long.

    Examples
    --------
    >>> fixed_text("mm"), fixed_text("a" * 70_000), fixed_text(1.5)
    (b'mm', None, None)
    """
    if not isinstance(value, str):
        return None
    data = value.encode("utf-8", "surrogateescape")
    return None if len(data) > _LONGEST or b"\0" in data else data


def attribute_as_read(value: Any) -> Any:
    r"""What `Node.attribute` gives of a value that `set_attributes` has stored.

    None when that is not certain: read it.

    Examples
    --------
    >>> attribute_as_read("mm"), attribute_as_read(True), attribute_as_read("a\0b")
    (b'mm', array(True), None)
    """
    if isinstance(value, str):
        return fixed_text(value)
    if not isinstance(value, bool | int | float | np.generic | np.ndarray):
        return None
    array = np.asarray(value)
    plain = array.dtype.kind in "biufc" and array.dtype.itemsize <= 8
    return array if plain and 0 < array.nbytes <= _LONGEST else None


def compact(properties: Any) -> Any:
    """Keep attributes in the object's header: a heap for each node doubled the file.

    Parameters
    ----------
    properties
        By which the object is made; given back.
    """
    properties.set_attr_phase_change(64, 60)
    return properties


def set_attributes(
    node: Any, attributes: Mapping[str, Any], *, new: bool = False
) -> None:
    """Set attributes; a `new` node has none that would have to go first."""
    for name, value in attributes.items():
        data = fixed_text(value)
        if data is not None:
            set_text(node.id, name, data, new=new)
        elif isinstance(value, str):
            # PyTables reads it too, and no length is lost (PyMoDAQ/PyMoDAQ#654).
            node.attrs.create(name, value, dtype=h5py.string_dtype())
        else:
            node.attrs[name] = value


def set_text(node: Any, name: str, data: bytes, *, new: bool) -> None:
    """Set text of fixed length, as PyTables writes it.

    By the low-level calls: attributes are most of what a short scan costs. `node` is
    the identifier that HDF5 knows it by.
    """
    key = name.encode()
    if not new and h5py.h5a.exists(node, key):
        h5py.h5a.delete(node, key)
    kind = text_type(max(1, len(data)))
    attribute = h5py.h5a.create(node, key, kind, _scalar())
    attribute.write(np.array(data, f"S{max(1, len(data))}"), mtype=kind)


@functools.cache
def _scalar() -> Any:
    return h5py.h5s.create(h5py.h5s.SCALAR)


@functools.lru_cache(maxsize=512)
def text_type(size: int) -> Any:
    """HDF5's type of a text of fixed length, as this library writes it, in bytes."""
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_cset(h5py.h5t.CSET_UTF8)
    kind.set_strpad(h5py.h5t.STR_NULLPAD)
    return kind
