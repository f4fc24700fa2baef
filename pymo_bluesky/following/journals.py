"""Which journals belong to a dataset; knows no documents and no layouts."""

from __future__ import annotations

from pathlib import Path

from ..errors import JournalError
from ..folders import journals_in
from ..journal import Journal

__all__ = ["journals_of"]


def journals_of(dataset: Path) -> list[Path]:
    """Journals of the runs that are to go into a dataset, the oldest first.

    Examples
    --------
    >>> import tempfile
    >>> journals_of(Path(tempfile.mkdtemp(), "Dataset_20260101_000.h5"))
    []
    """
    found: list[tuple[float, Path]] = []
    for path in journals_in(dataset.parent):
        try:
            if Journal(path).about.get("dataset") == dataset.name:
                found.append((path.stat().st_ctime, path))
        except (OSError, JournalError):
            continue  # gone just now, just begun, or of another program
    return [path for _, path in sorted(found)]
