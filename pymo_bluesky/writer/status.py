"""How a writer fares, in numbers and words; knows no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Problem
from ..journal import Pending

__all__ = ["Status"]


def _nothing() -> Pending:
    return Pending()


@dataclass(slots=True)
class Status:
    """How a writer fares.

    Attributes
    ----------
    runs
        Runs that are open.
    written
        Scans that are in a dataset.
    problems
        What could not be shown in a scan as it was, and what threatens one.
    left
        Journals of runs that could not be put into a dataset; `recover` does it.
    failed
        Of each run during which writing failed, by its uid: what happened first.
    rescued
        Datasets and journals that lie elsewhere, because their own disk failed.

    Examples
    --------
    >>> Status().pending
    Pending(documents=0, bytes=0, seconds=0.0)
    """

    runs: int = 0
    written: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])
    left: list[Path] = field(default_factory=list[Path])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    rescued: list[Path] = field(default_factory=list[Path])
    measure: Callable[[], Pending] = field(default=_nothing, repr=False)

    @property
    def pending(self) -> Pending:
        """What a kill would lose now: documents that are not in a journal yet.

        Always nothing without `max_pending`, unless the disk fails.
        """
        return self.measure()
