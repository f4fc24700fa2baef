"""Files of external data that were moved: the dataset is told where they are now.

The documents stay as they are. What changes is the scan's own note of where each file
is, which `replay(..., fill=True)` follows, and the names in its virtual arrays, which
PyMoDAQ follows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .assets.resources import Source
from .assets.sources import AssetFiles, relative_name
from .errors import PymoError
from .integrity import amend_seal
from .operations import Append, Operation, Relink
from .operations import Link as SecondName
from .reading.dataset import Dataset
from .reading.filling import Notes, is_there
from .store import append_to, open_tree
from .store.nodes import Link, Node
from .store.opening import Tree
from .values import to_json

__all__ = ["Relocated", "relocate"]

Where = Mapping[Any, Any] | Iterable[Any] | str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Relocated:
    """What became of one file of external data.

    Attributes
    ----------
    scan
        Name of the scan.
    told
        Path in the documents.
    path
        Where it is now; None when it was not found.
    changed
        Whether the dataset was changed.
    message
        What was done, or why nothing was.
    """

    scan: str
    told: str
    path: Path | None
    changed: bool
    message: str

    def __str__(self) -> str:
        return f"{self.scan}: {self.told}: {self.message}"


def relocate(
    path: str | os.PathLike[str],
    where: Where = (),
    *,
    scan: int | str | None = None,
    lock_timeout: float = 2.0,
) -> list[Relocated]:
    """Tell a dataset where the files of its external data are now.

    Parameters
    ----------
    path
        The dataset.
    where
        New folders by old ones, as the documents tell them or as they were told last;
        or folders to search, with all that is below. Without either, what is still
        where the documents say is found again (when only the dataset was moved).
    scan
        Which scan, as for `replay`; all by default.
    lock_timeout
        How long to wait while another program has the dataset open, in seconds.

    Returns
    -------
    list of Relocated
        One for each file. A file that does not hold what the scan took from the old
        one, or of which there are several, is not taken.

    Raises
    ------
    NotFoundError
        When there is no such dataset or scan.
    AppendError
        When the dataset cannot be written; it is as it was.
    """
    dataset = Path(path)
    search = _Search.of(where)
    scans = Dataset(dataset).scans
    chosen = scans if scan is None else [scans[scan]]
    with open_tree(dataset) as tree, AssetFiles(dataset.parent) as files:
        moves = [
            _moves(tree, one.path, dataset.parent, search, files) for one in chosen
        ]
    if any(move.names for move in moves):
        append_to(
            dataset,
            lambda tree: (o for move in moves for o in move.operations(tree)),
            lock_timeout=lock_timeout,
        )
    return [one for move in moves for one in move.told]


@dataclass(slots=True)
class _Search:
    """Where to look for files."""

    roots: dict[Path, Path] = field(default_factory=dict[Path, Path])
    folders: list[Path] = field(default_factory=list[Path])
    _index: dict[str, list[Path]] | None = None

    @classmethod
    def of(cls, where: Where) -> _Search:
        if isinstance(where, Mapping):
            pairs = {Path(old): _absolute(new) for old, new in where.items()}
            deepest = sorted(pairs, key=lambda old: -len(old.parts))
            return cls({old: pairs[old] for old in deepest})
        if isinstance(where, (str, os.PathLike)):
            return cls(folders=[_absolute(where)])
        return cls(folders=[_absolute(folder) for folder in where])

    def candidates(self, told: str, noted: Path) -> Iterator[Path]:
        """Where a file may be, the likeliest first."""
        for old, new in self.roots.items():
            for place in (Path(told), noted):
                if place.is_relative_to(old):
                    yield new / place.relative_to(old)
        if not self.roots and not self.folders:
            yield from (noted, Path(told))
        parts = Path(told).parts[1:]
        for folder in self.folders:
            for n in range(len(parts)):
                yield folder.joinpath(*parts[n:])

    def named(self, name: str) -> list[Path]:
        """All files (or beginnings of files' names) of a name, below the folders."""
        if self._index is None:
            self._index = {}
            for folder in self.folders:
                for base, folders, names in os.walk(folder):
                    for one in (*folders, *names):
                        self._index.setdefault(one, []).append(Path(base))
        exact = self._index.get(name)
        bases = exact or {
            base
            for one, bases in self._index.items()
            if one.startswith(name)
            for base in bases
        }
        return [base / name for base in bases]


def _absolute(folder: Any) -> Path:
    return Path(folder).expanduser().absolute()


@dataclass(slots=True)
class _Moves:
    """What is to be changed in one scan."""

    scan: str
    told: list[Relocated] = field(default_factory=list[Relocated])
    names: dict[str, str] = field(default_factory=dict[str, str])
    lines: list[bytes] = field(default_factory=list[bytes])
    arrays: list[str] = field(default_factory=list[str])

    def operations(self, tree: Tree) -> Iterator[Operation]:
        """Everything that changes the dataset."""
        if not self.names:
            return
        second = _second_names(tree, self.arrays)
        for array in self.arrays:
            yield Relink(array, self.names)
        for name, array in second.items():  # else it stays at the old array
            yield SecondName(name, array)
        data = np.frombuffer(b"".join(self.lines), np.uint8)
        yield Append(f"{self.scan}/Documents/External", data)
        changed = [array.removeprefix(f"{self.scan}/") for array in self.arrays]
        yield from amend_seal(tree, self.scan, [*changed, "Documents/External"])


def _second_names(tree: Tree, arrays: Sequence[str]) -> dict[str, str]:
    """Names that arrays have among the plots for viewers of NeXus, too."""
    found = {tree.node(array).address: array for array in arrays}
    entry = tree.root.get("entry")
    plots = [] if entry is None or entry.is_array else list(entry.children())
    return {
        node.path: found[node.address]
        for plot in plots
        if not plot.is_array
        for node in plot.children()
        if node.address in found
    }


def _moves(
    tree: Tree, place: str, folder: Path, search: _Search, files: AssetFiles
) -> _Moves:
    node = tree.node(place)
    notes = Notes.read(node)
    linked = _linked(node, notes)
    moves = _Moves(place)
    for told, name in notes.files.items():
        taken = [link for one in linked.values() for link in one if link.file == name]
        noted = Path(os.path.normpath(folder.absolute() / name))
        found, message = _found(told, noted, taken, search, files)
        new = name if found is None else relative_name(found, folder)
        if new != name:
            moves.names[name] = new
            moves.lines.append(to_json(["file", told, new]).encode() + b"\n")
            message = f"is now {found}"
        moves.told.append(Relocated(node.name, told, found, new != name, message))
    moves.arrays = [
        path
        for path, links in linked.items()
        if any(link.file in moves.names for link in links)
    ]
    return moves


def _linked(node: Node, notes: Notes) -> dict[str, tuple[Link, ...]]:
    """Virtual arrays of a scan, and what they take their values from."""
    arrays = [node.get(str(about.get("tree"))) for about in notes.arrays.values()]
    return {array.path: array.linked() for array in arrays if array is not None}


def _found(
    told: str, noted: Path, links: list[Link], search: _Search, files: AssetFiles
) -> tuple[Path | None, str]:
    """Where a file is, and what there is to say about it."""
    reason = "is not found"
    for place in search.candidates(told, noted):
        if is_there(place):
            reason = _misfit(place, links, files)
            if not reason:
                return place, "is where it was noted"
    if is_there(noted):
        return noted, "is where it was noted"
    same = [p for p in search.named(Path(told).name) if not _misfit(p, links, files)]
    if len(same) > 1:
        return None, f"{len(same)} files could be it: {same[0]}, {same[1]}…"
    if same:
        return same[0], ""
    return None, reason


def _misfit(place: Path, links: list[Link], files: AssetFiles) -> str:
    """Why a file is not the one that a scan took arrays from; empty when it is."""
    for link in links:
        try:
            found = files.find(Source("hdf5", str(place), link.array))
        except PymoError as error:
            return str(error)
        short = found.shape[:1] < link.shape[:1]
        if short or found.shape[1:] != link.shape[1:]:
            return (
                f"{place} holds {link.array} of shape {found.shape}, the scan took "
                f"values of {link.shape}"
            )
    return ""
