"""Whether an array leads only to files that may be opened; reads no values.

HDF5 follows what a file says wherever it points: virtual arrays to other files, those
by external links or external storage to others again. So the whole way is looked at.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from ..allowed import Allowed
from ..errors import FormatError, printable

__all__ = ["check_way", "stray"]

_DEEPEST = 8
_MOST = 10_000
_UNREADABLE = (OSError, RuntimeError, KeyError, ValueError, TypeError)


def stray(array: h5py.Dataset, allowed: Allowed) -> str:
    """Why the files that an array leads to may not be opened; empty when they may."""
    if allowed.folders is None:
        return ""
    try:
        _Way(allowed).look(array, 0)
    except _StrayError as error:
        return str(error)
    except _UNREADABLE as error:
        return f"where its values lie cannot be told ({error})"
    return ""


def check_way(file: h5py.File, inside: str, allowed: Allowed) -> None:
    """Refuse an array that is reached by files, or leads to some, that are not allowed.

    Raises
    ------
    FormatError
        When it is.
    """
    if allowed.folders is None:
        return
    try:
        _Way(allowed).find(file, inside, 0)
    except _StrayError as error:
        told = printable(f"{file.filename}: {inside}")
        raise FormatError(f"{told} is not read: {error}") from error


class _StrayError(Exception):
    """The way leads out."""


@dataclass(slots=True)
class _Way:
    """What was looked at on the way from one array."""

    allowed: Allowed
    seen: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def look(self, array: h5py.Dataset, depth: int) -> None:
        """Look at all files that an array leads to, and those to others."""
        if depth > _DEEPEST:
            raise _StrayError("its values lie behind too many other files")
        for name, *_ in array.external or ():
            self._checked(array.file, name)
        if not array.is_virtual:
            return
        plist = array.id.get_create_plist()
        for n in range(plist.get_virtual_count()):
            file = plist.get_virtual_filename(n)
            inside = plist.get_virtual_dsetname(n)
            # `%b` counts: names of files and arrays that are made while reading.
            if "%" in file.replace("%%", "") or "%" in inside.replace("%%", ""):
                raise _StrayError("its values lie in files that are named by a pattern")
            self._enter(
                array.file, file.replace("%%", "%"), inside.replace("%%", "%"), depth
            )

    def _enter(self, file: h5py.File, name: str, inside: str, depth: int) -> None:
        """Look at an array of another file (or of the same one, called ``.``)."""
        if name == ".":
            self.find(file, inside, depth)
            return
        for path in self._checked(file, name):
            with h5py.File(path, "r") as other:
                self.find(other, inside, depth)

    def find(self, file: h5py.File, inside: str, depth: int) -> None:
        """Walk to an array as HDF5 would, and look at it."""
        key = (str(file.filename), inside)
        if key in self.seen:
            return
        self.seen.add(key)
        if len(self.seen) > _MOST:
            raise _StrayError("its values lie in too many other files")
        here: Any = file
        parts = [part for part in inside.split("/") if part not in ("", ".")]
        for n, part in enumerate(parts):
            link = (
                here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
            )
            if link is None:
                return  # it is not there: HDF5 gives fill values
            if isinstance(link, h5py.SoftLink):
                raise _StrayError("its values lie behind a soft link")
            if isinstance(link, h5py.ExternalLink):
                rest = "/".join([link.path, *parts[n + 1 :]])
                self._enter(file, link.filename, rest, depth + 1)
                return
            here = here[part]
        if isinstance(here, h5py.Dataset):
            self.look(here, depth + 1)

    def _checked(self, file: h5py.File, name: str) -> list[Path]:
        """Files that HDF5 may take a name for, all of which must be allowed."""
        places = _places(Path(os.fsdecode(file.filename)), os.fsdecode(name))
        found = [path for path in places if os.path.lexists(path)]
        for path in found:
            if path not in self.allowed:
                raise _StrayError(
                    f"its values lie in {printable(str(path))}, outside of the folders "
                    "that are allowed (external=...)"
                )
        return found


def _places(file: Path, name: str) -> list[Path]:
    """Where HDF5 looks for a file that another one names."""
    folders = [file.parent, Path(os.path.realpath(file)).parent, Path.cwd()]
    names = [name, os.path.basename(name)]  # noqa: PTH119 - of a name that may end in /
    return list(dict.fromkeys(folder / one for folder in folders for one in names))
