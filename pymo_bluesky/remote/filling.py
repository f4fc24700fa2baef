"""Journals of a publisher, from which gaps are filled; knows no sockets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..building import documents_of
from ..errors import JournalError
from ..journal import SUFFIX, Journal, JournalWriter
from ..names import safe_name

__all__ = ["PublishedRuns"]

DATASET = "published.h5"
"""What `recover` makes of the journals, where the writer lost them altogether."""


class PublishedRuns:
    """A folder with the journals of published runs.

    Parameters
    ----------
    folder
        The same that the publisher was given, or a copy, or where it is mounted.

    Examples
    --------
    >>> list(PublishedRuns(Path("nowhere")).documents("4b1d", 0))
    []
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()

    def begin(self, run: str, publisher: str) -> JournalWriter:
        """Make the journal of a run that starts.

        Raises
        ------
        WriteError
            When it cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"run": run, "dataset": DATASET, "layout": "pymodaq5"}
        return JournalWriter(self._path(run), {**about, "publisher": publisher})

    def documents(
        self, run: str, first: int, last: int | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents of a run from one number up to before another."""
        try:
            journal = Journal(self._path(run))
        except (OSError, JournalError):
            return
        yield from islice(documents_of(journal), first, last)  # type: ignore[misc]

    def runs(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Uids of the runs that are here, and what their journals are for."""
        for path in self._paths():
            try:
                about = Journal(path).about
            except (OSError, JournalError):
                continue  # removed, or begun just now
            yield str(about.get("run", "")), about

    def prune(self, keep: int) -> None:
        """Remove the oldest journals but some; those that are written to stay."""
        for path in self._paths()[: -keep or None]:
            if not Journal.is_alive(path):
                path.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        found = [
            (path.stat().st_mtime, path) for path in self.folder.glob(f"*{SUFFIX}")
        ]
        return [path for _, path in sorted(found)]

    def _path(self, run: str) -> Path:
        return self.folder / f"{safe_name(run, most=100) or uuid4().hex}{SUFFIX}"
