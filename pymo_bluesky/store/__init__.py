"""HDF5: operations into a file, nodes out of one. No dataset is opened elsewhere."""

from __future__ import annotations

from .nodes import Node
from .opening import Tree, open_tree
from .writing import append_to, create

__all__ = ["Node", "Tree", "append_to", "create", "open_tree"]
