"""Bluesky and PyMoDAQ joined, both ways.

Bluesky runs become PyMoDAQ datasets (HDF5 files with scans, detectors, settings and
ROIs), and datasets become Bluesky documents again. Names load on first use, so that
reading a file imports neither bluesky nor ophyd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import lazily
from ._version import VERSION as __version__
from .errors import Problem, PymoError

if TYPE_CHECKING:
    from .catalog import open_catalog
    from .converting import convert
    from .exporting import export
    from .instrument import load_devices
    from .reader import open_dataset, replay, validate
    from .recovery import recover
    from .relocating import relocate
    from .verifying import verify
    from .writer import PymodaqWriter

__all__ = [
    "Problem",
    "PymoError",
    "PymodaqWriter",
    "__version__",
    "convert",
    "export",
    "load_devices",
    "open_catalog",
    "open_dataset",
    "recover",
    "relocate",
    "replay",
    "validate",
    "verify",
]

_HOME = {
    "PymodaqWriter": "writer",
    "convert": "converting",
    "export": "exporting",
    "load_devices": "instrument",
    "open_catalog": "catalog",
    "open_dataset": "reader",
    "recover": "recovery",
    "relocate": "relocating",
    "replay": "reader",
    "validate": "reader",
    "verify": "verifying",
}


__getattr__ = lazily(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
