"""The bluesky callback that writes datasets; knows no h5py and no node names."""

from __future__ import annotations

from .callback import PymodaqWriter
from .status import Status

__all__ = ["PymodaqWriter", "Status"]
