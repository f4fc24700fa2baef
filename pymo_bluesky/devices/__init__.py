"""Instruments as ophyd devices; knows nothing of layouts and files."""

from pymo_bluesky.devices.actuator import Actuator
from pymo_bluesky.devices.channel import Axis, Channel, ErrorBars
from pymo_bluesky.devices.detector import Detector, Frames
from pymo_bluesky.devices.dimensions import (
    Detector0D,
    Detector1D,
    Detector2D,
    DetectorND,
)
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.plugins import PluginActuator, PluginDetector
from pymo_bluesky.devices.regions import CircularROI, EllipseROI, LinearROI, RectROI
from pymo_bluesky.devices.roi import Roi
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
    "DetectorND",
    "DeviceError",
    "EllipseROI",
    "ErrorBars",
    "Frames",
    "LinearROI",
    "PluginActuator",
    "PluginDetector",
    "RectROI",
    "Roi",
    "Setting",
]
