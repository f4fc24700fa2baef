"""Which arrays of a damaged file cannot be read; knows no scans, writes nothing."""

from __future__ import annotations

from ..errors import FormatError
from ..store.opening import Tree
from .bounding import arrays_below
from .keeping import blocks_of

__all__ = ["unreadable"]


def unreadable(tree: Tree) -> dict[str, str]:
    """Arrays that cannot be read whole, and why; each is read once.

    Parameters
    ----------
    tree
        Of the file. That its arrays are bounded is to be seen before.

    Returns
    -------
    dict
        Reasons by paths. What is refused unread (a link out of the file, a type that
        is not understood) is no damage.
    """
    found: dict[str, str] = {}
    for node in arrays_below(tree.root):
        try:
            for _ in blocks_of(node):
                pass
        except FormatError as error:
            found[node.path] = str(error)
    return found
