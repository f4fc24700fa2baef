"""From a journal to a scan in a dataset: the one way in, for the writer, `export` and
`recover` alike.
"""

from __future__ import annotations

import datetime
import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import store
from ._version import VERSION
from .errors import AppendError, DatasetBusyError, FormatError, Problem, WriteError
from .journal import Journal
from .layouts import LAYOUTS, Layout, Role
from .layouts.placing import place_dataset
from .operations import Append, Operation, SetAttributes
from .recording import Recording, Source, dataset_attributes
from .settings import plain_settings

__all__ = [
    "LOG",
    "Built",
    "add_scan",
    "claim",
    "documents_of",
    "layout_of",
    "local_time",
    "make_dataset",
    "raw_path",
    "scan_of_run",
]

LOG = "log"
"""Name of a journal record that is a line for the dataset's log, not a document."""

Document = tuple[str, Mapping[str, Any]]
_SHORT_RUN = 4 * 2**20


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


def make_dataset(path: Path, layout: Layout, start: Mapping[str, Any]) -> None:
    """Make a dataset without scans, which PyMoDAQ opens.

    Parameters
    ----------
    path
        Of the dataset.
    layout
        Its layout.
    start
        Start document of its first run: when it begins, author, sample, description.

    Raises
    ------
    AppendError
        When a file of that name is there already, or the folder cannot be written.
    """
    store.create(path, _empty(path, layout, start))


def _empty(
    path: Path, layout: Layout, start: Mapping[str, Any]
) -> Iterator[Operation]:
    began = local_time(start.get("time"))
    about = {
        "file": path.name,
        "date": began.date().isoformat(),
        "time": began.time().isoformat(),
        "written_by": VERSION,
    }
    info = dataset_attributes(start)
    settings = plain_settings("Dataset", {"dataset_info": info}, layout.dialect)
    return place_dataset(layout, about, {**info, "settings": settings})


def local_time(time: Any) -> datetime.datetime:
    """Local date and time of a start document; now, when it has none in range."""
    try:
        return datetime.datetime.fromtimestamp(float(time))
    except (ValueError, OverflowError, OSError, TypeError):
        return datetime.datetime.now()


def raw_path(layout: Layout) -> str:
    """Path of the group of all scans."""
    return layout.place(Role.RAW, "/").path


def layout_of(path: Path) -> Layout:
    """The layout of an existing dataset that scans are to be added to.

    Raises
    ------
    FormatError
        When it is no PyMoDAQ dataset, or one of before 2.0.1, whose attributes are not
        those that later PyMoDAQ reads.
    """
    with store.open_tree(path) as tree:
        names = tree.root.names()
        for layout in LAYOUTS:
            if layout.row(Role.RAW).name in names:
                break
        else:
            raise FormatError(
                f"{path} is no PyMoDAQ dataset: neither RawData nor Raw_datas is in it"
            )
        version = tree.root.attributes.get("pymodaq_version")
    if not str(version).lstrip("b'").startswith('{"module"'):
        raise FormatError(
            f"{path} is of PyMoDAQ before 2.0.1 (or damaged: its version reads "
            f"{version!r}); scans are not added to it. Begin a new dataset"
        )
    return layout


def documents_of(journal: Iterable[Document]) -> Iterator[Document]:
    """The documents of a journal, without log lines."""
    return (record for record in journal if record[0] != LOG)


def scan_of_run(path: Path, layout: Layout, uid: str) -> str | None:
    """Name of the scan that holds a run; None when the dataset does not have it."""
    row = layout.row(Role.SCAN)
    with store.open_tree(path) as tree:
        for node in tree.node(raw_path(layout)).children():
            if row.number_of(node.name) is None:
                continue
            found = layout.recognise(Role.RAW, node.name, node.attributes)
            if found and found.fields.get("uid") == uid:
                return node.name
    return None


def add_scan(
    path: Path,
    layout: Layout,
    journal: Journal,
    extra: Sequence[Document] = (),
    *,
    lock_timeout: float = 2.0,
) -> Built:
    """Put a run into a dataset as its next scan, whole or not at all.

    Parameters
    ----------
    path, layout
        The dataset.
    journal
        Of the run.
    extra
        Documents that come behind those of the journal.
    lock_timeout
        How long to wait while another program has the dataset open, in seconds.

    Raises
    ------
    DatasetBusyError
        When another program has the dataset open for longer than `lock_timeout`.
    AppendError
        When it cannot be written; the dataset is as it was.
    """
    source, outline = _sources(journal, extra)
    recording = Recording(
        lambda: documents_of(source()), layout, lambda: documents_of(outline())
    )
    names: list[str] = []

    def operations(tree: store.Tree) -> Iterator[Operation]:
        number = _next_number(tree, layout)
        names.append(layout.row(Role.SCAN).named(number))
        yield from _protect(tree, layout)
        yield from recording.operations(raw_path(layout), number)
        yield from _log_lines(outline(), layout)

    store.append_to(path, operations, lock_timeout=lock_timeout)
    return Built(path, names[0], tuple(recording.problems))


def _sources(journal: Journal, extra: Sequence[Document]) -> tuple[Source, Source]:
    """Where documents come from, whole and in outline; a short run is read once."""
    if journal.size <= _SHORT_RUN:
        documents = [*journal, *extra]
        return (lambda: documents), (lambda: documents)
    return (
        lambda: itertools.chain(journal, extra),
        lambda: itertools.chain(journal.outline(), extra),
    )


def _next_number(tree: store.Tree, layout: Layout) -> int:
    row = layout.row(Role.SCAN)
    numbers = [row.number_of(name) for name in tree.node(raw_path(layout)).names()]
    return 1 + max((n for n in numbers if n is not None), default=-1)


def _protect(tree: store.Tree, layout: Layout) -> Iterator[Operation]:
    """Keep PyMoDAQ 5.3's default saver from wiping the file when it appends to it."""
    root = layout.row(Role.ROOT)
    if "swmr_compatible" in root.fields and "swmr_compatible" not in (
        tree.root.attributes
    ):
        value = layout.encode("swmr_compatible", True)
        yield SetAttributes("/", {"swmr_compatible": value})


def _log_lines(source: Iterable[Document], layout: Layout) -> Iterator[Operation]:
    """Lines of the log as every PyMoDAQ has them: pickled text, time first."""
    path = layout.place(Role.LOGGER, raw_path(layout)).path
    for name, line in source:
        if name == LOG:
            when = local_time(line.get("time")).strftime("%Y/%m/%d %H:%M:%S")
            text = f"{when}: {line.get('message', '')}"
            yield Append(path, np.frombuffer(_pickled(text), np.uint8))


def _pickled(text: str) -> bytes:
    """A text as PyMoDAQ's logger pickles it: protocol 3, one opcode, nothing to run."""
    data = text.encode("utf-8", "surrogatepass")
    return b"\x80\x03X" + struct.pack("<I", len(data)) + data + b"."


def claim(
    directory: Path, prefix: str, make: Callable[[Path], None], *, most: int = 10_000
) -> Path:
    """Make the next free ``<prefix>_NNN.h5`` of a folder; no other writer gets it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        taken = {path.name for path in directory.iterdir()}
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
