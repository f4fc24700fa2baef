"""A scan that was written, its values in place of what stood for them; no files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..model import Array, ArrayLike, Branch, Channel, Module, Scan
from .gathering import ColumnRef

__all__ = ["with_values"]

Find = Callable[[ColumnRef], ArrayLike | None]


def with_values(scan: Scan, find: Find) -> Scan:
    """A scan whose arrays can be read.

    Parameters
    ----------
    scan
        As it was placed.
    find
        Gives the values of a data key; None where they are in other files, and then
        the array is left out.
    """
    return replace(
        scan,
        trunk=_branch(scan.trunk, find),
        branches=tuple(_branch(branch, find) for branch in scan.branches),
    )


def _branch(branch: Branch, find: Find) -> Branch:
    modules = tuple(
        replace(module, channels=tuple(_channels(module, find)))
        for module in branch.modules
    )
    return replace(branch, modules=modules)


def _channels(module: Module, find: Find) -> Iterator[Channel]:
    for channel in module.channels:
        arrays = tuple(_arrays(channel, find))
        if arrays:
            yield replace(channel, arrays=arrays, errors=(), backgrounds=())


def _arrays(channel: Channel, find: Find) -> Iterator[Array]:
    for array in channel.arrays:
        if isinstance(array.data, ColumnRef):
            values = find(array.data)
            if values is None:
                continue
            array = replace(array, data=values)
        yield array
