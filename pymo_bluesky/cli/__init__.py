"""The command line `pymo-bluesky`; knows no formats, only what the package offers.

Commands import what they need when they run: those that read load neither bluesky nor
ophyd.
"""

from .command import main

__all__ = ["main"]
