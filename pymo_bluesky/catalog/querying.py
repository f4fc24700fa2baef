"""Which start documents fit a query, in MongoDB's words; knows no files and no runs."""

from __future__ import annotations

import datetime
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..errors import PymoError

__all__ = ["QueryError", "matcher", "moment"]

Test = Callable[[Any], bool]
FoundTest = Callable[[list[Any]], bool]

_YEAR, _MONTH = re.compile(r"\d{4}"), re.compile(r"\d{4}-\d{2}")


class QueryError(PymoError, ValueError):
    """A query that cannot be understood; says which words are."""


def matcher(query: Mapping[str, Any]) -> Test:
    """A function that tells whether a document fits.

    Parameters
    ----------
    query
        Member -> value. Members of members are named with dots (``"sample.name"``) or
        by a mapping, of which only what is named has to fit. A list fits what one of
        its items fits. In place of a value may stand MongoDB's operators (``$gt``,
        ``$gte``, ``$lt``, ``$lte``, ``$ne``, ``$eq``, ``$in``, ``$nin``, ``$exists``,
        ``$regex`` with ``$options``, ``$not``, ``$all``, ``$size``, ``$elemMatch``), a
        compiled pattern, or a function of the value. ``$and``, ``$or`` and ``$nor``
        join queries, ``$text`` looks for words in all texts.

    Returns
    -------
    callable
        Of a document; True when it fits.

    Raises
    ------
    QueryError
        When an operator is not known, or does not get what it needs.

    Examples
    --------
    >>> start = {"plan_name": "scan", "num_points": 5, "sample": {"name": "Si"}}
    >>> matcher({"plan_name": "scan", "num_points": {"$gt": 3}})(start)
    True
    >>> matcher({"sample.name": {"$in": ["Ge", "GaAs"]}})(start)
    False
    """
    tests = [_clause(str(key), wanted) for key, wanted in query.items()]
    return lambda document: all(test(document) for test in tests)


def moment(time: str | float | datetime.date) -> float:
    """A time as seconds since 1970.

    Parameters
    ----------
    time
        ``"2026"``, ``"2026-03"``, ``"2026-03-01"``, ``"2026-03-01 14:30"`` (the
        beginning of each, in local time if no zone is given), a `datetime`, or seconds.

    Raises
    ------
    QueryError
        When it is none of these.

    Examples
    --------
    >>> moment("1970-01-02T00:00+00:00")
    86400.0
    """
    if isinstance(time, datetime.datetime):
        return time.timestamp()
    if isinstance(time, datetime.date):
        return datetime.datetime.combine(time, datetime.time()).timestamp()
    if isinstance(time, int | float):
        return float(time)
    text = time.strip()
    if _YEAR.fullmatch(text):
        text += "-01-01"
    elif _MONTH.fullmatch(text):
        text += "-01"
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"{time!r} is no time; give 2026, 2026-03, 2026-03-01 or '2026-03-01 14:30'"
        ) from error


# ---------------------------------------------------------------------- whole clauses


def _clause(key: str, wanted: Any) -> Test:
    if key in _JOINS:
        parts = [matcher(_mapping(key, part)) for part in _list(key, wanted)]
        return lambda document: _JOINS[key](part(document) for part in parts)
    if key == "$text":
        return _text(_mapping(key, wanted))
    if key.startswith("$"):
        _unknown(key, [*_JOINS, "$text"])
    test, path = _of_found(wanted), key.split(".")
    return lambda document: test(list(_found(document, path)))


_JOINS: dict[str, Callable[[Iterator[bool]], bool]] = {
    "$and": all,
    "$or": any,
    "$nor": lambda fits: not any(fits),
}


def _text(wanted: Mapping[str, Any]) -> Test:
    words = str(wanted.get("$search", "")).lower().split()
    if not words:
        raise QueryError('$text needs words: {"$text": {"$search": "silicon wafer"}}')
    return lambda document: any(
        word in text.lower() for text in _texts(document) for word in words
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _found(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Values at a path; lists on the way are looked into."""
    if not path:
        yield value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    elif isinstance(value, Mapping):
        if path[0] in value:
            yield from _found(value[path[0]], path[1:])
    elif isinstance(value, list | tuple):
        if path[0].isdecimal() and int(path[0]) < len(value):
            yield from _found(value[int(path[0])], path[1:])
        for item in value:
            if isinstance(item, Mapping):
                yield from _found(item, path)


# ------------------------------------------------------------ what the values must be


def _of_found(wanted: Any) -> FoundTest:
    """A test of all values found at a path; there may be none."""
    if isinstance(wanted, Mapping):
        operators = [key for key in wanted if str(key).startswith("$")]
        if operators and len(operators) < len(wanted):
            raise QueryError(
                f"{wanted!r} mixes operators ({', '.join(operators)}) with members"
            )
        if operators:
            return _all_of([_operator(key, wanted[key], wanted) for key in operators])
    if wanted is None:
        return lambda found: not found or any(value is None for value in found)
    return _one_fits(_of_value(wanted))


def _of_value(wanted: Any) -> Test:
    if isinstance(wanted, Mapping):
        inner = matcher(wanted)
        return lambda value: isinstance(value, Mapping) and inner(value)
    if isinstance(wanted, re.Pattern):
        return lambda value: isinstance(value, str) and bool(wanted.search(value))
    if callable(wanted):
        return lambda value: bool(wanted(value))
    return _equals(wanted)


def _equals(wanted: Any) -> Test:
    plain = _plain(wanted)
    return lambda value: bool(_plain(value) == plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _one_fits(test: Test) -> FoundTest:
    """Whether a value, or an item of one that is a list, fits."""

    def fits(found: list[Any]) -> bool:
        return any(
            test(value)
            or (isinstance(value, list | tuple) and any(test(item) for item in value))
            for value in found
        )

    return fits


def _one_whole(test: Test) -> FoundTest:
    """Whether a list as a whole fits."""
    return lambda found: any(isinstance(value, list) and test(value) for value in found)


def _all_of(tests: Sequence[FoundTest]) -> FoundTest:
    return lambda found: all(test(found) for test in tests)


def _not(test: FoundTest) -> FoundTest:
    return lambda found: not test(found)


# -------------------------------------------------------------------------- operators


def _operator(key: str, wanted: Any, around: Mapping[str, Any]) -> FoundTest:
    if key in _COMPARED:
        return _one_fits(_compared(_COMPARED[key], _plain(wanted)))
    if key in ("$eq", "$ne"):
        same = _of_found(wanted)
        return same if key == "$eq" else _not(same)
    if key in ("$in", "$nin"):
        options = [_of_found(option) for option in _list(key, wanted)]
        return _in(options) if key == "$in" else _not(_in(options))
    if key == "$exists":
        return lambda found: bool(found) == bool(wanted)
    if key == "$not":
        return _not(_of_found(wanted))
    if key == "$regex":
        return _one_fits(_of_value(_pattern(wanted, around.get("$options", ""))))
    if key == "$options" and "$regex" in around:
        return lambda _: True
    if key == "$all":
        return _all_of([_of_found(item) for item in _list(key, wanted)])
    if key == "$size":
        return lambda found: any(
            isinstance(v, list) and len(v) == wanted for v in found
        )
    if key == "$elemMatch":
        return _element(_mapping(key, wanted))
    return _unknown(key, [*_COMPARED, *_OTHERS])


_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_OTHERS = (
    *("$eq", "$ne", "$in", "$nin", "$exists", "$not", "$regex", "$options", "$all"),
    *("$size", "$elemMatch"),
)


def _compared(compare: Callable[[Any, Any], Any], wanted: Any) -> Test:
    def fits(value: Any) -> bool:
        try:
            return bool(compare(value, wanted))
        except TypeError:  # a text is neither more nor less than a number
            return False

    return fits


def _in(options: Sequence[FoundTest]) -> FoundTest:
    return lambda found: any(option(found) for option in options)


def _element(wanted: Mapping[str, Any]) -> FoundTest:
    """Whether one item of a list fits all that is wanted."""
    if any(key.startswith("$") and key not in _JOINS for key in wanted):
        of_item = _of_found(wanted)
        test: Test = lambda item: of_item([item])  # noqa: E731
    else:
        test = _of_value(wanted)
    return _one_whole(lambda value: any(test(item) for item in value))


def _pattern(wanted: Any, options: Any) -> re.Pattern[str]:
    if isinstance(wanted, re.Pattern):
        return wanted
    flags = {"i": re.I, "m": re.M, "s": re.S, "x": re.X}
    unknown = set(str(options)) - set(flags)
    if unknown:
        raise QueryError(
            f"$options knows i, m, s and x, not {''.join(sorted(unknown))}"
        )
    try:
        together = re.NOFLAG
        for option in str(options):
            together |= flags[option]
        return re.compile(wanted, together)
    except (re.error, TypeError) as error:
        raise QueryError(f"{wanted!r} is no regular expression: {error}") from error


def _list(key: str, wanted: Any) -> Sequence[Any]:
    if isinstance(wanted, list | tuple | set | frozenset):
        return tuple(wanted)
    raise QueryError(f"{key} needs a list, not {wanted!r}")


def _mapping(key: str, wanted: Any) -> Mapping[str, Any]:
    if isinstance(wanted, Mapping):
        return wanted
    raise QueryError(f"{key} needs a mapping, not {wanted!r}")


def _unknown(key: str, known: Sequence[str]) -> NoReturn:
    raise QueryError(f"{key} is not known here; known are {', '.join(known)}")
