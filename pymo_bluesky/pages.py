"""Pages of events whose long columns are bytes, and as lists again; pure.

A list of numbers is packed, unpacked, and looked at value by value several times. As
bytes with a kind it becomes a column without a look at any of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgpack
import numpy as np

from .columns import Uniform
from .columns.signatures import INT, PLAIN, UUID
from .columns.uniform import uuids_in

__all__ = ["PAGE", "as_columns", "as_lists", "packable"]

PAGE = "event_page"

_LEAST = 16
"""Values of a list below which nothing is gained."""

_FLOATS, _INTS, _UUIDS = 101, 102, 103

_COLUMNS: Mapping[int, Callable[[bytes], Uniform]] = {
    _FLOATS: lambda data: Uniform(PLAIN[float], np.frombuffer(data, "<f8")),
    _INTS: lambda data: Uniform(INT, np.frombuffer(data, "<i8")),
    _UUIDS: lambda data: Uniform(UUID, np.frombuffer(data, "u1").reshape(-1, 16)),
}


def packable(page: Mapping[str, Any]) -> dict[str, Any]:
    """A page whose long lists of floats, integers or uuids are bytes for `pack`.

    Examples
    --------
    >>> from .values import pack, unpack
    >>> page = {"seq_num": list(range(20)), "data": {"x": [0.5] * 20, "n": [None]}}
    >>> found = as_columns(unpack(pack(packable(page))))
    >>> type(found["data"]["x"]), as_lists(found) == page
    (<class 'pymo_bluesky.columns.uniform.Uniform'>, True)
    """
    return _each(page, _as_bytes)


def as_columns(page: Mapping[str, Any]) -> dict[str, Any]:
    """A page from `unpack`, with columns (`Uniform`) in place of the bytes.

    Raises
    ------
    KeyError, ValueError
        When they are no column.
    """
    return _each(
        page,
        lambda v: _COLUMNS[v.code](v.data) if isinstance(v, msgpack.ExtType) else v,
    )


def as_lists(page: Mapping[str, Any]) -> dict[str, Any]:
    """The page as it was."""
    return _each(page, lambda v: list(v) if isinstance(v, Uniform) else v)


def _each(page: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A page with its columns changed."""
    return {
        name: {key: change(column) for key, column in cast(Any, value).items()}
        if name in ("data", "timestamps") and type(value) is dict
        else change(value)
        for name, value in page.items()
    }


def _as_bytes(values: Any) -> Any:
    if type(values) is not list:
        return values
    items = cast(list[Any], values)
    kinds = set(map(type, items)) if len(items) >= _LEAST else ()
    if len(kinds) != 1:
        return items
    (kind,) = kinds
    if kind is float:
        return _ext(_FLOATS, np.asarray(array("d", items), "<f8"))
    if kind is str:
        found = uuids_in(items)
        return items if found is None else _ext(_UUIDS, found)
    if kind is not int:
        return items
    try:
        return _ext(_INTS, np.asarray(array("q", items), "<i8"))
    except OverflowError:  # beyond 64 bits
        return items


def _ext(code: int, data: np.ndarray) -> msgpack.ExtType:
    return msgpack.ExtType(code, data.tobytes())
