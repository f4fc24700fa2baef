"""Where a run goes on when its own disk fails; knows journals and folders only."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import WriteError
from ..journal import JournalWriter

__all__ = ["Rescue", "rescue_folders"]

log = logging.getLogger("pymo_bluesky")


def rescue_folders() -> list[Path]:
    """Folders for runs whose own disk fails, the best first; they may not exist.

    Examples
    --------
    >>> [folder.name for folder in rescue_folders()]
    ['rescued', 'pymo_bluesky-rescued-...']
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    private = f"pymo_bluesky-rescued-{os.getuid()}"
    return [
        Path(data) / "pymo_bluesky" / "rescued",
        Path(tempfile.gettempdir()) / private,
    ]


class Rescue:
    """Takes over the journals of runs.

    Parameters
    ----------
    folders
        Where they may go, the best first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)

    def take_over(
        self, journal: JournalWriter, about: Mapping[str, Any], error: WriteError
    ) -> JournalWriter:
        """Move a journal that fails; all that was safe in it goes along.

        Raises
        ------
        WriteError
            When there is no folder that takes it.
        """
        reasons = [str(error)]
        for folder in self.folders:
            try:
                return _moved(journal, folder, about)
            except OSError as reason:
                reasons.append(f"{folder}: {reason}")
        raise WriteError(
            error.errno, "; nor can the run go on elsewhere: ".join(reasons)
        ) from error


def _moved(
    journal: JournalWriter, folder: Path, about: Mapping[str, Any]
) -> JournalWriter:
    # Nobody else may read, or prepare, what a run leaves in a folder for all.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise WriteError(f"the folder {folder} belongs to another user")
    new = JournalWriter(folder / journal.path.name, about)
    try:
        journal.move_to(new)
    except BaseException:
        new.discard()
        raise
    return new
