"""Rows of a stream as event pages, and what is absent in some; knows no files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

import numpy as np

from ..blocks import TUPLE, ColumnKey
from ..columns import ABSENT

__all__ = [
    "FILLED",
    "Block",
    "PageForm",
    "has_gaps",
    "page_of",
    "runs_of",
    "without_absent",
]

Block = dict[ColumnKey, list[Any]]
PageForm = Mapping[ColumnKey, str | None]
"""The columns of a page that were arrays; their dtype where the values do not tell."""

_DESCRIPTOR, FILLED = ColumnKey("", "descriptor"), ColumnKey("", "filled")
"""Columns whose rows a page holds otherwise: one for all, and by data key."""


def has_gaps(values: list[Any]) -> bool:
    """Whether some row of a column has no value.

    Examples
    --------
    >>> has_gaps([1.0, ABSENT]), has_gaps([1.0, None])
    (True, False)
    """
    return type(ABSENT) in set(map(type, values))


def without_absent(members: dict[str, Any]) -> dict[str, Any]:
    """The members that are there."""
    return {k: v for k, v in members.items() if v is not ABSENT}


def runs_of(block: Block, gappy: Collection[ColumnKey]) -> Iterator[tuple[int, int]]:
    """First and last of the rows that can stand in one page: they have equal members.

    Parameters
    ----------
    block
        Rows, by column.
    gappy
        Columns in which rows may have no value.

    Examples
    --------
    >>> block = {ColumnKey("", "descriptor"): ["a", "a", "b"]}
    >>> list(runs_of(block, ()))
    [(0, 2), (2, 3)]
    """
    owners = block[_DESCRIPTOR]
    gaps = [block[key] for key in gappy if has_gaps(block[key])]
    if not gaps and owners.count(owners[0]) == len(owners) and _nothing_filled(block):
        yield 0, len(owners)
        return
    forms = _forms(block, gaps)
    at = 0
    while at < len(forms):
        end = at + 1
        while end < len(forms) and forms[end] == forms[at]:
            end += 1
        yield at, end
        at = end


def _nothing_filled(block: Block) -> bool:
    """Whether no row names external data: asked of all at once, not one by one."""
    filled = block.get(FILLED)
    return filled is None or filled.count({}) == len(filled)


def _forms(block: Block, gaps: list[list[Any]]) -> list[Any]:
    """Of each row, what must be equal for two rows to stand in one page."""
    absent = [[value is ABSENT for value in values] for values in gaps]
    owners = block[_DESCRIPTOR]
    filled = block.get(FILLED, owners)
    none: frozenset[Any] = frozenset()
    names: list[frozenset[Any] | None] = [
        (frozenset(cast(Any, f)) if f else none) if isinstance(f, dict) else None
        for f in filled
    ]
    return list(zip(owners, names, *absent, strict=True))


def page_of(
    block: Block, arrays: PageForm, gappy: Collection[ColumnKey]
) -> dict[str, Any]:
    """Rows as an event page."""
    page: dict[str, Any] = {"data": {}, "timestamps": {}}
    for key, values in block.items():
        if key in gappy and has_gaps(values):
            continue
        if key == _DESCRIPTOR:
            page[key.name] = values[0]
        elif key == FILLED and isinstance(values[0], dict):
            names = dict.fromkeys(name for row in values if row for name in row)
            page[key.name] = {name: [row[name] for row in values] for name in names}
        else:
            column = _as_column(values, arrays[key]) if key in arrays else values
            (page[key.group] if key.group else page)[key.name] = column
    return page


def _as_column(values: list[Any], dtype: str | None) -> np.ndarray | tuple[Any, ...]:
    """Values in the container that their page had for them."""
    if dtype == TUPLE:
        return tuple(values)
    if dtype is not None and np.dtype(dtype).kind in "OSTU":
        column = np.empty(len(values), np.dtype(dtype))
        for n, value in enumerate(values):
            column[n] = value
        return column
    if isinstance(values[0], np.ndarray):
        first = cast(Any, values[0])  # numpy alone would change their byte order
        out = np.empty((len(values), *first.shape), first.dtype)
        return np.stack(values, out=out)
    return np.array(values) if dtype is None else np.array(values).astype(dtype)
