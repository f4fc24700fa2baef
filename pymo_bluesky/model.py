"""Datasets, scans and what is in them, in PyMoDAQ's words; knows no file format.

These frozen classes are what a layout places into a tree and what it recognises in
one. Arrays are lazy: anything with ``shape``, ``dtype`` and slicing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

__all__ = [
    "Array",
    "ArrayLike",
    "Axis",
    "Branch",
    "Channel",
    "Module",
    "ModuleKind",
    "Scan",
]

ModuleKind = Literal["actuator", "detector"]
Source = Literal["raw", "calculated"]


class ArrayLike(Protocol):
    """What stands for an array without being read: numpy's, h5py's, ours."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """Part of it, as numpy array."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Positions along one dimension of an array.

    Attributes
    ----------
    label, units
        As PyMoDAQ shows them.
    values
        Shape (n,).
    index
        The dimension it lies on: of the navigation for a navigation axis, else of the
        signal (0 is the slowest; an image has y = 0, x = 1).
    spread_order
        Rank among the axes of a spread scan, which share one dimension.
    """

    label: str
    units: str = ""
    values: Any
    index: int = 0
    spread_order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """One array of a channel: what one data key measured over the scan.

    Attributes
    ----------
    label
        The data key (of files that PyMoDAQ wrote: PyMoDAQ's label).
    data
        Shape: navigation, then signal.
    units
        Of the values.
    elsewhere
        Its values lie in other files, so it cannot grow with its branch.
    """

    label: str
    data: ArrayLike
    units: str = ""
    elsewhere: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Arrays of equal shape that share their signal axes (PyMoDAQ's DataWithAxes).

    Attributes
    ----------
    title
        Name of the channel.
    dimension
        ``Data0D``, ``Data1D``, ``Data2D`` or ``DataND``: of one point's signal.
    arrays, axes
        The arrays; their signal axes.
    source
        ``raw``, or ``calculated`` (from a ROI).
    origin
        The module, or the ROI, that made it.
    errors, backgrounds
        Error bars and backgrounds, in the order of `arrays`.
    """

    title: str
    dimension: str
    arrays: tuple[Array, ...]
    axes: tuple[Axis, ...] = ()
    source: Source = "raw"
    origin: str = ""
    errors: tuple[Array, ...] = ()
    backgrounds: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """An actuator or a detector of a scan, with its settings and channels.

    Attributes
    ----------
    name
        ``Detector000``, when it was read from a file.
    settings
        PyMoDAQ's Parameter tree as XML; empty when there is none.
    history
        Earlier settings of the same run, oldest first, as (time, XML).
    """

    kind: ModuleKind
    title: str
    name: str = ""
    settings: bytes = b""
    channels: tuple[Channel, ...] = ()
    history: tuple[tuple[float, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One stream of a run: its navigation, and the modules that were read in it.

    Attributes
    ----------
    title
        Name of the stream.
    shape
        Points along each navigation dimension.
    axes
        Navigation axes.
    spread
        All axes lie on one dimension: positions, not a grid.
    growing
        The number of points was not known beforehand.
    started
        When the run began, seconds since 1970.
    visits
        Flat point of each row in the order of visiting, shape (rows,).
    """

    title: str
    shape: tuple[int, ...] = ()
    axes: tuple[Axis, ...] = ()
    spread: bool = False
    growing: bool = False
    modules: tuple[Module, ...] = ()
    timestamps: Array | None = None
    visited: Array | None = None
    visits: np.ndarray | None = None
    started: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One run: the stream that was scanned, and the other streams.

    Attributes
    ----------
    name
        ``Scan000``.
    attributes
        author, date_time, scan_type, scan_sub_type, description, uid, plan_name,
        exit_status, reason… as far as they are known.
    settings
        XML of the scan's own settings.
    """

    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    settings: bytes = b""
    trunk: Branch
    branches: tuple[Branch, ...] = ()
