"""How the arrays of a dataset are compressed, as users name it; knows no HDF5."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from .errors import PymoError

__all__ = ["Compression", "Library", "compression_named", "compression_of"]

Library = Literal["none", "gzip", "lz4", "bitshuffle", "zstd"]

_USUAL = {"gzip": 4, "lz4": 1, "bitshuffle": 1, "zstd": 3}

_SMALLEST = 16 * 2**10
_CHUNK_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class Compression:
    """A library, and how hard it tries.

    Attributes
    ----------
    library
        ``"gzip"``, which every HDF5 reads; ``"lz4"``, ``"bitshuffle"`` (bits sorted,
        then LZ4) or ``"zstd"``, which a reader needs hdf5plugin for.
    level
        1 (fast) to 9 (small). LZ4 has one level only, and takes any of them for it.
    """

    library: Library
    level: int

    def about(self) -> dict[str, Any]:
        """What a journal tells of it, for who makes the scan in the writer's stead."""
        return {"compression": self.library, "compression_level": self.level}

    @staticmethod
    def chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...] | None:
        """Shape of the pieces that are compressed one by one; None: not worth it.

        A piece holds whole rows of the last axes and stays small: what writes a part of
        one (a spectrum of a scan in random order) has to unpack and pack it anew.

        Parameters
        ----------
        shape, itemsize
            Of the array, in values and bytes.

        Examples
        --------
        >>> Compression.chunks((200, 1024, 1024), 2)
        (1, 128, 1024)
        >>> Compression.chunks((1_000_000,), 8)
        (32768,)
        >>> Compression.chunks((50,), 8) is None
        True
        """
        if math.prod(shape) * itemsize < _SMALLEST:
            return None
        room, chunks = max(1, _CHUNK_BYTES // itemsize), [1] * len(shape)
        for axis in reversed(range(len(shape))):
            chunks[axis] = min(shape[axis], room)
            room //= chunks[axis]
            if chunks[axis] < shape[axis]:
                break
        return tuple(chunks)


def compression_named(
    library: str | None, level: int | None = None
) -> Compression | None:
    """What is asked for by its name and a level; None for none.

    Raises
    ------
    PymoError
        For a library or level that is not known.

    Examples
    --------
    >>> compression_named("gzip")
    Compression(library='gzip', level=4)
    >>> compression_named("zstd", 0) is None and compression_named("none") is None
    True
    """
    names = get_args(Library)
    if library is not None and library not in names:
        raise PymoError(
            f"compression={library!r} is not known; give one of "
            f"{', '.join(map(repr, names))}"
        )
    if level is not None and (isinstance(level, bool) or level not in range(10)):
        raise PymoError(
            f"compression_level={level!r}: a whole number from 0 (none) to 9 (the "
            "smallest) is expected"
        )
    if library in (None, "none") and level:
        raise PymoError(
            f"compression_level={level} without a library; give compression= one of "
            f"{', '.join(map(repr, names[1:]))} too"
        )
    if library in (None, "none") or level == 0:
        return None
    return Compression(
        cast(Library, library), _USUAL[library] if level is None else int(level)
    )


def compression_of(about: Mapping[str, Any]) -> Compression | None:
    """What a journal tells; None when it tells nothing that this version knows.

    Examples
    --------
    >>> compression_of(Compression("lz4", 1).about())
    Compression(library='lz4', level=1)
    >>> compression_of({"compression": "of tomorrow"}) is None
    True
    """
    try:
        return compression_named(
            about.get("compression"), about.get("compression_level")
        )
    except PymoError:
        return None
