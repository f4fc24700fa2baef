"""Beside a journal: the file in which its frames are, under a name of the journal's."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ..errors import JournalError
from ..filed import Handle
from ..folders import FRAMES

__all__ = ["FRAMES", "frames_of", "opened", "remove_journal"]


def frames_of(journal: Path) -> Path:
    """The journal's own name for the file in which its frames are."""
    return journal.with_suffix(FRAMES)


def remove_journal(journal: Path) -> None:
    """Take away a journal whose run is in its dataset, its name for frames first.

    Raises
    ------
    OSError
        When one cannot be; then the journal stays, and `recover` takes both away.
    """
    frames_of(journal).unlink(missing_ok=True)
    journal.unlink(missing_ok=True)


def opened(folder: Path, names: Sequence[str]) -> Handle:
    """The first of some files in a folder that is there.

    Raises
    ------
    JournalError
        When none is.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    for name in names:
        with contextlib.suppress(OSError):
            fd = os.open(folder / Path(name).name, flags)
            try:
                if stat.S_ISREG(os.fstat(fd).st_mode):
                    return Handle(fd)
            finally:
                os.close(fd)
    raise JournalError(
        f"the frames of this run are in {' or '.join(names) or 'no file'} of {folder}, "
        "which is not there. Put it back, and try again"
    )
