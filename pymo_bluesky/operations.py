"""What is to be written, as data: groups, arrays, slabs; knows no file library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "Append",
    "MakeArray",
    "MakeGroup",
    "Operation",
    "SetAttributes",
    "WriteSlab",
]


@dataclass(frozen=True, slots=True)
class MakeGroup:
    """Make a group. Attribute values are as they go into the file."""

    path: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


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


Operation = MakeGroup | MakeArray | WriteSlab | Append | SetAttributes
