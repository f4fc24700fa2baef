"""Which files of a folder can be datasets or journals; looks into none of them."""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FRAMES", "JOURNAL", "changed", "datasets_below", "journals_in"]

JOURNAL = ".journal"
"""Ends the name of the journal of a run that goes on, or was cut off."""

FRAMES = ".frames"
"""Ends the name that the journal of such a run has for the file of its frames."""

_HEAD = 64
_SUFFIXES = (".h5", ".hdf5")


def journals_in(folder: Path) -> list[Path]:
    """Files in a folder that have the name of a journal.

    Examples
    --------
    >>> import tempfile
    >>> journals_in(Path(tempfile.mkdtemp()))
    []
    """
    return list(folder.glob(f"*{JOURNAL}"))


def changed(path: Path, about: os.stat_result) -> int:
    """A number that is another one when a file was changed.

    When it was, in ns since 1970. But while a run goes on its frames may come to the
    dataset, where nothing leads to them: then what the file begins with, which tells
    where it ends, and changes when a scan is added.

    Parameters
    ----------
    path, about
        The file, and what the file system says of it.

    Examples
    --------
    >>> changed(Path("a.h5"), os.stat("/")) == os.stat("/").st_mtime_ns
    True
    """
    if about.st_nlink > 1 and stat.S_ISREG(about.st_mode):
        with contextlib.suppress(OSError):
            names = path.resolve().parent.glob(f"*{FRAMES}")
            if any(os.path.samestat(name.stat(), about) for name in names):
                with path.open("rb") as file:
                    return zlib.crc32(file.read(_HEAD))
    return about.st_mtime_ns


def datasets_below(
    directory: str | os.PathLike[str],
) -> Iterator[tuple[Path, os.stat_result]]:
    """Files in a folder, and below, that have the name of an HDF5 file.

    What is hidden is left out: it is the unfinished work of a writer. Links to folders
    are not followed.

    Parameters
    ----------
    directory
        The folder.

    Yields
    ------
    tuple
        Path, and what the file system says of it; in the order of the names.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.h5", "a.H5", ".draft.h5", "notes.txt"):
    ...     (folder / name).touch()
    >>> [path.name for path, _ in datasets_below(folder)]
    ['a.H5', 'b.h5']
    """
    for folder, below, names in os.walk(directory):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or not name.lower().endswith(_SUFFIXES):
                continue
            path = Path(folder, name)
            with contextlib.suppress(OSError):  # it was removed meanwhile
                about = path.stat()
                if stat.S_ISREG(about.st_mode):
                    yield path, about
