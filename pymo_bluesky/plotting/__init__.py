"""Scans as pictures, with axes and units; knows no files of data and no screen."""

from .picture import draw, save, save_map

__all__ = ["draw", "save", "save_map"]
