"""A finished file gets its name, or nothing does; knows nothing of what is in it."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from .errors import WriteError

__all__ = ["publish"]


def publish(draft: Path, final: Path) -> None:
    """Give a finished file its name, and take it from nobody.

    Parameters
    ----------
    draft
        The file, on the same file system.
    final
        Its path from now on.

    Raises
    ------
    WriteError
        When the name is taken, or the folder cannot be written; nothing is replaced.
    """
    try:
        _link(draft, final)
    except FileExistsError as error:
        raise WriteError(
            errno.EEXIST,
            f"{final} exists already (another program made it meanwhile?) and is not "
            "replaced; move it away, or choose another name",
        ) from error
    except OSError as error:
        raise WriteError(
            error.errno, f"{final} cannot be written: {error.strerror}"
        ) from error


def _link(draft: Path, final: Path) -> None:
    try:
        final.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some shares): claim the name, then take it.
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        try:
            draft.replace(final)
        except OSError:
            with contextlib.suppress(OSError):
                final.unlink()
            raise
