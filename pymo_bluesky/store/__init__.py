"""HDF5: operations into a file, nodes out of one. No dataset is opened elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from .nodes import Node
    from .opening import Tree, open_tree
    from .staying import Reserved
    from .texts import attribute_as_read
    from .writing import append_to, create

__all__ = [
    "Node",
    "Reserved",
    "Tree",
    "append_to",
    "attribute_as_read",
    "create",
    "open_tree",
]

__getattr__ = lazily(
    __name__,
    {
        "Node": "nodes",
        "Reserved": "staying",
        "Tree": "opening",
        "append_to": "writing",
        "attribute_as_read": "texts",
        "create": "writing",
        "open_tree": "opening",
    },
)
