"""A stream's arrays under the names of its data keys; knows no files."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import numpy as np

from ..model import Array, Branch, Channel, Module
from .stream import Stream

__all__ = ["keyed"]


def keyed(stream: Stream) -> Branch:
    """A stream as arrays named by its data keys.

    Error bars and backgrounds are arrays of their own, as in the documents; points that
    give no event are marked as not visited; the clock of a continuous save gives the
    times.

    Parameters
    ----------
    stream
        Of a scan that PyMoDAQ wrote.
    """
    branch, clock = stream.branch, stream.described.clock
    keys = {id(c.array.data): c.key for c in stream.described.columns if c.array}
    names = {id(c.axis): c.key for c in stream.described.columns if c.axis}
    modules = tuple(_module(module, keys) for module in branch.modules)
    axes = tuple(
        replace(axis, label=names.get(id(axis), axis.label)) for axis in branch.axes
    )
    named = replace(branch, axes=axes, modules=modules, visited=_visited(stream))
    if clock is None:
        return named
    times = Array(label="time", data=np.asarray(clock.values, float), units="s")
    kept = tuple(axis for axis in axes if axis.label != clock.label)
    return replace(named, axes=kept, timestamps=times, started=0.0)


def _module(module: Module, keys: dict[int, str]) -> Module:
    channels = tuple(_channel(channel, keys) for channel in module.channels)
    return replace(module, channels=channels)


def _channel(channel: Channel, keys: dict[int, str]) -> Channel:
    parts = (*channel.arrays, *channel.errors, *channel.backgrounds)
    named = tuple(
        replace(array, label=keys[id(array.data)])
        for array in parts
        if id(array.data) in keys
    )
    return replace(channel, arrays=named, errors=(), backgrounds=())


def _visited(stream: Stream) -> Array | None:
    """Which points give an event; None when all of them do."""
    shape = stream.branch.shape
    if stream.branch.visited is not None or len(stream.order) == math.prod(shape):
        return stream.branch.visited
    visited = np.zeros(math.prod(shape), bool)
    visited[cast(np.ndarray, stream.order)] = True
    return Array(label="visited", data=visited.reshape(shape))
