"""The errors of PyMoDAQ plugins; knows nothing of Qt, PyMoDAQ or ophyd."""

from __future__ import annotations

from pymo_bluesky.devices.errors import DeviceError

__all__ = ["PluginError", "PluginTimeoutError"]


class PluginError(DeviceError):
    """A PyMoDAQ plugin cannot be had, or failed at what it was asked for."""


class PluginTimeoutError(PluginError, TimeoutError):
    """A PyMoDAQ plugin did not answer, or did not finish, in time."""
