"""One stream of a scan as labelled arrays (xarray); knows neither files nor layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from .errors import MissingExtraError
from .model import Array, Axis, Branch, Channel, Module

__all__ = ["Chunks", "labelled"]

Chunks = int | Literal["auto"] | Mapping[str, int]
"""As xarray has it: ``"auto"``, or points for each dimension that is named."""

_WIDEST = 1024


def labelled(
    branch: Branch,
    beside: Sequence[Array] = (),
    *,
    chunks: Chunks | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """A stream as an `xarray.Dataset`.

    A grid has the dimensions of the plan, named by its motors, with the planned
    positions as coordinates. Any other stream has the one dimension ``time`` (``point``
    where no times are known), and positions that were scanned lie along it.
    There is one variable for each array, named by its label (the data key); where a
    dimension or a coordinate has that name, ``_readback`` is added. Points that were
    not measured hold NaN, and 0 where numbers are whole: the coordinate ``visited``
    tells them apart.

    Parameters
    ----------
    branch
        The stream.
    beside
        What its modules do not hold, or not all of it; of shape (points, ...).
    chunks
        Make lazy arrays of dask of what the modules hold, in such chunks; None: numpy.
    attributes
        Of the whole.

    Returns
    -------
    xarray.Dataset
        Units are in the attributes of each variable.

    Raises
    ------
    MissingExtraError
        When xarray is not installed; with `chunks`, when dask is not.

    Examples
    --------
    >>> x = Axis(label="x", units="mm", values=np.array([0.0, 1.0, 2.0]))
    >>> power = Array(label="power", units="mW", data=np.array([5.0, 6.0, 7.0]))
    >>> channel = Channel(title="power", dimension="Data0D", arrays=(power,))
    >>> meter = Module(kind="detector", title="meter", channels=(channel,))
    >>> branch = Branch(title="primary", shape=(3,), axes=(x,), modules=(meter,))
    >>> float(labelled(branch)["power"].sel(x=1.0))
    6.0
    """
    try:
        import xarray
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("xarray", "xarray") from error
    points = _Points.of(branch)
    table = _Table(
        points,
        dict(points.coordinates(branch)),
        _reader(chunks),
        frozenset(a.label for a in beside),
    )
    for module in branch.modules:
        for channel in module.channels:
            table.add_channel(module, channel)
    for array in beside:
        values = _tidied(np.asarray(array.data[()]))
        shaped = values.reshape(*branch.shape, *values.shape[1:])
        table.add(array.label, replace(array, data=shaped), ())
    return xarray.Dataset(table.variables, table.coordinates, attributes)


def _reader(chunks: Chunks | None) -> Callable[[Array, tuple[str, ...]], Any]:
    """How values are had of an array with named dimensions: now, or when needed."""
    if chunks is None:
        return lambda array, dims: np.asarray(array.data[()])
    try:
        from dask.array import from_array
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("dask", "dask") from error

    def lazily(array: Array, dims: tuple[str, ...]) -> Any:
        data = array.data
        # A dimension that nobody named is whole: one task reads all spectra of a point.
        along: Any = (
            tuple(chunks.get(dim, -1) for dim in dims)
            if isinstance(chunks, Mapping)
            else chunks
        )
        # Not by indices, which HDF5 wants in order; dask's own slices are plain.
        return from_array(data, chunks=along, fancy=False, asarray=True)

    return lazily


@dataclass(frozen=True, slots=True)
class _Points:
    """The dimensions that a scan moves along.

    Attributes
    ----------
    dims
        Their names.
    kept
        Which points of the one dimension are kept; None: all.
    """

    dims: tuple[str, ...]
    grid: bool
    kept: np.ndarray | None = None

    @classmethod
    def of(cls, branch: Branch) -> _Points:
        labels = tuple(axis.label for axis in branch.axes)
        unique = len(set(labels)) == len(labels) == len(branch.shape)
        if unique and not branch.spread and labels != ("time",):
            return cls(labels, grid=True)
        if len(branch.shape) != 1:  # no stream of ours
            dims = tuple(f"point_{n}" for n in range(len(branch.shape)))
            return cls(dims, grid=False)
        dims = ("time" if branch.timestamps is not None else "point",)
        return cls(dims, False, _visited(branch))

    def of_scan(self, values: Any) -> Any:
        """Values at the points that are kept, from values at all points."""
        return values if self.kept is None else values[self.kept]

    def coordinates(self, branch: Branch) -> Iterator[tuple[str, Any]]:
        """Positions and times of the points."""
        for axis in branch.axes:
            if self.grid:
                yield axis.label, _coordinate(axis.label, axis)
            elif axis.label != "time" and (len(axis.values),) == branch.shape:
                values = self.of_scan(np.asarray(axis.values))
                yield axis.label, (self.dims[:1], values, _units(axis.units))
        if branch.timestamps is not None:
            seconds = self.of_scan(np.asarray(branch.timestamps.data[()]))
            since = "1970 (UTC)" if branch.started else "the start of the scan"
            about = {"units": "s", "long_name": f"time since {since}"}
            yield "time", (self.dims, branch.started + seconds, about)
        visited = _visited(branch)
        if self.grid and visited is not None:
            yield "visited", (self.dims, visited)


def _visited(branch: Branch) -> np.ndarray | None:
    """Which points were measured; None when all of them were."""
    if branch.visited is None:
        return None
    visited = np.asarray(branch.visited.data[()]).astype(bool)
    return None if visited.shape != branch.shape or visited.all() else visited


@dataclass(slots=True)
class _Table:
    """The variables of an `xarray.Dataset`, as they come together."""

    points: _Points
    coordinates: dict[str, Any]
    read: Callable[[Array, tuple[str, ...]], Any]
    beside: frozenset[str] = frozenset()
    variables: dict[str, Any] = field(default_factory=dict[str, Any])

    def add_channel(self, module: Module, channel: Channel) -> None:
        """Add the arrays of a channel, with its signal axes as coordinates."""
        axes = [(self._dimension(module, axis), axis) for axis in channel.axes]
        for name, axis in axes:
            self.coordinates.setdefault(name, _coordinate(name, axis))
        dims = {axis.index: name for name, axis in axes}
        companions = [
            (f"{array.label}_{what}", array)
            for what, arrays in (
                ("error", channel.errors),
                ("background", channel.backgrounds),
            )
            for array in arrays
        ]
        named = [(a.label, a) for a in channel.arrays if a.label not in self.beside]
        for name, array in named + companions:
            if name in self.variables:
                name = f"{module.title}_{name}"
            signals = len(array.data.shape) - len(self.points.dims)
            ordered = [dims.get(n, f"{name}_dim_{n}") for n in range(signals)]
            self.add(name, array, tuple(ordered))

    def _dimension(self, module: Module, axis: Axis) -> str:
        """A name for a signal axis that no other axis of the stream has."""
        base = axis.label or f"axis_{axis.index}"
        if not base.startswith(f"{module.title}_"):
            base = f"{module.title}_{base}"
        name = base
        number = 2
        while name in self.variables or not self._fits(name, axis):
            name, number = f"{base}_{number}", number + 1
        return name

    def _fits(self, name: str, axis: Axis) -> bool:
        if name not in self.coordinates:
            return True
        return np.array_equal(self.coordinates[name][1], np.asarray(axis.values))

    def add(self, name: str, array: Array, signal: tuple[str, ...]) -> None:
        """Add one array; `signal` names its last dimensions."""
        unnamed = len(array.data.shape) - len(self.points.dims) - len(signal)
        signal = (*signal, *(f"{name}_dim_{n}" for n in range(unnamed)))
        dims = (*self.points.dims, *signal)
        values = self.points.of_scan(self.read(array, dims))
        about = {**_units(array.units), "data_key": array.label}
        while name in self.coordinates or name in self.variables or name in dims:
            name += "_readback"
        self.variables[name] = (dims, values, about)


def _tidied(values: np.ndarray) -> np.ndarray:
    """Objects that are all short texts, or all numbers, as an array of these."""
    if not values.dtype.hasobject:
        return values
    for kinds in (str, bool | np.bool_, int | float | np.number):
        if values.size and all(isinstance(value, kinds) for value in values.flat):
            tidy = np.array(values.tolist())
            # All texts would take the room of the longest.
            return tidy if tidy.itemsize <= _WIDEST else values
    return values


def _coordinate(name: str, axis: Axis) -> Any:
    return (
        name,
        np.asarray(axis.values),
        {**_units(axis.units), "long_name": axis.label},
    )


def _units(units: str) -> dict[str, str]:
    return {"units": units} if units else {}
