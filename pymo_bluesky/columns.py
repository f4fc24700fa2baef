"""A column of values, of any kind, as one array and back exactly; knows no documents.

The values that one data key takes over a run are surveyed first, then encoded block by
block. Each distinct *signature* (what container, which dtype, which shape) has a code;
one base array holds all that fits it, and what fits nothing is *kept* beside it.
So an integer among floats, a frame that changed its shape, ``None`` or a number of a
hundred digits all come back as they went in, and the array stays one that can be read.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np

from .values import from_json, to_json

__all__ = ["ABSENT", "ColumnPlan", "ColumnSurvey", "Encoded", "Signature", "fill_of"]

MAX_VALUES = 64
_MAX_VALUE_TEXT = 200
_PADDING = 4
_INT64 = range(-(2**63), 2**63)


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


_FLOAT = Signature("py", "<f8")
_INT = Signature("py", "<i8")
_BOOL = Signature("py", "|b1")
_UUID = Signature("uuid", "|u1", (16,))
_GONE = Signature("absent")
_KEPT = Signature("kept")
_PLAIN = {float: _FLOAT, int: _INT, bool: _BOOL}


def _storable(dtype: np.dtype[Any]) -> bool:
    """Whether PyMoDAQ's arrays can hold it; times go as integers (PyTables lacks M8)."""
    return dtype.kind in "biufcmM" and dtype.itemsize <= (16 if dtype.kind == "c" else 8)


def signature_of(value: Any) -> Signature:
    """How a value is held; ``value`` or ``kept`` when no array can hold it."""
    kind = type(value)
    if kind in _PLAIN and (kind is not int or value in _INT64):
        return _PLAIN[kind]
    if kind is np.ndarray or isinstance(value, np.generic):
        if kind is np.ndarray and (value.size == 0 or not _storable(value.dtype)):
            return _odd(value)
        if _storable(value.dtype):
            container = "nd" if kind is np.ndarray else "np"
            return Signature(container, value.dtype.str, value.shape)
    if value is ABSENT:
        return _GONE
    if kind is list:
        found = _list_form(value)
        if found:
            return Signature("list", _PLAIN[found[1]].dtype, found[0])
    if kind is str and _is_uuid(value):
        return _UUID
    return _odd(value)


def _odd(value: Any) -> Signature:
    if isinstance(value, np.ndarray) and value.nbytes > _MAX_VALUE_TEXT:
        return _KEPT
    if isinstance(value, str) and len(value) > _MAX_VALUE_TEXT:
        return _KEPT
    text = to_json(value)
    return Signature("value", text) if len(text) <= _MAX_VALUE_TEXT else _KEPT


def _list_form(value: list[Any]) -> tuple[tuple[int, ...], type] | None:
    """Shape and type of the numbers of a nested list; None when it is not regular."""
    kinds = set(map(type, value))
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if kind in (float, bool):
        return (len(value),), kind
    if kind is int:
        fits = min(value) in _INT64 and max(value) in _INT64
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


@dataclass(slots=True)
class ColumnSurvey:
    """Counts the signatures of a column as its values pass by.

    Attributes
    ----------
    repeats
        A column of a few texts that come again and again, though they be uuids.

    Examples
    --------
    >>> survey = ColumnSurvey()
    >>> survey.add([1, 2.5, None])
    >>> plan = survey.plan()
    >>> encoded = plan.encode([1, 2.5, None])
    >>> encoded.base
    array([1. , 2.5, nan])
    >>> plan.decode(encoded.base, encoded.codes, {})
    [1, 2.5, None]
    """

    counts: dict[Signature, int] = field(default_factory=dict[Signature, int])
    repeats: bool = False
    first: int | None = None
    rows: int = 0
    consecutive: bool = True

    def add(self, values: Sequence[Any] | np.ndarray) -> None:
        """Take note of the next values."""
        n = len(values)
        self._follow(values, n)
        self.rows += n
        if isinstance(values, np.ndarray) and values.dtype.kind != "O":
            self._add_array(values, n)
            return
        kinds = set(map(type, values))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is float or kind is bool:
            self._count(_PLAIN[kind], n)
        elif kind is int and min(values) in _INT64 and max(values) in _INT64:
            self._count(_INT, n)
        else:
            for value in values:
                self._count(self._signature(value), 1)

    def _signature(self, value: Any) -> Signature:
        return _odd(value) if self.repeats else signature_of(value)

    def _add_array(self, values: np.ndarray, n: int) -> None:
        if n and _storable(values.dtype) and values.size:
            container = "np" if values.ndim == 1 else "nd"
            self._count(Signature(container, values.dtype.str, values.shape[1:]), n)
            return
        for value in values:
            self._count(signature_of(value), 1)

    def add_absent(self, n: int) -> None:
        """Take note that the next `n` documents do not have the member."""
        if n:
            self.consecutive = False
            self.rows += n
            self._count(_GONE, n)

    def _count(self, signature: Signature, n: int) -> None:
        self.counts[signature] = self.counts.get(signature, 0) + n
        if signature.container == "value" and n == 1:
            self._limit_values()

    def _limit_values(self) -> None:
        odd = [s for s in self.counts if s.container == "value"]
        if len(odd) > MAX_VALUES or (_KEPT in self.counts and len(odd) > 1):
            kept = sum(self.counts.pop(s) for s in odd)
            self.counts[_KEPT] = self.counts.get(_KEPT, 0) + kept

    def _follow(self, values: Sequence[Any] | np.ndarray, n: int) -> None:
        """Whether the column is still first, first + 1, first + 2…"""
        if not self.consecutive or not n:
            return
        if self.first is None and type(values[0]) is int:
            self.first = values[0]
        start = (self.first or 0) + self.rows
        if type(values[0]) is not int or list(values) != list(range(start, start + n)):
            self.consecutive = False

    def misfits(self, plan: ColumnPlan) -> int:
        """How many values the base array of a plan does not show."""
        return sum(
            n
            for signature, n in self.counts.items()
            if signature not in plan.signatures or not _group_of(signature)
        )

    def plan(self, *, implied: bool = False) -> ColumnPlan:
        """Decide how the column is stored.

        Parameters
        ----------
        implied
            A column that counts up by one (seq_num) needs no array at all.
        """
        if implied and self.consecutive and list(self.counts) == [_INT]:
            return ColumnPlan(signatures=(_INT,), first=self.first)
        group = _largest_group(self.counts)
        shape = _base_shape({s: n for s, n in self.counts.items() if s in group})
        fitting = [s for s in group if _fits(s.shape, shape)]
        codes = [s for s in self.counts if s not in group or s in fitting]
        codes = [s for s in codes if s.container in ("value", "absent") or s in fitting]
        # Even where all fit, one may not come back exactly (2**60 + 1 among floats).
        if len(codes) < len(self.counts) or len(codes) > 1:
            codes.append(_KEPT)
        dtypes = [_stored_dtype(s) for s in fitting]
        base = dtypes[0] if len(set(dtypes)) == 1 else None
        if dtypes and base is None:
            base = np.result_type(*dtypes)
        return ColumnPlan(
            signatures=tuple(codes),
            dtype=base.str if base is not None else None,
            shape=shape if base is not None else (),
        )


def _stored_dtype(signature: Signature) -> np.dtype[Any]:
    dtype = np.dtype(signature.dtype)
    return np.dtype(dtype.byteorder + "i8") if dtype.kind in "mM" else dtype


def _group_of(signature: Signature) -> str | None:
    if signature.container == "uuid":
        return "uuid"
    if signature.container in ("py", "np", "nd", "list"):
        return "time" if np.dtype(signature.dtype).kind in "mM" else "number"
    return None


def _largest_group(counts: Mapping[Signature, int]) -> list[Signature]:
    """The signatures that one array can hold together; the most frequent ones."""
    totals: dict[str, int] = {}
    for signature, n in counts.items():
        group = _group_of(signature)
        if group:
            totals[group] = totals.get(group, 0) + n
    if not totals:
        return []
    largest = max(totals, key=lambda g: totals[g])
    return [s for s in counts if _group_of(s) == largest]


def _base_shape(counts: Mapping[Signature, int]) -> tuple[int, ...]:
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


def _fits(shape: tuple[int, ...], base: tuple[int, ...]) -> bool:
    return len(shape) == len(base) and all(
        n <= m for n, m in zip(shape, base, strict=True)
    )


class Encoded(NamedTuple):
    """A block of values as arrays: base (n, *shape), codes (n,), and what was kept."""

    base: np.ndarray | None
    codes: np.ndarray | None
    kept: list[tuple[int, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPlan:
    """How a column is stored: what its codes mean, and the base array.

    Attributes
    ----------
    signatures
        The meaning of code 0, 1, 2…
    dtype, shape
        Of one row of the base array; dtype None when no value fits an array.
    first
        The column is first, first + 1, first + 2… and nothing else is stored.
    """

    signatures: tuple[Signature, ...] = ()
    dtype: str | None = None
    shape: tuple[int, ...] = ()
    first: int | None = None

    @property
    def coded(self) -> bool:
        """Whether rows differ in kind, so that their codes must be stored."""
        return len(self.signatures) > 1

    @property
    def keeps(self) -> bool:
        """Whether some values fit no array and are kept beside it."""
        return _KEPT in self.signatures

    @property
    def shows(self) -> bool:
        """Whether PyMoDAQ can show the base array: numbers, not the bytes of uuids."""
        return self.dtype is not None and _UUID not in self.signatures

    def to_plain(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        return {
            "signatures": [list(s) for s in self.signatures],
            "dtype": self.dtype,
            "shape": list(self.shape),
            "first": self.first,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ColumnPlan:
        """Read what `to_plain` wrote."""
        signatures = tuple(
            Signature(str(c), str(d), tuple(s)) for c, d, s in plain["signatures"]
        )
        return cls(
            signatures=signatures,
            dtype=plain["dtype"],
            shape=tuple(plain["shape"]),
            first=plain["first"],
        )

    def encode(self, values: Sequence[Any] | np.ndarray) -> Encoded:
        """Values as a block of the base array, codes and kept values."""
        if self.first is not None:
            return Encoded(None, None, [])
        if len(self.signatures) == 1:
            return self._encode_uniform(values)
        base = None
        if self.dtype is not None:
            dtype = np.dtype(self.dtype)
            base = np.full((len(values), *self.shape), fill_of(dtype), dtype)
        codes = np.empty(len(values), np.uint16)
        kept: list[tuple[int, Any]] = []
        index = {s: i for i, s in enumerate(self.signatures)}
        for i, value in enumerate(values):
            signature = signature_of(value)
            if signature == _UUID and _UUID not in index:
                signature = _odd(value)
            code = index.get(signature, -1)
            if code >= 0 and not self._place(base, i, value, signature):
                code = -1
            if code < 0 or signature == _KEPT:
                kept.append((i, value))
            codes[i] = code if code >= 0 else index[_KEPT]
        return Encoded(base, codes, kept)

    def _encode_uniform(self, values: Sequence[Any] | np.ndarray) -> Encoded:
        (signature,) = self.signatures
        if signature == _KEPT:
            return Encoded(None, None, list(enumerate(values)))
        if self.dtype is None:
            return Encoded(None, None, [])
        if signature.container == "uuid":
            raw = b"".join(bytes.fromhex(v.replace("-", "")) for v in values)
            return Encoded(np.frombuffer(raw, np.uint8).reshape(-1, 16), None, [])
        if isinstance(values, list) and signature.container == "nd" and len(values) == 1:
            block = cast(np.ndarray, values[0])[np.newaxis]
        else:
            block = np.asarray(values, dtype=signature.dtype)
        return Encoded(block.view(self.dtype) if block.size else block, None, [])

    def _place(
        self, base: np.ndarray | None, i: int, value: Any, signature: Signature
    ) -> bool:
        """Put a value into its row; False when it would not come back exactly."""
        if signature.container in ("value", "absent", "kept"):
            return True
        assert base is not None
        given = _as_array(value, signature)
        part = tuple(slice(n) for n in given.shape)
        base[(i, *part)] = given
        back = _cast(base[(i, *part)], given.dtype)
        return back.tobytes() == given.tobytes()

    def decode(
        self,
        base: np.ndarray | None,
        codes: np.ndarray | None,
        kept: Mapping[int, Any],
        *,
        start: int = 0,
        rows: int | None = None,
    ) -> list[Any]:
        """The values of a block again.

        Parameters
        ----------
        base, codes
            Rows of the stored arrays; None where there are none.
        kept
            Kept values by row within the block.
        start, rows
            First row of the block in the column, and how many: needed where nothing
            is stored.
        """
        n = next((len(a) for a in (base, codes) if a is not None), rows or 0)
        if self.first is not None:
            return list(range(self.first + start, self.first + start + n))
        if len(self.signatures) == 1 and base is not None:
            return _decode_uniform(base, self.signatures[0])
        if codes is None:
            codes = np.zeros(n, np.uint16)
        values: list[Any] = []
        for i, code in enumerate(codes.tolist()):
            signature = self.signatures[code]
            if signature == _KEPT:
                values.append(kept[i])
            elif signature == _GONE:
                values.append(ABSENT)
            elif signature.container == "value":
                values.append(from_json(signature.dtype))
            else:
                assert base is not None
                part = (i, *(slice(n) for n in signature.shape))
                row = _cast(base[part], _stored_dtype(signature))[np.newaxis]
                values.extend(_decode_uniform(row, signature))
        return values


def _cast(row: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    real = row.dtype.kind == "c" and dtype.kind != "c"
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(row.real if real else row).astype(dtype)


def _as_array(value: Any, signature: Signature) -> np.ndarray:
    if signature.container == "uuid":
        return np.frombuffer(uuid.UUID(value).bytes, np.uint8)
    given = np.asarray(value, dtype=signature.dtype)
    return given.view(_stored_dtype(signature))


def _decode_uniform(base: np.ndarray, signature: Signature) -> list[Any]:
    if signature.container == "uuid":
        return [str(uuid.UUID(bytes=row.tobytes())) for row in base]
    if signature.container in ("py", "list"):
        return base.tolist()
    dtype = np.dtype(signature.dtype)
    typed = base.view(dtype) if dtype.kind in "mM" else base
    if signature.container == "np":
        return list(typed)
    return [typed[i, ...] for i in range(len(typed))]
