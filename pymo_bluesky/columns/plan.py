"""A column of values, of any kind, as one array and back exactly; knows no documents.

The values that one data key takes over a run are surveyed first, then encoded block by
block. Each distinct *signature* (what container, which dtype, which shape) has a code;
one base array holds all that fits it, and what fits nothing is *kept* beside it.
So an integer among floats, a frame that changed its shape, ``None`` or a number of a
hundred digits all come back as they went in, and the array stays one that can be read.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np

from ..values import from_json
from .signatures import (
    ABSENT,
    GONE,
    INT,
    INT64,
    KEPT,
    MAX_VALUES,
    PLAIN,
    UUID,
    Signature,
    base_shape,
    fill_of,
    fits,
    group_of,
    has_place,
    largest_group,
    odd_signature,
    signature_of,
    stored_dtype,
)
from .uniform import Repeated, Uniform, decode_uniform, uuids_in

__all__ = ["ABSENT", "ColumnPlan", "ColumnSurvey", "Encoded", "fill_of"]


_MAX_SIGNATURES = 4096
"""Kinds of values in one array; rarer ones are kept beside it (codes are uint16)."""


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
        if isinstance(values, Uniform):
            self._count(values.signature, n)
            return
        if isinstance(values, Repeated):
            self._count(self._signature(values.value), n)
            return
        if isinstance(values, np.ndarray) and values.dtype.kind != "O":
            self._add_array(values, n)
            return
        kinds = set(map(type, values))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is float or kind is bool:
            self._count(PLAIN[kind], n)
        elif kind is int and min(values) in INT64 and max(values) in INT64:
            self._count(INT, n)
        elif kind is str and not self.repeats and _are_uuids(values):
            self._count(UUID, n)
        else:
            for value in values:
                self._count(self._signature(value), 1)

    def _signature(self, value: Any) -> Signature:
        return odd_signature(value) if self.repeats else signature_of(value)

    def _add_array(self, values: np.ndarray, n: int) -> None:
        if n and has_place(values.shape[1:], values.dtype):
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
            self._count(GONE, n)

    def _count(self, signature: Signature, n: int) -> None:
        self.counts[signature] = self.counts.get(signature, 0) + n
        if signature.container == "value":
            self._limit_values()

    def _limit_values(self) -> None:
        odd = [s for s in self.counts if s.container == "value"]
        if len(odd) > MAX_VALUES or (KEPT in self.counts and len(odd) > 1):
            kept = sum(self.counts.pop(s) for s in odd)
            self.counts[KEPT] = self.counts.get(KEPT, 0) + kept

    def _follow(self, values: Sequence[Any] | np.ndarray, n: int) -> None:
        """Whether the column still counts up by one."""
        if not self.consecutive or not n:
            return
        if isinstance(values, Uniform) and values.signature != INT:
            self.consecutive = False  # without a look: they may be frames in a file
            return
        if self.first is None and type(values[0]) is int:
            self.first = values[0]
        start = (self.first or 0) + self.rows
        if isinstance(values, Uniform):
            self.consecutive = _counts_up(values.base, start)
            return
        # Arrays and odd numbers cannot be compared with a list: their types come first.
        plain = type(values[0]) is int and set(map(type, values)) == {int}
        if not plain or list(values) != list(range(start, start + n)):
            self.consecutive = False

    def misfits(self, plan: ColumnPlan) -> int:
        """How many values the base array of a plan does not show."""
        known = set(plan.signatures)
        return sum(
            n
            for signature, n in self.counts.items()
            if signature not in known or not group_of(signature)
        )

    def plan(self, *, implied: bool = False) -> ColumnPlan:
        """Decide how the column is stored.

        Parameters
        ----------
        implied
            A column that counts up by one (seq_num) needs no array at all.
        """
        if implied and self.consecutive and list(self.counts) == [INT]:
            return ColumnPlan(signatures=(INT,), first=self.first)
        group = largest_group(self.counts)
        shape = base_shape({s: self.counts[s] for s in group})
        frequent = sorted(group, key=lambda s: -self.counts[s])
        fitting = [s for s in frequent if fits(s.shape, shape)][:_MAX_SIGNATURES]
        chosen = set(fitting)
        codes = [
            s for s in self.counts if s in chosen or s.container in ("value", "absent")
        ]
        # Even where all fit, one may not come back exactly (2**60 + 1 among floats).
        if len(codes) < len(self.counts) or len(codes) > 1:
            codes.append(KEPT)
        dtypes = [stored_dtype(s) for s in fitting]
        base = dtypes[0] if len(set(dtypes)) == 1 else None
        if dtypes and base is None:
            base = np.result_type(*dtypes)
        return ColumnPlan(
            signatures=tuple(codes),
            dtype=base.str if base is not None else None,
            shape=shape if base is not None else (),
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
    def has_gaps(self) -> bool:
        """Whether some rows have no value."""
        return GONE in self.signatures

    @property
    def keeps(self) -> bool:
        """Whether some values fit no array and are kept beside it."""
        return KEPT in self.signatures

    @property
    def shows(self) -> bool:
        """Whether PyMoDAQ can show the base array: numbers, not the bytes of uuids."""
        return self.dtype is not None and UUID not in self.signatures

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
            if signature == UUID and UUID not in index:
                signature = odd_signature(value)
            code = index.get(signature, -1)
            if code >= 0 and not self._place(base, i, value, signature):
                code = -1
            if code < 0 or signature == KEPT:
                kept.append((i, value))
            codes[i] = code if code >= 0 else index[KEPT]
        return Encoded(base, codes, kept)

    def _encode_uniform(self, values: Sequence[Any] | np.ndarray) -> Encoded:
        (signature,) = self.signatures
        if signature == KEPT:
            return Encoded(None, None, list(enumerate(values)))
        if self.dtype is None:
            return Encoded(None, None, [])
        if isinstance(values, Uniform) and values.signature == signature:
            return Encoded(values.base, None, [])
        if signature.container == "uuid":
            return Encoded(uuids_in(cast(Sequence[str], values)), None, [])
        if (
            isinstance(values, list)
            and signature.container == "nd"
            and len(values) == 1
        ):
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
        shared: bool = False,
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
        shared
            Whether equal rows may be one object.
        """
        n = next((len(a) for a in (base, codes) if a is not None), rows or 0)
        if self.first is not None:
            return list(range(self.first + start, self.first + start + n))
        if len(self.signatures) == 1 and base is not None:
            return decode_uniform(base, self.signatures[0])
        if codes is None and self.signatures[0].container == "value":
            text = self.signatures[0].dtype
            return [from_json(text)] * n if shared else _repeated(text, n)
        if codes is None:
            codes = np.zeros(n, np.uint16)
        values: list[Any] = []
        for i, code in enumerate(codes):
            signature = self.signatures[int(code)]
            if signature == KEPT:
                values.append(kept[i])
            elif signature == GONE:
                values.append(ABSENT)
            elif signature.container == "value":
                values.append(from_json(signature.dtype))
            else:
                assert base is not None
                part = (i, *(slice(n) for n in signature.shape))
                row = _cast(base[part], stored_dtype(signature))[np.newaxis]
                values.extend(decode_uniform(row, signature))
        return values


def _are_uuids(texts: Any) -> bool:
    return uuids_in(texts) is not None


def _repeated(text: str, n: int) -> list[Any]:
    """One value from its JSON, so many times; no two of them are one object."""
    if text == "{}":
        return [{} for _ in range(n)]
    value = from_json(text)
    if isinstance(value, (str, int, float, bool, type(None))):
        return [value] * n
    return [from_json(text) for _ in range(n)]


def _counts_up(values: np.ndarray, start: int) -> bool:
    ends = (int(values[0]), int(values[-1]))
    return ends == (start, start + len(values) - 1) and bool(
        np.all(np.diff(values) == 1)
    )


def _cast(row: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    given = np.real(row) if row.dtype.kind == "c" and dtype.kind != "c" else row
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(given).astype(dtype)


def _as_array(value: Any, signature: Signature) -> np.ndarray:
    if signature.container == "uuid":
        return np.frombuffer(uuid.UUID(value).bytes, np.uint8)
    given = np.asarray(value, dtype=signature.dtype)
    return given.view(stored_dtype(signature))
