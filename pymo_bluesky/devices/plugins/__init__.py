"""PyMoDAQ's plugins as ophyd devices; imports Qt and PyMoDAQ when one is built."""

from pymo_bluesky.devices.plugins.actuator import PluginActuator
from pymo_bluesky.devices.plugins.detector import PluginDetector
from pymo_bluesky.devices.plugins.errors import PluginError, PluginTimeoutError
from pymo_bluesky.devices.plugins.finding import Plugin, find_plugins

__all__ = [
    "Plugin",
    "PluginActuator",
    "PluginDetector",
    "PluginError",
    "PluginTimeoutError",
    "find_plugins",
]
