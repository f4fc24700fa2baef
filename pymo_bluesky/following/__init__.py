"""Runs while they go on, read by another process; knows journals, writes nothing.

The writer is not asked and does not wait: what it has acknowledged is in the run's
journal, and that is read without a lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from .datasets import LiveDataset, RunningScan, open_live
    from .documents import follow, require_plain
    from .journals import journals_of

__all__ = [
    "LiveDataset",
    "RunningScan",
    "follow",
    "journals_of",
    "open_live",
    "require_plain",
]

__getattr__ = lazily(
    __name__,
    {
        "LiveDataset": "datasets",
        "RunningScan": "datasets",
        "follow": "documents",
        "journals_of": "journals",
        "open_live": "datasets",
        "require_plain": "documents",
    },
)
