"""HDF5: operations into a file, nodes out of one. Nothing else knows h5py."""

from __future__ import annotations

from .writing import append_to, create, open_tree

__all__ = ["append_to", "create", "open_tree"]
