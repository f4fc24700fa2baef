"""Whether what a file claims to hold can lie in it; reads no values, knows no scans."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from ..errors import FormatError
from ..store.nodes import Node
from .keeping import MOST_DEPTH, MOST_NODES

__all__ = ["arrays_below", "require_bounded"]

FREE = 256 * 2**20
"""Bytes that any file may claim: rows made ready in advance, and never written."""

RATIO = 1_100
"""Bytes that one byte of a file may claim beside; zlib gives at most 1,030."""


def require_bounded(root: Node, path: Path) -> None:
    """Refuse a file whose copy would fill the disk: nothing is written yet.

    Parameters
    ----------
    root
        Of the file.
    path
        Where it is.

    Raises
    ------
    FormatError
        When its arrays claim more bytes than a file of its size can hold.
    """
    size = path.stat().st_size
    most = FREE + RATIO * size
    claimed = sum(
        math.prod(node.shape) * node.dtype.itemsize for node in arrays_below(root)
    )
    if claimed > most:
        raise FormatError(
            f"{path}: its arrays claim {claimed:,} bytes where the file has {size:,}, "
            f"more than {RATIO:,} for one and {FREE:,} beside; the file may be made to "
            "fill the disk. Nothing was written; read what you need of it with "
            "`open_dataset`, in parts"
        )


def arrays_below(root: Node) -> Iterator[Node]:
    """Arrays that are copied; those whose values are not read, never are."""
    seen: set[int] = set()
    waiting = [(root, 0)]
    # Where a tree is deeper or larger, keeping it says so, and writes nothing either.
    while waiting and len(seen) <= MOST_NODES:
        node, depth = waiting.pop()
        if depth > MOST_DEPTH or node.address in seen:
            continue
        seen.add(node.address)
        if not node.is_array:
            waiting += [(child, depth + 1) for child in node.listing().nodes]
        elif not node.refusal():
            yield node
