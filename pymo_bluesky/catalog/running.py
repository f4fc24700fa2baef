"""Runs that are measured now, or were when a program died; knows no datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import JournalError
from ..journal import SUFFIX, Journal
from .entries import date_of

__all__ = ["OpenRun", "open_runs"]


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is in a journal and not in its dataset yet.

    Attributes
    ----------
    journal, path
        The journal, and the dataset that the run will be in.
    start
        Its start document.
    running
        Whether its program lives; otherwise `pymo_bluesky.recover` makes a scan of it.
    """

    journal: Path
    path: Path
    start: Mapping[str, Any]
    running: bool

    @property
    def status(self) -> str:
        """``"running"`` or ``"interrupted"``."""
        return "running" if self.running else "interrupted"

    def __repr__(self) -> str:
        began = self.start.get("time")
        date = date_of(began) if isinstance(began, int | float) else ""
        return (
            f"<{self.status} run {self.start.get('plan_name') or ''}, {date}, uid "
            f"{str(self.start.get('uid'))[:8]}: {self.path.name}>"
        )


def open_runs(directory: Path) -> Iterator[OpenRun]:
    """Runs that are in journals of a folder and below, by the journals' names.

    Those that hold no start document yet are left out, and those that cannot be read:
    `recover` tells of them.
    """
    for path in sorted(directory.rglob(f"*{SUFFIX}")):
        try:
            alive = Journal.is_alive(path)
            journal = Journal(path)
            name, start = next(iter(journal), ("", {}))
        except (JournalError, OSError):  # gone, empty, damaged, or of another user
            continue
        if name == "start":
            # A damaged name is left to `recover`, which refuses it by name.
            dataset = Path(str(journal.about.get("dataset", ""))).name or path.name
            yield OpenRun(path, path.with_name(dataset), start, alive)
