"""Text and plain values out of pickles, by their opcodes; nothing is ever unpickled.

PyMoDAQ's log rows are pickled texts, and PyTables pickles attributes that are neither
text nor numbers. The opcodes are read as a list and only those of plain values are
known here, so no name in a pickle is ever looked up.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Iterable
from typing import Any, cast

__all__ = ["plain_value"]

_MARK = object()
_MOST_OPCODES = 100_000
_MOST_NESTING = 60
_PUSHING = {
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "MARK": lambda: _MARK,
}
_IGNORED = {"PROTO", "FRAME"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def plain_value(data: bytes) -> Any:
    r"""The value of a pickle of plain values.

    Parameters
    ----------
    data
        A pickle of text, bytes, numbers, None, or tuples, lists and dicts of them.

    Raises
    ------
    ValueError
        When it is no pickle, or holds anything else (a class, a function, a reference
        to an object); nothing of it is run to find out.

    Examples
    --------
    >>> plain_value(b"(I4\nI3\ntp0\n.")
    (4, 3)
    >>> plain_value(b"cos\nsystem\n(S'ls'\ntR.")
    Traceback (most recent call last):
    ...
    ValueError: a pickle with GLOBAL, which is not a plain value
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python gives up one day
            _run(data, stack, memo)
    except (
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        StopIteration,
    ) as error:
        raise ValueError(f"a damaged pickle ({error})") from error
    if len(stack) != 1 or stack[0] is _MARK:
        raise ValueError("a pickle that leaves not one value")
    _check_nesting(stack[0])
    return stack[0]


def _check_nesting(value: Any) -> None:
    """Refuse what Python could not show."""
    level: list[Any] = [value]
    for _ in range(_MOST_NESTING):
        level = [item for part in level for item in _parts(part)]
        if not level:
            return
    raise ValueError(f"a pickle of more than {_MOST_NESTING} containers in each other")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast(dict[Any, Any], value).items()
    return cast(list[Any], value) if isinstance(value, tuple | list) else ()


def _run(data: bytes, stack: list[Any], memo: dict[int, Any]) -> None:
    for number, (code, argument, _) in enumerate(pickletools.genops(data)):
        if number > _MOST_OPCODES:
            raise ValueError("a pickle of more than 100,000 steps")
        if code.name == "STOP":
            return
        _step(code.name, argument, stack, memo)


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in _PUSHING:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name]())
    elif name in _TUPLES:
        items = _last(stack, _TUPLES[name])
        stack.append(tuple(items))
    elif name in ("TUPLE", "LIST", "DICT"):
        items = _since_mark(stack)
        stack.append(_made(name, items))
    elif name in ("APPEND", "APPENDS"):
        items = _last(stack, 1) if name == "APPEND" else _since_mark(stack)
        stack[-1].extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        items = _last(stack, 2) if name == "SETITEM" else _since_mark(stack)
        stack[-1].update(zip(items[::2], items[1::2], strict=True))
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        # A container in itself, or doubled forty times, would never end.
        if isinstance(memo[argument], tuple | list | dict):
            raise ValueError("a pickle with a container in two places")
        stack.append(memo[argument])
    elif name not in _IGNORED:
        raise ValueError(f"a pickle with {name}, which is not a plain value")


def _made(name: str, items: list[Any]) -> Any:
    if name == "TUPLE":
        return tuple(items)
    return items if name == "LIST" else dict(zip(items[::2], items[1::2], strict=True))


def _last(stack: list[Any], count: int) -> list[Any]:
    items = stack[-count:]
    if len(items) < count or _MARK in items:
        raise IndexError("too few values")
    del stack[-count:]
    return items


def _since_mark(stack: list[Any]) -> list[Any]:
    # From the end: else a pickle of many marks would take time as their square.
    at = next(n for n in range(len(stack) - 1, -1, -1) if stack[n] is _MARK)
    items = stack[at + 1 :]
    del stack[at:]
    return items
