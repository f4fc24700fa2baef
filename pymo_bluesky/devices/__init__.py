"""Instruments as ophyd devices; knows nothing of layouts and files."""

from pymo_bluesky.devices.actuator import Actuator
from pymo_bluesky.devices.channel import Axis, Channel
from pymo_bluesky.devices.detector import (
    Detector,
    Detector0D,
    Detector1D,
    Detector2D,
    Frames,
)
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.roi import CircularROI, EllipseROI, LinearROI, RectROI, Roi
from pymo_bluesky.devices.setting import Setting

__all__ = [
    "Actuator",
    "Axis",
    "Channel",
    "CircularROI",
    "Detector",
    "Detector0D",
    "Detector1D",
    "Detector2D",
    "DeviceError",
    "EllipseROI",
    "Frames",
    "LinearROI",
    "RectROI",
    "Roi",
    "Setting",
]
