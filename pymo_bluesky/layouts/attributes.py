"""How PyMoDAQ writes a value into an attribute, and back without ever running it.

PyMoDAQ 2.0.1 and later wrap each value in JSON: ``{"module", "type", "data": repr}``,
and evaluate the repr when they read. Here only literals and a few known forms are
understood; anything else stays the text it is.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, cast

import numpy as np

from ..settings import is_involved, is_one_text
from .pickled import plain_value

__all__ = ["RAW_NAMES", "Decoded", "decode", "decode_plain", "encode", "misread"]

RAW_NAMES = frozenset(
    {"CLASS", "TITLE", "VERSION", "EXTDIM", "PYTABLES_FORMAT_VERSION", "swmr_active"}
)
"""Attributes that PyTables owns: never wrapped."""


class Decoded(Mapping[str, Any]):
    """Attributes of a node by other names, decoded when they are asked for.

    Settings make up most of a scan's attributes, and few who look at scans look there.

    Parameters
    ----------
    stored
        Attributes as they are stored.
    decode
        What makes a value of them.
    names
        Gives name here -> name of the attribute, when somebody asks.

    Examples
    --------
    >>> Decoded({"Move_name": b"X"}, decode, lambda: {"name": "Move_name"})["name"]
    'X'
    """

    def __init__(
        self,
        stored: Mapping[str, Any],
        decode: Callable[[Any], Any],
        names: Callable[[], Mapping[str, str]],
    ) -> None:
        self._stored, self._decode, self._told = stored, decode, names
        self._known: dict[str, Any] = {}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return self._told()

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._decode(self._stored[self._names[name]])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


_EVALUATED = (str, int, float, bool, bytes, tuple, list)
_NUMPY = re.compile(r"\bnp\.(?:float\d*|u?int\d*|str_|bytes_)\(([^()]*)\)")
_TEXT = re.compile(r"'([^'\\\x00-\x1f\ud800-\udfff]*)'")
"""The repr of a text without escapes, which most values are: read at once."""

_WRAPPING = re.compile(r'\{"module": "[\w.]*", "type": "\w*", "data": "')
_SHORT = 200
_LONG = 65_536
_MAX_TEXT = 64 * 2**20


def encode(name: str, value: Any) -> Any:
    r"""A value as PyMoDAQ stores it under an attribute name.

    Parameters
    ----------
    name
        Of the attribute; PyTables' own names are stored as they are.
    value
        Text, number, bool, bytes, tuple or list. Others, and floats that PyMoDAQ's
        ``eval`` does not know (nan, inf), are stored as their text.

    Examples
    --------
    >>> encode("units", "mm")
    '{"module": "builtins", "type": "str", "data": "\'mm\'"}'
    >>> encode("CLASS", "GROUP")
    'GROUP'
    """
    if name in RAW_NAMES:
        return _wrap(value) if name == "TITLE" and misread(value) else value
    if type(value) is str and len(value) < _SHORT:
        return _wrapped_text(value)
    plain: Any = cast(Any, value).item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        plain = str(plain)
    if type(plain) not in _EVALUATED:
        plain = str(plain)
    return _wrap(plain)


@lru_cache(maxsize=4096)
def _wrapped_text(text: str) -> str:
    return _wrap(text)


def _wrap(value: Any) -> str:
    """As `json.dumps` gives it, in a third of the time: a scan has hundreds.

    Examples
    --------
    >>> _wrap("µ") == json.dumps({"module": "builtins", "type": "str", "data": "'µ'"})
    True
    """
    data = json.encoder.encode_basestring_ascii(repr(value))
    return f'{{"module": "builtins", "type": "{type(value).__name__}", "data": {data}}}'


@lru_cache(maxsize=1024)
def misread(title: str) -> bool:
    """Whether PyMoDAQ 5 would make a number of unwrapped text, or HDF5 would cut it."""
    if not title.isprintable():
        return True
    try:
        json.loads(title)
    except ValueError:
        return False
    return True


def decode(stored: Any) -> Any:
    """The value of an attribute, from either HDF5 library and any encoding.

    Text that is not PyMoDAQ's JSON stays text; what a repr says is taken only when it
    is a literal. Nothing is ever evaluated.

    Examples
    --------
    >>> decode(encode("shape", (4, 3)))
    (4, 3)
    >>> decode(b"GROUP")
    'GROUP'
    """
    if isinstance(stored, (bytes, np.bytes_)):
        try:
            stored = bytes(stored).decode("utf-8")
        except UnicodeDecodeError:
            return bytes(stored)  # a picture, stored as it is up to 2.0.0
    if isinstance(stored, np.str_):
        stored = str(stored)
    if isinstance(stored, np.generic):
        return cast(Any, stored).item()
    if not isinstance(stored, str) or not stored.startswith('{"module"'):
        return stored
    if len(stored) > _MAX_TEXT:
        return stored
    return _unwrapped(stored) if len(stored) > _SHORT else _short(stored)


def decode_plain(stored: Any) -> Any:
    r"""The value of an attribute of before 2.0.1, when PyTables pickled the others.

    Like PyTables, whatever ends like a pickle is taken for one; unlike PyTables it is
    not unpickled: what is not a plain value stays the bytes it is.

    Examples
    --------
    >>> decode_plain(b"(I4\nI3\ntp0\n."), decode_plain(b"Wavelength")
    ((4, 3), 'Wavelength')
    """
    if isinstance(stored, bytes) and stored.endswith(b"."):
        try:
            return plain_value(bytes(stored))
        except ValueError:
            return decode(stored)
    return decode(stored)


def _short(text: str) -> Any:
    """A short text unwrapped: nodes bear the same ones, scan after scan."""
    try:
        return _short_and_fixed(text)
    except TypeError:
        return _unwrapped(text)  # a list, which somebody may change


@lru_cache(maxsize=4096)
def _short_and_fixed(text: str) -> Any:
    value = _unwrapped(text)
    hash(value)
    return value


def _unwrapped(text: str) -> Any:
    if len(text) > _LONG and not _is_whole(text):
        return text
    try:
        wrapped = json.loads(text)
        kind, data = wrapped["type"], wrapped["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return text
    if not isinstance(data, str):
        return text
    if kind == "NoneType":
        return None
    text_alone = _TEXT.fullmatch(data) if kind == "str" else None
    if text_alone is not None:
        return text_alone[1]
    if data in ("np.True_", "np.False_"):
        return data == "np.True_"
    if data in ("nan", "inf", "-inf"):
        return float(data)
    if is_involved(data):
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python gives up one day
            return ast.literal_eval(_NUMPY.sub(r"\1", data) if "np." in data else data)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _is_whole(text: str) -> bool:
    """Whether JSON holds texts only; lists would take twenty times their own bytes."""
    head = _WRAPPING.match(text)
    return head is not None and is_one_text(text[head.end() - 1 : -1])
