"""Bluesky documents of scans that PyMoDAQ itself wrote; knows no files."""

from .run import Carried, Origin, carried, synthesise

__all__ = ["Carried", "Origin", "carried", "synthesise"]
