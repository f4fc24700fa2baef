"""From a journal to a scan in a dataset, the one way in; knows no node names.

The writer, `export` and `recover` all come through here.
"""

from __future__ import annotations

import datetime
import itertools
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import store
from ._version import VERSION
from .append import roll_back
from .assets.cutting import Mode
from .assets.sources import AssetFiles
from .compression import Compression
from .display import PLAIN, Display
from .errors import (
    FormatError,
    JournalError,
    Problem,
)
from .integrity import Ledger, log_path, log_size, raw_path, seal_scan
from .journal import ABOUT, Journal, Large
from .layouts import LAYOUTS, Layout, Role
from .layouts.placing import place_dataset, place_log
from .operations import Append, Operation, SetAttributes
from .recording import Recording, Source, dataset_attributes
from .settings import plain_settings
from .viewing import viewed

__all__ = [
    "LOG",
    "Built",
    "add_scan",
    "documents_of",
    "has_swmr",
    "layout_of",
    "local_time",
    "lost_documents",
    "make_dataset",
    "pickled_text",
    "scan_of_run",
]

LOG = "log"
"""Name of a journal record that is a line for the dataset's log, not a document."""

Document = tuple[str, Mapping[str, Any]]
_SHORT_RUN = 4 * 2**20
_MOST_LINES = 10_000


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
    store.create(path, _empty(path, layout, start), oldest=layout.oldest_format)


def _empty(path: Path, layout: Layout, start: Mapping[str, Any]) -> Iterator[Operation]:
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


def layout_of(path: Path) -> Layout:
    """The layout of an existing dataset that scans are to be added to.

    An append to it that was killed is undone first.

    Raises
    ------
    FormatError
        When it is no PyMoDAQ dataset, or one of before 2.0.1, whose attributes are not
        those that later PyMoDAQ reads.
    """
    roll_back(path)
    with store.open_tree(path) as tree:
        names = tree.root.names()
        for layout in LAYOUTS:
            if layout.row(Role.RAW).name in names:
                break
        else:
            raise FormatError(
                f"{path} is no PyMoDAQ dataset: neither RawData nor Raw_datas is in "
                "it. Begin a new dataset"
            )
        version = tree.root.attributes.get("pymodaq_version")
    if not str(version).lstrip("b'").startswith('{"module"'):
        raise FormatError(
            f"{path} is of PyMoDAQ before 2.0.1 (or damaged: its version reads "
            f"{version!r}); scans are not added to it. Begin a new dataset"
        )
    return layout


def has_swmr(path: Path) -> bool:
    """Whether PyMoDAQ 5.3's default saver can add scans to a dataset.

    It writes in SWMR mode, and HDF5 wants a superblock of version 3 for that.
    """
    with path.open("rb") as file:
        return file.read(9)[8:] >= b"\x03"


def documents_of(journal: Iterable[Document]) -> Iterator[Document]:
    """The documents of a journal, without log lines and what it says of itself."""
    return (record for record in journal if record[0] not in (LOG, ABOUT))


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
    assets: Mode = "link",
    folder: Path | None = None,
    lock_timeout: float = 2.0,
    remarks: Sequence[Problem] = (),
    number: int | None = None,
    compression: Compression | None = None,
    display: Display = PLAIN,
    room: store.Reserved | None = None,
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
    assets
        What becomes of data in other files.
    folder
        Where the dataset will be, when it is not where it is made.
    lock_timeout
        How long to wait while another program has the dataset open, in seconds.
    remarks
        What else is known to be wrong with the run.
    number, compression
        Of the scan, by default the next one; of its larger arrays.
    display
        What the scan bears for viewers.
    room
        Where in the dataset frames lie already, which this process put there.

    Raises
    ------
    DatasetBusyError
        When another program has the dataset open for longer than `lock_timeout`.
    AppendError
        When it cannot be written; the dataset is as it was.
    JournalError
        When the journal turns out to be damaged; the dataset is as it was.
    """
    source, outline = _sources(journal, extra)
    lines = _Lines(outline)
    with AssetFiles(folder or path.parent, assets) as files:
        recording = Recording(
            lambda: documents_of(source()),
            layout,
            lambda: documents_of(lines.noting()),
            files,
            list(remarks),
        )
        number = _append(
            *(path, layout, recording, lines, lock_timeout),
            *(number, compression, display, room),
        )
    return Built(path, layout.row(Role.SCAN).named(number), tuple(recording.problems))


def lost_documents(run: str, count: Any) -> list[Problem]:
    """What there is to say of a run of which so many documents were not recorded."""
    if not isinstance(count, int) or count < 1:
        return []
    message = f"{count} of its documents could not be recorded; they are lost"
    return [Problem(f"run {run}", "error", "lost-documents", message)]


def _append(
    path: Path,
    layout: Layout,
    recording: Recording,
    lines: _Lines,
    lock_timeout: float,
    number: int | None,
    compression: Compression | None,
    display: Display,
    room: store.Reserved | None,
) -> int:
    numbers: list[int] = []

    def operations(tree: store.Tree) -> Iterator[Operation]:
        numbers.append(_next_number(tree, layout) if number is None else number)
        yield from _protect(tree, layout)
        logged = log_size(tree, layout)
        ledger = Ledger()
        yield from ledger.noting(recording.operations(raw_path(layout), numbers[-1]))
        yield from ledger.noting(_log_lines(tree, lines, layout))
        scan = layout.place(Role.SCAN, raw_path(layout), numbers[-1]).path
        yield from ledger.noting(viewed(tree, layout, recording, scan, display))
        yield from seal_scan(tree, layout, numbers[-1], logged, ledger)

    store.append_to(
        path,
        operations,
        lock_timeout=lock_timeout,
        oldest=layout.oldest_format,
        compression=compression,
        staying=recording.in_place() if room else (),
        room=room,
    )
    return numbers[-1]


def _sources(journal: Journal, extra: Sequence[Document]) -> tuple[Source, Source]:
    """Where documents come from, whole and in outline; a short run is read once."""
    if journal.is_short(_SHORT_RUN):
        documents = [*_undamaged(journal, "read"), *extra]
        return (lambda: documents), (lambda: documents)
    return (
        lambda: itertools.chain(_undamaged(journal), extra),
        lambda: itertools.chain(journal.batches("outline"), extra),
    )


def _undamaged(journal: Journal, large: Large = "filed") -> Iterator[Document]:
    """All records, or an error: arrays made for more would hold zeros at the end."""
    known = journal.torn
    yield from journal.batches(large)
    if journal.torn != known:
        raise JournalError(
            f"the last {journal.torn} bytes of {journal.path} are not what was written "
            "to it (a failing disk?); nothing was added to the dataset"
        )


def _next_number(tree: store.Tree, layout: Layout) -> int:
    row = layout.row(Role.SCAN)
    numbers = [row.number_of(name) for name in tree.node(raw_path(layout)).names()]
    return 1 + max((n for n in numbers if n is not None), default=-1)


def _protect(tree: store.Tree, layout: Layout) -> Iterator[Operation]:
    """Leave a dataset as PyMoDAQ 5.3 needs it to go on with it by either backend."""
    if "swmr_compatible" not in layout.row(Role.ROOT).fields:
        return
    root = tree.root
    if not root.has_attribute("swmr_compatible"):
        # Its default saver wipes a file without this when it is to append to it.
        value = layout.encode("swmr_compatible", True)
        yield SetAttributes("/", {"swmr_compatible": value})
    if root.has_attribute("swmr_active"):
        # Its default saver leaves this behind, True, in HDF5 2.0's form of a bool, and
        # PyTables 3.11 crashes on that. Nobody writes now, so it is False, and the
        # store writes the form of HDF5 1.10, which every program reads.
        yield SetAttributes("/", {"swmr_active": np.False_})


class _Lines:
    """Lines for the log, from whoever reads the journal in outline anyway."""

    def __init__(self, outline: Source) -> None:
        self._outline = outline
        self._found: list[Document] = []
        self._complete = False

    def noting(self) -> Iterator[Document]:
        """The journal in outline, its lines noted when all of it is read."""
        found: list[Document] = []
        for record in self._outline():
            if record[0] == LOG and len(found) <= _MOST_LINES:
                found.append(record)
            yield record
        self._found, self._complete = found, len(found) <= _MOST_LINES

    def __iter__(self) -> Iterator[Document]:
        if self._complete:
            return iter(self._found)
        return (record for record in self._outline() if record[0] == LOG)


def _log_lines(
    tree: store.Tree, source: Iterable[Document], layout: Layout
) -> Iterator[Operation]:
    """Lines of the log as every PyMoDAQ has them: pickled text, time first."""
    path = log_path(layout)
    there = tree.root.get(path) is not None
    for _, line in source:
        if not there:
            # PyMoDAQ's windows make it, its scripts do not.
            yield place_log(layout, raw_path(layout))
            there = True
        when = local_time(line.get("time")).strftime("%Y/%m/%d %H:%M:%S")
        text = f"{when}: {line.get('message', '')}"
        yield Append(path, np.frombuffer(pickled_text(text), np.uint8))


def pickled_text(text: str) -> bytes:
    """A text as PyMoDAQ's logger pickles it: protocol 3, one opcode, nothing to run."""
    data = text.encode("utf-8", "surrogatepass")
    return b"\x80\x03X" + struct.pack("<I", len(data)) + data + b"."
