"""Numpy dtypes as JSON can hold them, and back; knows no values and no files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

__all__ = ["dtype_name", "dtype_of"]


def dtype_name(dtype: np.dtype[Any]) -> Any:
    """A dtype as JSON can hold it.

    Text; numpy's list form when structured; a mapping with the place of each field
    where fields overlap or stand out of order (``a[["y", "x"]]`` makes such).

    Examples
    --------
    >>> dtype_name(np.dtype("<f4")), dtype_name(np.dtype([("x", ">i2")]))
    ('<f4', [('x', '>i2')])
    >>> dtype_name(np.zeros(1, "i4,f8")[["f1", "f0"]].dtype)["offsets"]
    [4, 0]
    """
    if _is_listed(dtype):
        return np.lib.format.dtype_to_descr(dtype)
    names, fields = cast(tuple[str, ...], dtype.names), cast(Any, dtype.fields)
    return {
        "names": [[*fields[n][2:], n] if fields[n][2:] else n for n in names],
        "formats": [_part(fields[name][0]) for name in names],
        "offsets": [fields[name][1] for name in names],
        "itemsize": dtype.itemsize,
    }


def _is_listed(dtype: np.dtype[Any]) -> bool:
    """Whether numpy's list form can tell it."""
    if not dtype.names:
        return True
    end = 0
    for name in dtype.names:
        kind, offset = cast(Any, dtype.fields)[name][:2]
        if offset < end or not _is_listed(kind.base):
            return False
        end = offset + kind.itemsize
    return True


def _part(dtype: np.dtype[Any]) -> Any:
    """A field's dtype; one of arrays as its base and shape."""
    if dtype.subdtype is None:
        return [dtype_name(dtype), None]
    return [dtype_name(dtype.base), list(dtype.shape)]


def dtype_of(name: Any) -> np.dtype[Any]:
    """The dtype that `dtype_name` named.

    Examples
    --------
    >>> dtype_of([["x", ">i2"]])
    dtype([('x', '>i2')])
    """
    if isinstance(name, Mapping):
        return _placed(cast(Mapping[str, Any], name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that numpy gives up one day
        descr = _tuples(name) if type(name) is list else name
        return np.lib.format.descr_to_dtype(descr)


def _placed(parts: Mapping[str, Any]) -> np.dtype[Any]:
    """The dtype whose fields have told places."""
    named = cast(list[Any], parts["names"])
    formats = [
        dtype_of(kind) if shape is None else np.dtype((dtype_of(kind), tuple(shape)))
        for kind, shape in parts["formats"]
    ]
    about: dict[str, Any] = {
        "names": [name[-1] if type(name) is list else name for name in named],
        "formats": formats,
        "offsets": list(parts["offsets"]),
        "itemsize": parts["itemsize"],
    }
    if any(type(name) is list for name in named):
        about["titles"] = [n[0] if type(n) is list else None for n in named]
    return np.dtype(cast(Any, about))


def _tuples(descr: Any) -> Any:
    """numpy's list form of a dtype needs its fields and shapes as tuples again."""
    if type(descr) is not list:
        return descr
    items = cast(list[Any], descr)
    fields = [cast(list[Any], f) for f in items]
    return [
        (_field_name(f[0]), _tuples(f[1]), *(tuple(s) for s in f[2:])) for f in fields
    ]


def _field_name(name: Any) -> Any:
    return tuple(cast(list[str], name)) if type(name) is list else name
