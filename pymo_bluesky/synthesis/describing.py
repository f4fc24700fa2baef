"""A stream of a scan as an event descriptor: data keys, settings, ROIs; no files.

Names of data keys are the labels that PyMoDAQ shows, as far as they tell the arrays of
a stream apart. What a data key is for PyMoDAQ stands in its member ``pymodaq``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..model import Array, Axis, Branch, Channel, Module
from .configuration import Plain, configured, typed

__all__ = ["SECONDS", "Column", "Described", "allowed", "describe"]

SECONDS = ("s", "second", "seconds")
"""Units of the time axes of continuous saves and data loggers."""

_LAST_EPOCH = 1e8  # seconds: larger times count from 1970, smaller from the start


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one data key holds: an array of the scan, or positions along an axis.

    Attributes
    ----------
    key, owner
        The data key, and the object it belongs to.
    array, axis
        One of both is there.
    role
        What it is for PyMoDAQ.
    """

    key: str
    owner: str
    array: Array | None = None
    axis: Axis | None = None
    role: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A stream in the words of a descriptor.

    Attributes
    ----------
    columns
        Its data keys, positions first.
    clock
        The axis that holds the times of the events, if one does.
    left_out
        Labels of arrays that do not fit the stream's shape.
    """

    columns: tuple[Column, ...]
    clock: Axis | None
    left_out: tuple[str, ...]
    _branch: Branch

    @property
    def dimensions(self) -> list[list[str]]:
        """Data keys of the positions along each navigation dimension."""
        found: dict[int, list[str]] = {}
        for column in self.columns:
            if column.axis is not None:
                found.setdefault(column.axis.index, []).append(column.key)
        if not found:
            return [["time"]]
        return [found[index] for index in sorted(found)]

    def descriptor(self, time: float) -> Plain:
        """The descriptor, but for its uid, its run and its name."""
        shape = self._branch.shape
        keys = {c.key: _data_key(c, len(shape)) for c in self.columns}
        owners: dict[str, list[str]] = {c.owner: [] for c in self.columns}
        for column in self.columns:
            owners[column.owner].append(column.key)
        for module in self._branch.modules:
            owners.setdefault(module.title, [])
        hinted = {
            owner: {"fields": [key for key in own if not keys[key]["shape"]]}
            for owner, own in owners.items()
        }
        return {
            "data_keys": keys,
            "object_keys": owners,
            "configuration": self._configuration(time, owners),
            "hints": hinted,
            "time": time,
        }

    def _configuration(self, time: float, owners: Mapping[str, Any]) -> Plain:
        configuration: Plain = {
            owner: {"data": {}, "timestamps": {}, "data_keys": {}} for owner in owners
        }
        for module in self._branch.modules:
            home = configuration[module.title]
            own = {
                id(column.array): column.key
                for column in self.columns
                if column.array is not None and column.owner == module.title
            }
            for key, value, about in configured(module, own):
                name = _unused(allowed(key), home["data"])
                home["data"][name] = value
                home["timestamps"][name] = time
                home["data_keys"][name] = about
        return configuration


def describe(branch: Branch) -> Described:
    """What the data keys of a stream are.

    Parameters
    ----------
    branch
        The stream.
    """
    clock = _clock(branch)
    used: dict[str, Any] = {"time": None}  # event.time has this name in a table
    columns: list[Column] = []
    for number, axis in enumerate(branch.axes):
        if axis is clock:
            continue
        key = _unused(allowed(axis.label or f"axis_{number}"), used)
        used[key] = None
        owner = _owner(branch, axis) or key
        role = {"role": "setpoint"}
        columns.append(Column(key=key, owner=owner, axis=axis, role=role))
    left_out: list[str] = []
    names = _names(branch)
    named: dict[int, str] = {}
    for module, channel, array, role in _arrays(branch):
        if array.data.shape[: len(branch.shape)] != branch.shape:
            left_out.append(f"{module.title}/{channel.title}/{array.label}")
            continue
        name = names[module.title, channel.title, array.label]
        key = _unused(allowed(name or "data"), used)
        used[key] = named[id(array)] = key
        found = {**role, "channel": channel.title, "label": array.label}
        if "of" in found:
            found["of"] = named.get(id(found["of"]), "")
        columns.append(Column(key=key, owner=module.title, array=array, role=found))
    return Described(
        columns=tuple(columns),
        clock=clock,
        left_out=tuple(left_out),
        _branch=branch,
    )


def _names(branch: Branch) -> dict[tuple[str, str, str], str]:
    """A name for each array: as short as tells it from the others."""
    found = [(m.title, c.title, a.label) for m, c, a, _ in _arrays(branch)]
    forms = (
        {place: place[2] for place in found},
        {place: f"{place[0]}_{place[2]}" for place in found},
        {place: f"{place[0]}_{place[1]}" for place in found},
        {place: "_".join(place) for place in found},
    )
    counts = [Counter(form[place] for place in found) for form in forms]
    axes = {axis.label for axis in branch.axes}
    return {
        place: next(
            (
                form[place]
                for form, count in zip(forms, counts, strict=True)
                if count[form[place]] == 1 and form[place] not in axes
            ),
            forms[-1][place],
        )
        for place in found
    }


def _clock(branch: Branch) -> Axis | None:
    """The axis of a continuous save or a data logger that counts from 1970."""
    if not branch.growing or len(branch.axes) != 1:
        return None
    axis = branch.axes[0]
    values = np.asarray(axis.values)
    counted = axis.units in SECONDS and values.dtype.kind in "fiu"
    return axis if counted and bool(np.all(values > _LAST_EPOCH)) else None


def _owner(branch: Branch, axis: Axis) -> str:
    titles = [m.title for m in branch.modules if m.kind == "actuator"]
    wanted = allowed(axis.label)
    return next((title for title in titles if title == wanted), "")


def _arrays(branch: Branch) -> Iterator[tuple[Module, Channel, Array, Plain]]:
    for module in branch.modules:
        for channel in module.channels:
            calculated = {"source": "calculated"}
            role = calculated if channel.source == "calculated" else {}
            for array in channel.arrays:
                yield module, channel, array, role
            for kind, parts in (
                ("error", channel.errors),
                ("background", channel.backgrounds),
            ):
                for of, array in zip(channel.arrays, parts, strict=False):
                    label = f"{of.label}_{kind}"
                    named = Array(label=label, data=array.data, units=array.units)
                    yield module, channel, named, {"role": kind, "of": of}


def allowed(name: str) -> str:
    """A name as documents allow it for a key: without dots and slashes.

    Examples
    --------
    >>> allowed("I/I0 v1.2")
    'I_I0 v1_2'
    """
    return name.replace(".", "_").replace("/", "_")


def _unused(name: str, used: Mapping[str, Any]) -> str:
    if name not in used:
        return name
    number = 2
    while f"{name}_{number}" in used:
        number += 1
    return f"{name}_{number}"


def _data_key(column: Column, navigation: int) -> Plain:
    if column.array is not None:
        dtype = column.array.data.dtype
        shape = column.array.data.shape[navigation:]
        units = column.array.units
    else:
        axis = cast(Axis, column.axis)
        dtype, shape, units = np.asarray(axis.values).dtype, (), axis.units
    about = typed(dtype, shape)
    about["source"] = f"PyMoDAQ:{column.owner}"
    about["object_name"] = column.owner
    about["pymodaq"] = dict(column.role)
    if units:
        about["units"] = units
    return about
