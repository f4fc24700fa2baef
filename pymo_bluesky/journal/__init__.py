"""The append-only record of one run's documents; knows no HDF5 and no layouts."""

from __future__ import annotations

from .appending import JournalWriter
from .records import ABOUT, SUFFIX, EmptyJournalError, Journal, abandoned

__all__ = [
    "ABOUT",
    "SUFFIX",
    "EmptyJournalError",
    "Journal",
    "JournalWriter",
    "abandoned",
]
