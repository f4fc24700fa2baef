"""What is to be written, as data: groups, arrays, slabs; knows no file library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Append",
    "InPlace",
    "Link",
    "MakeArray",
    "MakeGroup",
    "MakeVirtual",
    "Operation",
    "Relink",
    "SetAttributes",
    "Slab",
    "VirtualPart",
    "WriteSlab",
]


@dataclass(frozen=True, slots=True)
class MakeGroup:
    """Make a group. Attribute values are as they go into the file."""

    path: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class InPlace:
    """An array whose values lie where it can have them, in the file that it goes to.

    Attributes
    ----------
    place
        Where the first value is, in bytes.
    shape, dtype
        Of the array.
    unused
        Points, along all axes but those of a row, of which no row lies there: the first
        of those that follow each other, and how many.
    row_bytes
        Of a row.
    otherwise
        How many points have a row that lies elsewhere, and is to be written.
    fill
        What is to stand where none lies.
    """

    place: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    unused: Sequence[Sequence[int]]
    row_bytes: int
    otherwise: int = 0
    fill: Any = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeArray:
    """Make an array.

    Attributes
    ----------
    path, attributes
        Where, and its attributes as they go into the file.
    shape, dtype
        Of the whole array.
    data
        Its values, when they are known at once.
    fill
        What stands where nothing is written.
    growing
        The first dimension can grow later (PyTables' EARRAY): chunked.
    text
        Rows are of variable length (PyTables' VLARRAY of uint8).
    packed
        Compressed and checksummed (for what is read whole: JSON).
    place
        Where its values may lie already, in bytes (`InPlace`).
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data: np.ndarray | None = None
    fill: Any = None
    growing: bool = False
    text: bool = False
    packed: bool = False
    place: int | None = None


class Slab(NamedTuple):
    """A regular selection: along each axis, so many blocks that are a stride apart."""

    start: tuple[int, ...]
    stride: tuple[int, ...]
    blocks: tuple[int, ...]
    block: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VirtualPart:
    """A part of a virtual array: what of which array in another file stands where.

    Attributes
    ----------
    file
        Its path, relative to the folder of the dataset.
    dataset, shape
        Path and shape of the array in that file.
    taken, placed
        What of it, and where in the virtual array: as many values.
    """

    file: str
    dataset: str
    shape: tuple[int, ...]
    taken: Slab
    placed: Slab


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeVirtual:
    """Make an array whose values lie in other files (HDF5's virtual dataset).

    Attributes
    ----------
    path, attributes, shape, dtype, fill
        As for `MakeArray`.
    parts
        Where the values are.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    parts: tuple[VirtualPart, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fill: Any = None


@dataclass(frozen=True, slots=True)
class Link:
    """Give a node that is there another name (HDF5's hard link)."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Relink:
    """Let a virtual array take its values from files of other names.

    Attributes
    ----------
    path
        Of the array.
    files
        New names by the old ones; what is not in it stays.
    """

    path: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WriteSlab:
    """Write values at a place of an array: `start` counts along its first axes."""

    path: str
    start: tuple[int, ...]
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Append:
    """Append rows to a growing array; bytes for a text array are one row."""

    path: str
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class SetAttributes:
    """Set attributes of a node that is there."""

    path: str
    attributes: Mapping[str, Any]


Operation = (
    MakeGroup
    | MakeArray
    | MakeVirtual
    | Link
    | Relink
    | WriteSlab
    | Append
    | SetAttributes
)
