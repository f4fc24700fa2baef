"""How a scan enters a dataset, whole or not at all; knows bytes, no HDF5."""

from __future__ import annotations

from .commit import Overlay, appending, creating, roll_back
from .reserving import reserve
from .undo import UNDO

__all__ = ["UNDO", "Overlay", "appending", "creating", "reserve", "roll_back"]
