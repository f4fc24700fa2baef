"""What a user sees while a run goes on, as callbacks; knows no files of data.

Nothing here disturbs a run: what fails is told once in the log, and shows no more until
the next run. Without a display all views are off.
"""

from __future__ import annotations

from .guarding import has_display
from .pictures import picture_of
from .plots import LivePlots
from .progress import Progress
from .views import LiveCamera, LiveMap, LiveSpectrum

__all__ = [
    "LiveCamera",
    "LiveMap",
    "LivePlots",
    "LiveSpectrum",
    "Progress",
    "has_display",
    "picture_of",
]
