"""The errors of devices; knows nothing of ophyd."""

from __future__ import annotations

from pymo_bluesky.errors import PymoError

__all__ = ["DeviceError"]


class DeviceError(PymoError, ValueError):
    """A device was declared, set or read in a way that cannot work."""
