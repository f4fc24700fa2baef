"""How a scan enters a dataset, whole or not at all; knows bytes, no HDF5."""

from __future__ import annotations

from .commit import Overlay, appending, creating, roll_back

__all__ = ["Overlay", "appending", "creating", "roll_back"]
