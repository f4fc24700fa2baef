"""How single values are cut out of arrays in other files; opens no file.

Documents tell the shape of a value, files have one of their own: the file's counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol, get_args

import numpy as np

from ..errors import PymoError
from .references import Wanted
from .resources import WHOLE, Source

__all__ = ["Cut", "ExternalFiles", "Found", "Mode", "cut_of", "mode_named"]

Mode = Literal["link", "embed", "ignore"]


def mode_named(name: str) -> Mode:
    """What becomes of external data, by its name.

    Raises
    ------
    PymoError
        For any other name.

    Examples
    --------
    >>> mode_named("embed")
    'embed'
    """
    for mode in get_args(Mode):
        if mode == name:
            return mode
    raise PymoError(f"assets={name!r}: one of 'link', 'embed', 'ignore' is expected")


class Found(NamedTuple):
    """What was found of an array in other files."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Cut(NamedTuple):
    """How one value is cut out of an array, and how the tree shows it.

    Attributes
    ----------
    step, frames
        Value n begins at ``n * step`` along the first axis, and is so many long;
        frames 0: the value is all of it.
    value, signal
        Shape of a value as documents have it, and as the tree has it: a first axis of
        one frame is left out there.
    """

    step: int
    frames: int
    value: tuple[int, ...]
    signal: tuple[int, ...]


class ExternalFiles(Protocol):
    """Looks into external files."""

    @property
    def mode(self) -> Mode:
        """What becomes of external data."""
        ...

    def find(self, source: Source, /) -> Found:
        """Shape and dtype of a source; PymoError when it cannot be read."""
        ...

    def read(self, wanted: Wanted, cut: Cut | None, /) -> np.ndarray:
        """One value; PymoError when it cannot be read."""
        ...

    def name(self, path: str, /) -> str:
        """Name of a file, relative to the folder of the dataset."""
        ...


def cut_of(
    source: Source, found: Found, about: Mapping[str, Any], each: int = 1
) -> Cut | None:
    """How the values of a source are cut out of it; None when they cannot be.

    Parameters
    ----------
    source, found
        What the documents tell, and what there is. Its own shape counts: descriptors
        have one dimension more or less, as their authors liked it.
    about
        The data key.
    each
        How many values of the source make one.

    Examples
    --------
    >>> images = Found((12, 240, 320), np.dtype("u1"))
    >>> source = Source("hdf5", "/data/a.h5", "/entry/data")
    >>> cut_of(source, images, {"shape": [1, 240, 320]})
    Cut(step=1, frames=1, value=(1, 240, 320), signal=(240, 320))
    """
    told = _told_shape(about)
    shape, inner = found.shape, found.shape[1:]
    if source.frames == WHOLE or source.form in ("files", "other"):
        value = (1, *shape) if source.form == "hdf5" else shape
        return Cut(0, 0, value, _squeezed(shape, told))
    if not shape:
        return None
    if source.frames is not None:
        step = source.frames
        value = (step * each, *inner)
        return Cut(step, step * each, value, inner if step * each == 1 else value)
    if len(shape) == len(told) and told:
        step = max(1, told[0])
        value = (step * each, *inner)
        return Cut(step, step * each, value, inner if step * each == 1 else value)
    value = inner if each == 1 else (each, *inner)
    return Cut(1, each, value, _squeezed(value, told[1:] if told[:1] == (1,) else told))


def _told_shape(about: Mapping[str, Any]) -> tuple[int, ...]:
    shape = about.get("shape")
    if not isinstance(shape, (list, tuple)):
        return ()
    return tuple(n if type(n) is int else 0 for n in shape)


def _squeezed(shape: tuple[int, ...], told: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without first axes of one that nobody told of."""
    while len(shape) > len(told) and shape[:1] == (1,):
        shape = shape[1:]
    return shape
