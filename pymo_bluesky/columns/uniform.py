"""Columns whose values are known to be of one kind; knows no documents.

They come from rows of one form, and are stored without a look at each value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from .signatures import UUID, Signature

__all__ = ["Repeated", "Uniform", "decode_uniform", "uuids_in", "uuids_of"]

_DASHES = (8, 13, 18, 23)
_GROUPS = (slice(8), slice(9, 13), slice(14, 18), slice(19, 23), slice(24, 36))
_HEX = np.concatenate([np.arange(36)[group] for group in _GROUPS])
_HALVES = np.full(256, 255, np.uint8)
_HALVES[list(b"0123456789abcdef")] = range(16)
"""Half a byte by its letter; no capitals: they would not come back."""


@dataclass(frozen=True, slots=True, eq=False)
class Uniform(Sequence[Any]):
    """Values of one signature.

    Attributes
    ----------
    signature
        Of each value.
    base
        The values as they are stored; shape (rows, ...).

    Examples
    --------
    >>> from .signatures import INT
    >>> list(Uniform(INT, np.array([1, 2])))
    [1, 2]
    """

    signature: Signature
    base: np.ndarray

    def __len__(self) -> int:
        return len(self.base)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Uniform: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Uniform(self.signature, self.base[index])
        return decode_uniform(self.base[[index]], self.signature)[0]

    def __iter__(self) -> Iterator[Any]:
        if type(self.base) is not np.ndarray:  # rows that are still in their file
            return (self[n] for n in range(len(self)))
        return iter(decode_uniform(self.base, self.signature))


@dataclass(frozen=True, slots=True, eq=False)
class Repeated(Sequence[Any]):
    """One value, so many times.

    Examples
    --------
    >>> list(Repeated("4b1d", 2))
    ['4b1d', '4b1d']
    """

    value: Any
    rows: int

    def __len__(self) -> int:
        return self.rows

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Repeated: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Repeated(self.value, len(range(self.rows)[index]))
        range(self.rows)[index]
        return self.value


def decode_uniform(base: np.ndarray, signature: Signature) -> list[Any]:
    """Values of one signature again, from how they are stored."""
    if signature.container == "uuid":
        return _texts_of(base)
    if signature.container in ("py", "list"):
        return base.tolist()
    dtype = np.dtype(signature.dtype)
    typed = base.view(dtype) if dtype.kind in "mM" else base
    if signature.container == "np":
        return list(typed)
    return [typed[i, ...] for i in range(len(typed))]


def _texts_of(uuids: np.ndarray) -> list[Any]:
    letters = np.frombuffer(uuids.tobytes().hex().encode(), np.uint8)
    lines = np.full((len(uuids), 36), ord("-"), np.uint8)
    lines[:, _HEX] = letters.reshape(-1, 32)
    text = lines.tobytes().decode("ascii")
    return [text[at : at + 36] for at in range(0, len(text), 36)]


def uuids_of(texts: np.ndarray) -> Sequence[str] | Uniform:
    """Texts of 36 letters as the bytes of uuids, if that is what all of them are.

    Parameters
    ----------
    texts
        ASCII letters; shape (rows, 36), uint8.
    """
    letters = np.concatenate([texts[:, group] for group in _GROUPS], axis=1)
    halves = _HALVES.take(letters)
    if (halves < 16).all() and all((texts[:, n] == ord("-")).all() for n in _DASHES):
        return Uniform(UUID, halves[:, ::2] << 4 | halves[:, 1::2])
    return [row.tobytes().decode("ascii") for row in texts]


def uuids_in(texts: Sequence[str]) -> np.ndarray | None:
    """Uuids as bytes, shape (n, 16); None when one of the texts is no uuid."""
    if set(map(len, texts)) - {36}:
        return None
    joined = "".join(texts)
    if not joined.isascii():
        return None
    found = uuids_of(np.frombuffer(joined.encode(), np.uint8).reshape(-1, 36))
    return found.base if isinstance(found, Uniform) else None
