"""PyMoDAQ's scans as bluesky plans; knows no file.

Each is a plan like bluesky's own: ``RE(scan_1d([camera], x, 0, 1, num=11))``.
"""

from .stepping import (
    rel_scan_1d,
    rel_scan_2d,
    rel_sequential,
    scan_1d,
    scan_2d,
    sequential,
)

__all__ = [
    "rel_scan_1d",
    "rel_scan_2d",
    "rel_sequential",
    "scan_1d",
    "scan_2d",
    "sequential",
]
