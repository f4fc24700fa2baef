"""Where a virtual array takes its values from, as bytes to compare; knows no files."""

from __future__ import annotations

from typing import Any

from h5py import h5s  # pyright: ignore[reportAttributeAccessIssue]

__all__ = ["mapping"]


def mapping(properties: Any) -> bytes:
    """Which part of which array of which file each part of a virtual array shows.

    Parameters
    ----------
    properties
        Its creation properties; the same before and after the file was closed.
    """
    return b"".join(
        properties.get_virtual_filename(n).encode("utf-8", "surrogateescape")
        + b"\0%s\0" % properties.get_virtual_dsetname(n).encode("utf-8", "replace")
        + _selection(properties.get_virtual_srcspace(n))
        + _selection(properties.get_virtual_vspace(n))
        for n in range(properties.get_virtual_count())
    )


def _selection(space: Any) -> bytes:
    kind, shape = space.get_select_type(), space.get_simple_extent_dims()
    if kind != h5s.SEL_HYPERSLABS:
        return f"{shape} {kind}".encode()
    if not space.is_regular_hyperslab():
        return f"{shape} {space.get_select_hyper_blocklist().tolist()}".encode()
    slab = zip(*space.get_regular_hyperslab(), strict=True)
    # HDF5 tells one block of three as three blocks of one when it has read it again.
    parts = [
        (start, count * block)
        if count == 1 or stride == block
        else (start, stride, count, block)
        for start, stride, count, block in slab
    ]
    return f"{shape} {parts}".encode()
