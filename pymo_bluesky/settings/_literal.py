"""Plain Python values as source text and back; runs no code, knows no XML.

PyMoDAQ writes values as Python source (``str('a')``, ``float(0.5)``, ``np.nan``,
``OrderedDict([...])``) and reads them with ``eval``. What is written here is safe under
that ``eval``; what is read here is parsed, never run.
"""

from __future__ import annotations

import ast
import datetime
import itertools
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, cast

import numpy as np

__all__ = [
    "as_float",
    "is_involved",
    "is_one_text",
    "literal",
    "plain",
    "same",
    "source",
]

MAX_TEXT = 4_000_000
"""Longer texts are not parsed as Python; they stay text."""

MAX_TOKENS = 200_000
"""Python's parser takes 1 kB for each element of a list: more would fill memory."""

_TOKEN = re.compile(r"\d[\w.]*|[^\W\d]\w*|[^\w\s]")
_SHORT = 3000
# Integers that Python reads, but refuses to print.
_UNPRINTED = re.compile(r"\b0[xXoObB]\w{3000}")

MAX_NESTING = 60
"""Containers inside containers, far below where parser and recursion give up."""

SHORT_ARRAY = 64
"""Arrays up to this many elements are written out, longer ones summarised."""

# CPython refuses to print longer integers in decimal (``sys.int_info``).
_DECIMAL_BITS = 10_000


# ---------------------------------------------------------------------------- writing


def plain(value: object, depth: int = 0) -> Any:
    """Reduce a value to plain Python: scalars, text, bytes and builtin containers.

    Parameters
    ----------
    value
        Anything a document can hold. Numpy scalars become Python's, arrays of at most
        64 elements nested lists, longer arrays a sentence about them; what has no plain
        form becomes its text.
    depth
        Containers already entered.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"gain": np.float32(0.5), "shape": np.array([2, 3])})
    {'gain': 0.5, 'shape': [2, 3]}
    >>> plain(np.arange(1000))
    'array of shape (1000,), int64, from 0 to 999 (too long to be repeated here)'
    """
    if value is None or type(value) in (bool, int, float, str, bytes, complex):
        return value
    if depth >= MAX_NESTING:
        return f"(nested deeper than {MAX_NESTING} levels: {type(value).__name__})"
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        if array.size > SHORT_ARRAY:
            return _summary(array)
        return plain(array.tolist(), depth)
    if isinstance(value, np.generic):
        scalar = cast(Any, value)
        wide = scalar.dtype.char in "gG"  # a longdouble has no equal in Python
        return str(scalar) if wide else plain(scalar.item(), depth)
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value).items()
        return {_key(k, depth): plain(v, depth + 1) for k, v in items}
    if isinstance(value, list | tuple | Set):
        return _plain_container(cast(Sequence[Any], value), depth)
    return _plain_scalar(value)


def _plain_container(value: Sequence[Any] | Set[Any], depth: int) -> Any:
    if isinstance(value, Set):
        # An order of its own, so that equal sets are written equally.
        return {_key(item, depth) for item in sorted(value, key=repr)}
    items = [plain(item, depth + 1) for item in value]
    return tuple(items) if isinstance(value, tuple) else items


def _key(value: object, depth: int) -> Any:
    reduced = plain(value, depth + 1)
    return reduced if _hashable(reduced) else source(reduced)


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _plain_scalar(value: object) -> Any:
    kinds: tuple[Any, ...] = (bool, int, float, bytes, complex)
    for kind in kinds:
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _summary(array: np.ndarray[Any, Any]) -> str:
    span = ""
    numbers = array[np.isfinite(array)] if array.dtype.kind in "iuf" else array[:0]
    if numbers.size:
        span = f", from {numbers.min().item()} to {numbers.max().item()}"
    note = "too long to be repeated here"
    return f"array of shape {array.shape}, {array.dtype}{span} ({note})"


def source(value: object) -> str:
    """Python source of a plain value, correct under a bare ``eval`` and `literal`.

    Examples
    --------
    >>> source([1, float("inf"), ("a", None)])
    "[1, float('inf'), ('a', None)]"
    """
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int):
        return repr(value) if value.bit_length() < _DECIMAL_BITS else hex(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"float('{value}')"
    if isinstance(value, complex):
        return f"complex({source(value.real)}, {source(value.imag)})"
    if isinstance(value, dict):
        pairs = cast(dict[Any, Any], value).items()
        return "{" + ", ".join(f"{source(k)}: {source(v)}" for k, v in pairs) + "}"
    if isinstance(value, list | tuple | set):
        return _container_source(cast(Sequence[Any], value))
    return repr(value)


def _container_source(value: Sequence[Any] | set[Any]) -> str:
    if isinstance(value, set):
        items = sorted(source(item) for item in value)
        return "{" + ", ".join(items) + "}" if items else "set()"
    inner = ", ".join(source(item) for item in value)
    if isinstance(value, tuple):
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return f"[{inner}]"


def same(a: object, b: object) -> bool:
    """Whether two plain values are one: type for type, but 2 may stand for 2.0."""
    if {type(a), type(b)} == {int, float}:
        return a == b
    return type(a) is type(b) and source(a) == source(b)


# ---------------------------------------------------------------------------- reading


def literal(text: str) -> Any:
    """The value of a Python literal, PyMoDAQ's extras included; nothing is run.

    Parameters
    ----------
    text
        Literals as of ``ast.literal_eval``, and ``str()``, ``int()``, ``float()``,
        ``bool()``, ``OrderedDict()`` and their like around literals, ``nan``,
        ``inf``, ``np.nan``, and numpy scalars such as ``np.float64(0.5)``.

    Raises
    ------
    ValueError
        When the text is anything else.

    Examples
    --------
    >>> literal("OrderedDict([('ROI_00', float(.5))])")
    {'ROI_00': 0.5}
    >>> literal("__import__('os').getcwd()")
    Traceback (most recent call last):
    ...
    ValueError: not a literal: "__import__('os').getcwd()"
    """
    if len(text) > MAX_TEXT or is_involved(text):
        raise ValueError(f"too long to be a literal: {len(text)} characters")
    try:
        return _value(_parsed(text.strip()))
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(f"not a literal: {text[:80]!r}") from error
    except (MemoryError, RecursionError, OverflowError) as error:
        raise ValueError(f"too involved for a literal: {text[:40]!r}") from error


def is_involved(text: str) -> bool:
    """Whether the value of a text would fill memory, or could not be printed.

    A single text, however long, is neither.

    Examples
    --------
    >>> is_involved("(" + "0," * 1_000_000 + ")"), is_involved(repr("a b " * 1_000_000))
    (True, False)
    """
    if len(text) < _SHORT or is_one_text(text):
        return False
    if len(text) <= MAX_TOKENS or _UNPRINTED.search(text):
        return _UNPRINTED.search(text) is not None
    tokens = itertools.islice(_TOKEN.finditer(text), MAX_TOKENS, None)
    return next(tokens, None) is not None


def is_one_text(source: str) -> bool:
    r"""Whether source text is that of one text, and nothing else.

    Examples
    --------
    >>> is_one_text(r"'it\'s'"), is_one_text("'a', 'b'")
    (True, False)
    """
    if source.startswith("str(") and source.endswith(")"):
        source = source[4:-1]
    source = source.removeprefix("b")
    quote = source[:1]
    if len(source) < 2 or quote not in ("'", '"') or not source.endswith(quote):
        return False
    return quote not in source[1:-1].replace("\\\\", "").replace(f"\\{quote}", "")


def _parsed(text: str) -> ast.expr:
    if "\\" not in text:
        return ast.parse(text, mode="eval").body
    # PyMoDAQ before 4 wrote str('C:\Data') without escaping the backslash.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval").body


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Set(elts=items):
            return {_value(item) for item in items}
        case ast.Dict(keys=keys, values=values):
            return _mapping(keys, values)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            return _signed(sign, _value(operand))
        case ast.Name(id="nan" | "inf" as name):
            return getattr(math, name)
        case ast.Attribute(
            value=ast.Name(id="np" | "numpy"), attr="nan" | "inf" as name
        ):
            return getattr(math, name)
        case ast.Call(func=func, args=args, keywords=[]):
            return _call(func, [_value(arg) for arg in args])
        case _:
            raise ValueError(f"{type(node).__name__} is not a literal")


def _mapping(keys: list[ast.expr | None], values: list[ast.expr]) -> dict[Any, Any]:
    if any(key is None for key in keys):
        raise ValueError("** is not a literal")
    pairs = zip(keys, values, strict=True)
    return {_value(key): _value(value) for key, value in pairs if key is not None}


def _signed(sign: ast.unaryop, value: Any) -> Any:
    if type(value) not in (int, float, complex):
        raise ValueError("only a number has a sign")
    return -value if isinstance(sign, ast.USub) else value


def as_float(value: object) -> float:
    """``float``, with one NaN for all: so that equal trees compare equal."""
    number = float(cast(Any, value))
    return math.nan if math.isnan(number) else number


_CALLS: dict[str, Callable[..., Any]] = {
    "str": str,
    "int": int,
    "float": as_float,
    "bool": bool,
    "complex": complex,
    "list": list,
    "tuple": tuple,
    "set": set,
    "dict": dict,
    "OrderedDict": dict,
    "odict_keys": list,
    "odict_values": list,
    "dict_keys": list,
    "dict_values": list,
}
_NUMPY_CALLS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("float16", "float32", "float64", "longdouble"), as_float),
    **dict.fromkeys(
        (f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), int
    ),
    **dict.fromkeys(("bool", "bool_"), bool),
    "str_": str,
    "array": list,
}


def _call(func: ast.expr, args: list[Any]) -> Any:
    match func:
        case ast.Name(id=name) if name in _CALLS:
            call = _CALLS[name]
        case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name) if (
            name in _NUMPY_CALLS
        ):
            call = _NUMPY_CALLS[name]
        case _:
            raise ValueError("not a call that stands for a value")
    if len(args) > (2 if call is complex else 1):
        raise ValueError("too many arguments for a value")
    return call(*args)
