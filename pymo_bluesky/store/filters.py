"""HDF5's filters: those that arrays are written with, and where others come from.

Knows no layouts, no documents. All but gzip come from hdf5plugin, which is imported
when the first array needs it.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any

import h5py

from ..compression import Compression
from ..errors import MissingExtraError

__all__ = ["filters_of", "has_filter", "require"]

# As they are registered with the HDF Group.
_LZ4, _BITSHUFFLE, _ZSTD = 32004, 32008, 32015
_NUMBERS = {"lz4": _LZ4, "bitshuffle": _BITSHUFFLE, "zstd": _ZSTD}
_OF_BITSHUFFLE = (0, 2)  # its own size of blocks; then LZ4


def require(compression: Compression | None) -> None:
    """See that arrays can be compressed so.

    Raises
    ------
    MissingExtraError
        When hdf5plugin, which the library comes with, is not installed.
    """
    if compression is None or compression.library == "gzip":
        return
    if not has_filter(_NUMBERS[compression.library]):
        raise MissingExtraError.of("hdf5plugin", "compression")


def has_filter(number: int) -> bool:
    """Whether HDF5 can undo a filter; hdf5plugin is asked for those it lacks."""
    if h5py.h5z.filter_avail(number):
        return True
    return _plugins() and bool(h5py.h5z.filter_avail(number))


@functools.cache
def _plugins() -> bool:
    try:
        import_module("hdf5plugin")
    except ImportError:
        return False
    return True


def filters_of(
    compression: Compression, shape: tuple[int, ...], itemsize: int
) -> dict[str, Any]:
    """Options of `h5py.Group.create_dataset`; none for an array that is too small.

    Raises
    ------
    MissingExtraError
        As `require`.
    """
    chunks = compression.chunks(shape, itemsize)
    if chunks is None:
        return {}
    require(compression)
    if compression.library == "gzip":
        return {
            "chunks": chunks,
            "shuffle": True,
            "compression": "gzip",
            "compression_opts": compression.level,
        }
    options = {
        "lz4": (),
        "bitshuffle": _OF_BITSHUFFLE,
        "zstd": (compression.level,),
    }[compression.library]
    return {
        "chunks": chunks,
        # Bytes of equal weight side by side: bitshuffle does more than that itself.
        "shuffle": compression.library == "zstd",
        "compression": _NUMBERS[compression.library],
        "compression_opts": options,
    }
