"""What PyMoDAQ's modules do, as bluesky plans; knows no layout of files.

Each is a plan like bluesky's own: ``RE(scan_1d([camera], x, 0, 1, num=11))``.
"""

from .acquiring import (
    continuous,
    drop_background,
    snapshot,
    take_background,
    timelapse,
)
from .learning import adaptive, rel_adaptive
from .logs import log
from .moving import move, rel_move
from .saving import ContinuousSaving, SnapshotSaving
from .stepping import (
    rel_scan_1d,
    rel_scan_2d,
    rel_sequential,
    scan_1d,
    scan_2d,
    sequential,
)
from .tables import rel_tabular, tabular

__all__ = [
    "ContinuousSaving",
    "SnapshotSaving",
    "adaptive",
    "continuous",
    "drop_background",
    "log",
    "move",
    "rel_adaptive",
    "rel_move",
    "rel_scan_1d",
    "rel_scan_2d",
    "rel_sequential",
    "rel_tabular",
    "scan_1d",
    "scan_2d",
    "sequential",
    "snapshot",
    "tabular",
    "take_background",
    "timelapse",
]
