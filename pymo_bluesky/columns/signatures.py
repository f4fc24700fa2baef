"""How single values are held: container, dtype, shape; knows nothing of columns.

The *signature* of a value says all that its bytes in an array do not.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from ..values import to_json

__all__ = [
    "ABSENT",
    "GONE",
    "INT",
    "INT64",
    "KEPT",
    "MAX_AXES",
    "MAX_VALUES",
    "PLAIN",
    "UUID",
    "Signature",
    "base_shape",
    "fill_of",
    "fits",
    "group_of",
    "has_place",
    "is_storable",
    "largest_group",
    "odd_signature",
    "signature_of",
    "stored_dtype",
]

MAX_VALUES = 64
_MAX_VALUE_TEXT = 200
_PADDING = 4
MAX_AXES = 24
"""HDF5's arrays have 32 axes at most, and a scan wants some of them for its points."""
INT64 = range(-(2**63), 2**63)


class _Absent:
    """The value of a member that a document does not have."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


class Signature(NamedTuple):
    """How a value was held: its container, dtype and shape.

    Containers: ``py`` (float, int, bool), ``np`` (numpy scalar), ``nd`` (ndarray),
    ``list`` (nested list of numbers), ``uuid`` (text that is one), ``value`` (one of a
    few texts or odd values; `dtype` is its JSON), ``absent``, and ``kept``.
    """

    container: str
    dtype: str = ""
    shape: tuple[int, ...] = ()


FLOAT = Signature("py", "<f8")
INT = Signature("py", "<i8")
BOOL = Signature("py", "|b1")
UUID = Signature("uuid", "|u1", (16,))
GONE = Signature("absent")
KEPT = Signature("kept")
PLAIN = {float: FLOAT, int: INT, bool: BOOL}


def is_storable(dtype: np.dtype[Any]) -> bool:
    """Whether PyMoDAQ's arrays can hold it; times as integers (PyTables has none)."""
    return dtype.kind in "biufcmM" and dtype.itemsize <= (
        16 if dtype.kind == "c" else 8
    )


def has_place(shape: Sequence[int], dtype: np.dtype[Any]) -> bool:
    """Whether an array in a file can hold arrays of such a shape and dtype."""
    return len(shape) <= MAX_AXES and math.prod(shape) > 0 and is_storable(dtype)


def signature_of(value: Any) -> Signature:
    """How a value is held; ``value`` or ``kept`` when no array can hold it."""
    kind = cast(Any, type(value))
    if kind in PLAIN and (kind is not int or value in INT64):
        return PLAIN[kind]
    if kind is np.ndarray or issubclass(kind, np.generic):
        if kind is np.ndarray and not has_place(value.shape, value.dtype):
            return odd_signature(value)
        if is_storable(value.dtype):
            container = "nd" if kind is np.ndarray else "np"
            return Signature(container, value.dtype.str, value.shape)
    if value is ABSENT:
        return GONE
    if kind is list:
        found = _list_form(value)
        if found and len(found[0]) <= MAX_AXES:
            return Signature("list", PLAIN[found[1]].dtype, found[0])
    if kind is str and _is_uuid(value):
        return UUID
    return odd_signature(value)


def odd_signature(value: Any) -> Signature:
    """Of what no array holds: ``value`` when its text is short, else ``kept``."""
    if type(value) is np.ndarray and cast(Any, value).nbytes > _MAX_VALUE_TEXT:
        return KEPT
    if isinstance(value, str) and len(value) > _MAX_VALUE_TEXT:
        return KEPT
    text = to_json(value)
    return Signature("value", text) if len(text) <= _MAX_VALUE_TEXT else KEPT


def _list_form(value: list[Any]) -> tuple[tuple[int, ...], type] | None:
    """Shape and type of the numbers of a nested list; None when it is not regular."""
    kinds = set(map(type, value))
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if kind in (float, bool):
        return (len(value),), kind
    if kind is int:
        fits = min(value) in INT64 and max(value) in INT64
        return ((len(value),), int) if fits else None
    if kind is list:
        forms = {_list_form(item) for item in value}
        form = forms.pop() if len(forms) == 1 else None
        return ((len(value), *form[0]), form[1]) if form else None
    return None


def _is_uuid(text: str) -> bool:
    if len(text) != 36 or text[8] != "-":
        return False
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def fill_of(dtype: np.dtype[Any]) -> Any:
    """What stands where nothing was measured: NaN, or 0 for integers."""
    return np.nan if dtype.kind in "fc" else dtype.type(0)


def stored_dtype(signature: Signature) -> np.dtype[Any]:
    """The dtype that its values have in an array."""
    dtype = np.dtype(signature.dtype)
    return np.dtype(dtype.byteorder + "i8") if dtype.kind in "mM" else dtype


def group_of(signature: Signature) -> str | None:
    """Which signatures one array can hold together; None: no array holds it."""
    if signature.container == "uuid":
        return "uuid"
    if signature.container in ("py", "np", "nd", "list"):
        return "time" if np.dtype(signature.dtype).kind in "mM" else "number"
    return None


def largest_group(counts: Mapping[Signature, int]) -> list[Signature]:
    """The signatures that one array can hold together; the most frequent ones."""
    totals: dict[str, int] = {}
    for signature, n in counts.items():
        group = group_of(signature)
        if group:
            totals[group] = totals.get(group, 0) + n
    if not totals:
        return []
    largest = max(totals, key=lambda g: totals[g])
    return [s for s in counts if group_of(s) == largest]


def base_shape(counts: Mapping[Signature, int]) -> tuple[int, ...]:
    """One shape for all: padded where that is cheap, else the most frequent one."""
    shapes: dict[tuple[int, ...], int] = {}
    for signature, n in counts.items():
        shapes[signature.shape] = shapes.get(signature.shape, 0) + n
    if not shapes:
        return ()
    if len({len(shape) for shape in shapes}) == 1:
        padded = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        used = sum(math.prod(shape) * n for shape, n in shapes.items())
        if math.prod(padded) * sum(shapes.values()) <= _PADDING * used:
            return padded
    return max(shapes, key=lambda shape: shapes[shape])


def fits(shape: tuple[int, ...], base: tuple[int, ...]) -> bool:
    """Whether an array of a shape has its place in one of another shape."""
    return len(shape) == len(base) and all(
        n <= m for n, m in zip(shape, base, strict=True)
    )
