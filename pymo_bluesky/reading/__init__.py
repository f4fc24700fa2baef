"""Datasets as they are looked at: lazily, and whatever PyMoDAQ wrote them."""

from .dataset import Dataset
from .scan import Scan, Scans
from .stream import Module, Stream

__all__ = ["Dataset", "Module", "Scan", "Scans", "Stream"]
