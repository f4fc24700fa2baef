"""Which runs a search of Tiled means, and in what order; knows no files.

A search looks into ``start`` and ``stop`` as the run's metadata hold them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tiled.queries import (
    Comparison,
    Contains,
    Eq,
    FullText,
    In,
    KeyPresent,
    KeysFilter,
    Like,
    NotEq,
    NotIn,
    Regex,
    SpecsQuery,
    StructureFamilyQuery,
)
from tiled.utils import UnsupportedQueryType

__all__ = ["MISSING", "fits", "member", "order", "texts"]

Metadata = Mapping[str, Any]
MISSING = object()

_WILD = {"%": ".*", "_": "."}

_ORDERS = {name: getattr(operator, name) for name in ("lt", "le", "gt", "ge")}


def member(metadata: Metadata, key: str) -> Any:
    """A member of members, by a dotted key; `MISSING` when there is none.

    Examples
    --------
    >>> member({"start": {"sample": {"name": "Si"}}}, "start.sample.name")
    'Si'
    """
    value: Any = metadata
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return MISSING
        value = value[part]
    return value


def texts(value: Any) -> Iterator[str]:
    """All texts in some metadata, depth first."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def fits(query: Any, key: str, metadata: Metadata) -> bool:
    """Whether a run is one that a query looks for.

    Parameters
    ----------
    query
        One of `tiled.queries`.
    key
        The uid of the run.
    metadata
        Its ``start`` and ``stop``.

    Raises
    ------
    UnsupportedQueryType
        When runs cannot be searched so.
    """
    test = _TESTS.get(type(query))
    if test is not None:
        value = member(metadata, query.key)
        return value is not MISSING and test(query, value)
    whole = _WHOLE.get(type(query))
    if whole is None:
        raise UnsupportedQueryType(type(query).__name__)
    return whole(query, key, metadata)


def _compared(query: Any, value: Any) -> bool:
    try:
        return bool(
            _ORDERS[str(getattr(query.operator, "value", query.operator))](
                value, query.value
            )
        )
    except TypeError:  # a text and a number
        return False


def _alike(query: Any, value: Any) -> bool:
    """SQL's LIKE: ``%`` stands for any text, ``_`` for one character."""
    parts = (
        _WILD[character] if character in _WILD else re.escape(character)
        for character in query.pattern
    )
    pattern = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _matched(query: Any, value: Any) -> bool:
    flags = 0 if query.case_sensitive else re.IGNORECASE
    return isinstance(value, str) and bool(re.search(query.pattern, value, flags))


def _worded(query: Any, key: str, metadata: Metadata) -> bool:
    words = {word for text in texts(metadata) for word in text.lower().split()}
    return not words.isdisjoint(query.text.lower().split())


_TESTS: dict[type, Callable[[Any, Any], bool]] = {
    Eq: lambda query, value: value == query.value,
    NotEq: lambda query, value: value != query.value,
    In: lambda query, value: value in query.value,
    NotIn: lambda query, value: value not in query.value,
    Contains: lambda query, value: isinstance(value, list) and query.value in value,
    Comparison: _compared,
    Like: _alike,
    Regex: _matched,
}
_WHOLE: dict[type, Callable[[Any, str, Metadata], bool]] = {
    FullText: _worded,
    KeyPresent: lambda query, key, metadata: (
        (member(metadata, query.key) is not MISSING) == query.exists
    ),
    KeysFilter: lambda query, key, metadata: key in query.keys,
    SpecsQuery: lambda query, key, metadata: (
        set(query.include) <= {"BlueskyRun"} and "BlueskyRun" not in query.exclude
    ),
    StructureFamilyQuery: lambda query, key, metadata: query.value == "container",
}


def order(value: Any) -> tuple[int, Any]:
    """What to sort values of all kinds by: numbers, then texts, then what is missing.

    Examples
    --------
    >>> sorted(["b", 2, MISSING, 1], key=order)[:3]
    [1, 2, 'b']
    """
    if isinstance(value, bool | int | float):
        return 0, value
    if isinstance(value, str):
        return 1, value.lower()
    return (3, 0) if value is MISSING or value is None else (2, str(value))
