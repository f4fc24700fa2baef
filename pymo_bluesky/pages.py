"""Pages of events whose long columns are bytes, and as lists again; pure.

A list of numbers is packed, unpacked, and looked at value by value several times. As
bytes with a kind it becomes a column without a look at any of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from .columns import Uniform
from .columns.signatures import INT, PLAIN, UUID
from .columns.uniform import uuids_in

__all__ = ["PAGE", "as_columns", "as_lists", "taken_apart"]

PAGE = "event_page"

_LEAST = 16
"""Values of a list below which nothing is gained."""

_FLOATS, _INTS, _UUIDS = 1, 2, 3

_COLUMNS: Mapping[int, Callable[[bytes], Uniform]] = {
    _FLOATS: lambda data: Uniform(PLAIN[float], np.frombuffer(data, "<f8")),
    _INTS: lambda data: Uniform(INT, np.frombuffer(data, "<i8")),
    _UUIDS: lambda data: Uniform(UUID, np.frombuffer(data, "u1").reshape(-1, 16)),
}

Column = tuple[str, str, int, bytes]
"""Group and name of a member, what kind of values it has, and these."""


def taken_apart(page: Mapping[str, Any]) -> tuple[dict[str, Any], list[Column]]:
    """A page without its long lists of floats, integers or uuids, and these.

    Examples
    --------
    >>> page = {"seq_num": list(range(20)), "data": {"x": [0.5] * 20, "n": [None]}}
    >>> rest, columns = taken_apart(page)
    >>> rest
    {'seq_num': None, 'data': {'x': None, 'n': [None]}}
    >>> found = as_columns(rest, columns)
    >>> type(found["data"]["x"]), as_lists(found) == page
    (<class 'pymo_bluesky.columns.uniform.Uniform'>, True)
    """
    columns: list[Column] = []

    def without(group: str, name: str, values: Any) -> Any:
        found = _as_bytes(values)
        if found is None:
            return values
        columns.append((group, name, *found))
        return None

    return _each(page, without), columns


def as_columns(page: Mapping[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
    """A page with its columns (`Uniform`) again.

    Raises
    ------
    KeyError, TypeError, ValueError
        When they are none.
    """
    known = {(group, name): _COLUMNS[kind](data) for group, name, kind, data in columns}
    return _each(page, lambda group, name, values: known.get((group, name), values))


def as_lists(page: Mapping[str, Any]) -> dict[str, Any]:
    """The page as it was."""
    return _each(page, lambda _, __, v: list(v) if isinstance(v, Uniform) else v)


def _each(
    page: Mapping[str, Any], change: Callable[[str, str, Any], Any]
) -> dict[str, Any]:
    """A page with its columns changed; ``filled`` is no numbers, and stays."""
    found: dict[str, Any] = {}
    for name, value in page.items():
        if name in ("data", "timestamps") and type(value) is dict:
            members = cast(dict[str, Any], value).items()
            found[name] = {key: change(name, key, values) for key, values in members}
        else:
            found[name] = change("", name, value)
    return found


def _as_bytes(values: Any) -> tuple[int, bytes] | None:
    """What kind of values a long list has, and these; None when it is another list."""
    if type(values) is not list:
        return None
    items = cast(list[Any], values)
    kinds = set(map(type, items)) if len(items) >= _LEAST else ()
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if kind is float:
        return _FLOATS, struct.pack(f"<{len(items)}d", *items)
    if kind is str:
        found = uuids_in(items)
        return None if found is None else (_UUIDS, found.tobytes())
    if kind is not int:
        return None
    try:
        return _INTS, struct.pack(f"<{len(items)}q", *items)
    except struct.error:  # beyond 64 bits
        return None
