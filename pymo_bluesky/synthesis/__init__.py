"""Bluesky documents of scans that PyMoDAQ itself wrote; knows no files."""

from .run import Origin, synthesise

__all__ = ["Origin", "synthesise"]
