"""From a journal to a scan in a dataset: the one way in, for the writer, `export` and
`recover` alike.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import __version__, store
from .errors import AppendError, DatasetBusyError, Problem, WriteError
from .journal import Journal
from .layouts import Layout, Role
from .layouts.placing import place_dataset
from .operations import Operation
from .recording import Recording

__all__ = ["Built", "add_scan", "claim", "local_time", "make_dataset", "raw_path"]


@dataclass(frozen=True, slots=True)
class Built:
    """A scan that is in its dataset.

    Attributes
    ----------
    path, scan
        The dataset, and the name of the scan in it.
    problems
        What could not be shown as it was.
    """

    path: Path
    scan: str
    problems: tuple[Problem, ...]


def make_dataset(path: Path, layout: Layout, time: float | None = None) -> None:
    """Make a dataset without scans, which PyMoDAQ opens.

    Raises
    ------
    AppendError
        When a file of that name is there already, or the folder cannot be written.
    """
    store.create(path, _empty(path, layout, time))


def _empty(path: Path, layout: Layout, time: float | None) -> Iterator[Operation]:
    now = datetime.datetime.now() if time is None else local_time(time)
    about = {
        "file": path.name,
        "date": now.date().isoformat(),
        "time": now.time().isoformat(),
        "written_by": __version__,
    }
    raw = {"date_time": now.isoformat(" ", "seconds")}
    return place_dataset(layout, about, raw)


def local_time(time: float) -> datetime.datetime:
    """Local date and time of a start document; now, when it is out of range."""
    try:
        return datetime.datetime.fromtimestamp(time)
    except (ValueError, OverflowError, OSError, TypeError):
        return datetime.datetime.now()


def raw_path(layout: Layout) -> str:
    """Path of the group of all scans."""
    return layout.place(Role.RAW, "/").path


def next_number(tree: store.Tree, layout: Layout) -> int:
    """Number of the next scan: one more than the highest there is."""
    row = layout.row(Role.SCAN)
    raw = tree.node(raw_path(layout))
    numbers = [row.number_of(name) for name in raw.names()]
    return 1 + max((n for n in numbers if n is not None), default=-1)


def add_scan(
    path: Path, layout: Layout, journal: Journal, *, lock_timeout: float = 2.0
) -> Built:
    """Put the run of a journal into a dataset as its next scan, whole or not at all.

    Raises
    ------
    DatasetBusyError
        When another program has the dataset open for longer than `lock_timeout`.
    AppendError
        When it cannot be written; the dataset is as it was, and so is the journal.
    """
    recording = Recording(lambda: iter(journal), layout)
    names: list[str] = []

    def operations(tree: store.Tree) -> Iterator[Operation]:
        number = next_number(tree, layout)
        names.append(layout.row(Role.SCAN).named(number))
        return recording.operations(raw_path(layout), number)

    store.append_to(path, operations, lock_timeout=lock_timeout)
    return Built(path, names[0], tuple(recording.problems))


def claim(
    directory: Path, prefix: str, make: Callable[[Path], None], *, most: int = 10_000
) -> Path:
    """Make the next free ``<prefix>_NNN.h5`` of a folder; no other writer gets it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        taken = {name for name in os.listdir(directory) if name.startswith(prefix)}
    except OSError as error:
        raise WriteError(
            error.errno,
            f"the folder {directory} cannot be used: {error.strerror}. Nothing was "
            "recorded; give the writer a folder that can be made and written",
        ) from error
    for number in range(most):
        path = directory / f"{prefix}_{number:03d}.h5"
        if path.name in taken:
            continue
        try:
            make(path)
        except AppendError as error:
            # Another writer was faster: the next number is ours.
            if isinstance(error, DatasetBusyError) or os.path.lexists(path):
                continue
            raise
        return path
    raise WriteError(
        f"{directory} holds {most} datasets named {prefix}_NNN.h5; use another folder"
    )
