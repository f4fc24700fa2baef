"""The append-only record of one run's documents; knows no HDF5 and no layouts."""

from __future__ import annotations

from .appending import JournalWriter
from .beside import FRAMES, frames_of, remove_journal
from .outbox import Bound, DelayedOutbox, Elsewhere, Outbox, Pending
from .records import ABOUT, SUFFIX, EmptyJournalError, Journal, JournalTail, abandoned
from .rowing import IN, Large
from .slots import Slots

__all__ = [
    "ABOUT",
    "FRAMES",
    "IN",
    "SUFFIX",
    "Bound",
    "DelayedOutbox",
    "Elsewhere",
    "EmptyJournalError",
    "Journal",
    "JournalTail",
    "JournalWriter",
    "Large",
    "Outbox",
    "Pending",
    "Slots",
    "abandoned",
    "frames_of",
    "remove_journal",
]
