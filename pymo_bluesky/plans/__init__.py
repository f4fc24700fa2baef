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
from .fly import fly_1d, fly_async
from .learning import adaptive, rel_adaptive
from .logs import log
from .moving import move, rel_move
from .previewing import Preview, preview
from .requiring import required_metadata
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
    "Preview",
    "SnapshotSaving",
    "adaptive",
    "continuous",
    "drop_background",
    "fly_1d",
    "fly_async",
    "log",
    "move",
    "preview",
    "rel_adaptive",
    "rel_move",
    "rel_scan_1d",
    "rel_scan_2d",
    "rel_sequential",
    "rel_tabular",
    "required_metadata",
    "scan_1d",
    "scan_2d",
    "sequential",
    "snapshot",
    "tabular",
    "take_background",
    "timelapse",
]
