"""Which other files a dataset may lead to; opens none of them.

A dataset is data that somebody sent, and can name any file of its reader. So nothing
outside is opened unless the reader allows it, everywhere or in some folders.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import FormatError, printable

__all__ = ["ANYWHERE", "NOWHERE", "Allowed", "External"]

External = bool | str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""True: anywhere; False: nowhere; else a folder or several."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Folders whose files may be opened, with all that is below them.

    Attributes
    ----------
    folders
        Their real paths, without links; None: any file.

    Examples
    --------
    >>> allowed = Allowed.of("/data")
    >>> "/data/a.h5" in allowed, "/data/../etc/passwd" in allowed
    (True, False)
    """

    folders: tuple[str, ...] | None = ()

    @classmethod
    def of(cls, external: External) -> Allowed:
        """What a caller said."""
        if isinstance(external, bool):
            return ANYWHERE if external else NOWHERE
        if isinstance(external, str | os.PathLike):
            external = (external,)
        return cls(tuple(os.path.realpath(folder) for folder in external))

    @classmethod
    def around(cls, dataset: str | os.PathLike[str]) -> Allowed:
        """The folders that a dataset lies among.

        These are the base folder (above PyMoDAQ's folders of years and days) and its
        neighbours, where detectors keep their files; but no neighbours where those
        would be all of the user's files, or of the system's.

        Examples
        --------
        >>> Allowed.around("/data/lab/2026/20261122/Dataset_20261122_000.h5").folders
        ('/data',)
        """
        base = Path(os.path.realpath(dataset)).parent
        while base.name.isdecimal():
            base = base.parent
        wide = base.parent
        homes = (Path(os.path.realpath(Path.home())), Path("/home"), Path("/"))
        narrow = any(home.is_relative_to(wide) for home in homes)
        return cls((str(base if narrow else wide),))

    def __bool__(self) -> bool:
        """Whether any file may be opened at all."""
        return self.folders is None or bool(self.folders)

    def __contains__(self, path: str | os.PathLike[str]) -> bool:
        """Whether a file may be opened; links on the way to it are followed first."""
        if self.folders is None:
            return True
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):  # a NUL byte in it, links in a circle
            return False
        return any(real.is_relative_to(folder) for folder in self.folders)

    def check(self, path: str | os.PathLike[str]) -> None:
        """Refuse a file that may not be opened.

        Raises
        ------
        FormatError
            That says how to allow it.
        """
        if path in self:
            return
        folders = ", ".join(printable(folder) for folder in self.folders or ())
        raise FormatError(
            f"{printable(os.fspath(path))} is not opened: it lies outside of "
            f"{folders or 'the dataset'}. If you trust the dataset, name the folders "
            "that it may lead to: external=[folder, ...], or external=True for any"
        )


ANYWHERE = Allowed(None)
NOWHERE = Allowed(())
