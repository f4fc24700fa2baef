"""Journals that a crash left, to scans: the same way in as for a run that ends well."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from .append import UNDO, roll_back
from .assets.cutting import mode_named
from .building import (
    add_scan,
    layout_of,
    lost_documents,
    make_dataset,
    scan_of_run,
)
from .compression import Compression, compression_of
from .display import Display
from .errors import (
    FormatError,
    JournalError,
    LayoutError,
    MissingExtraError,
    NotFoundError,
    Problem,
    PymoError,
    printable,
)
from .forms import ROWS
from .journal import (
    ABOUT,
    FRAMES,
    IN,
    SUFFIX,
    EmptyJournalError,
    Journal,
    remove_journal,
)
from .layouts import Layout, layout_named
from .names import safe_name
from .reading.dataset import Dataset
from .store.filters import require

__all__ = ["Recovered", "cut_off", "recover"]

_DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of one journal.

    Attributes
    ----------
    journal
        Its path; the file is gone once `scan` is there.
    run
        Uid of the run; empty when the journal tells none.
    path, scan
        Dataset and name of the scan; None when nothing was made.
    events
        Events that were read from it.
    stopped
        Whether the run had its stop document; else one was added, marked as such.
    left_out
        Bytes at the end that could not be read: a record that the crash cut off, or
        all from a damaged one on; then the journal is kept, as ``*.damaged``.
    message
        What was done, or why nothing was.
    """

    journal: Path
    run: str = ""
    path: Path | None = None
    scan: str | None = None
    events: int = 0
    stopped: bool = False
    left_out: int = 0
    message: str = ""

    def __str__(self) -> str:
        return printable(f"{self.journal.name}: {self.message}")


def recover(path: str | os.PathLike[str]) -> list[Recovered]:
    """Make scans of the journals that a crash left.

    May be killed and called again: a run that is in its dataset is not added twice.

    Parameters
    ----------
    path
        A journal, or a folder: then all journals in it and below, but for hidden
        folders. What an append left that had no journal is undone.

    Returns
    -------
    list of Recovered
        One for each journal, or append that was undone. Journals whose writer lives are
        left alone.

    Raises
    ------
    NotFoundError
        When there is no such file or folder.

    Examples
    --------
    >>> import tempfile
    >>> recover(tempfile.mkdtemp())
    []
    """
    given = Path(path).expanduser().absolute()
    if given.is_dir():
        for second in _below(given, ".h5.new"):
            _remove_second_name(second)
        recovered = [_recovered(found) for found in _below(given, SUFFIX)]
        for second in _below(given, FRAMES):
            _remove_name_of_no_journal(second)
        # Of programs that add to a dataset without a journal (`relocate`, …).
        return recovered + [_rolled_back(undo) for undo in _below(given, UNDO)]
    if not given.is_file():
        raise NotFoundError(f"there is neither a journal nor a folder {given}")
    return [_recovered(given)]


def cut_off(folder: str | os.PathLike[str]) -> list[Path]:
    """Journals in a folder, and below, that no living process writes.

    Examples
    --------
    >>> import tempfile
    >>> cut_off(tempfile.mkdtemp())
    []
    """
    found: list[Path] = []
    for path in _below(Path(folder), SUFFIX):
        # Of another user, or on a file system without locks.
        with contextlib.suppress(OSError, JournalError):
            if not Journal.is_alive(path):
                found.append(path)
    return found


def _below(folder: Path, suffix: str) -> list[Path]:
    """Files that are not hidden: what is, is the unfinished work of an export."""
    return sorted(
        path
        for path in folder.rglob(f"*{suffix}")
        if path.is_file()
        and not any(part[0] == "." for part in path.relative_to(folder).parts)
    )


def _remove_second_name(new: Path) -> None:
    """Of a dataset whose writer died when it had just got its final name."""
    with contextlib.suppress(OSError):  # it has none yet: the draft of a living writer
        if new.samefile(new.with_suffix("")):
            new.unlink()


def _remove_name_of_no_journal(second: Path) -> None:
    """The name that a journal had for a dataset; the last one of a file is kept."""
    with contextlib.suppress(OSError):
        journal = second.with_suffix(SUFFIX)
        kept = journal.with_name(journal.name + _DAMAGED)
        if not journal.exists() and not kept.exists() and second.stat().st_nlink > 1:
            second.unlink()


def _rolled_back(undo: Path) -> Recovered:
    dataset = undo.with_suffix("")
    try:
        done = roll_back(dataset)
    except (PymoError, OSError) as error:
        return Recovered(undo, message=f"not undone: {error}")
    what = "was undone" if done else "was undone by another program"
    message = f"an append to {dataset.name} that was cut off {what}"
    return Recovered(undo, path=dataset, message=message)


def _recovered(path: Path) -> Recovered:
    run = ""
    try:
        with Journal.claimed(path) as ours:
            if not ours:
                message = "its writer is alive, or another recovery has it; left alone"
                return Recovered(path, message=message)
            journal = Journal(path)
            run = str(journal.about.get("run", ""))
            return _rebuilt(journal, run)
    except EmptyJournalError:
        remove_journal(path)
        return Recovered(path, message="it holds no document; removed")
    except Exception as error:  # noqa: BLE001 - it is told, and the others go on
        why = str(error) if isinstance(error, (PymoError, OSError)) else repr(error)
        message = f"not recovered, the journal is kept: {why}"
        return Recovered(path, run, message=message)


def _rebuilt(journal: Journal, run: str) -> Recovered:
    seen = _Seen.of(journal.batches("outline"))
    if not seen.start and not journal.damaged:
        remove_journal(journal.path)
        message = "it holds no start document; removed"
        return Recovered(journal.path, run, message=message)
    # Only now: what an interrupted append left may look like a scan that is in.
    dataset, layout = _target(journal, seen)
    scan, done = scan_of_run(dataset, layout, run), "was in"
    packed, remarks = _compression(journal.about | seen.about)
    if scan is not None and IN in seen.about:
        # Frames in a dataset that has the scan may have been written over by that.
        missing = max(0, seen.values - _values_in(dataset, run))
    else:
        missing = journal.leave_out_lost() if IN in seen.about else 0
        seen = _Seen.of(journal)
    if scan is None:
        extra = [] if seen.stopped else [("stop", _stop(run, seen))]
        assets = mode_named(str(journal.about.get("assets", "link")))
        lost = lost_documents(run, seen.about.get("lost")) + _lost_frames(run, missing)
        built = add_scan(
            *(dataset, layout, journal, extra),
            assets=assets,
            remarks=lost,
            compression=packed,
            display=Display.read(journal.about),
        )
        scan, done = built.scan, "is now in"
    remarks += _remarks(journal, seen, missing)
    told = f"run {run}, {seen.events} events, {done} {dataset.name} as {scan}"
    return Recovered(
        *(journal.path, run, dataset, scan),
        *(seen.events, seen.stopped, journal.torn),
        "; ".join([told, *remarks]),
    )


def _compression(about: Mapping[str, Any]) -> tuple[Compression | None, list[str]]:
    """As the writer would have compressed the scan, where that can be done here."""
    found = compression_of(about)
    try:
        require(found)
    except MissingExtraError as error:
        return None, [f"it is not compressed: {error}"]
    return found, []


def _target(journal: Journal, seen: _Seen) -> tuple[Path, Layout]:
    """The dataset that a journal is for, made when it is not there."""
    about = journal.about | seen.about
    try:
        name = Path(str(about["dataset"])).name
        layout = layout_named(str(about["layout"]))
    except (KeyError, LayoutError) as error:
        raise JournalError(
            f"{journal.path} is for a dataset that this version cannot make: {error}"
        ) from error
    if name in ("", ".", "..") or not seen.start:
        raise JournalError(f"{journal.path} tells neither its dataset nor its run")
    dataset = journal.path.with_name(name)
    if not name.isprintable() and not os.path.lexists(dataset):
        # A terminal could not show it; our writer gives no such name to a new dataset.
        dataset = journal.path.with_name(safe_name(name) or "recovered.h5")
    if not os.path.lexists(dataset):
        make_dataset(dataset, layout, seen.start)
        return dataset, layout
    try:
        return dataset, layout_of(dataset)
    except FormatError as error:
        raise FormatError(
            f"{error}. Move {dataset.name} away, and `recover` makes a new one"
        ) from error


def _values_in(dataset: Path, run: str) -> int:
    """Values of all events of a run that are in its scan."""
    return _Seen.of(Dataset(dataset).scans[run].documents()).values


def _lost_frames(run: str, count: int) -> list[Problem]:
    if not count:
        return []
    message = f"{count} frames are not in the file they went to; their events lack them"
    return [Problem(f"run {run}", "error", "lost-frames", message)]


def _remarks(journal: Journal, seen: _Seen, missing: int) -> Iterator[str]:
    """What there is to say of a journal whose scan is there; it goes, or is kept."""
    if not seen.stopped:
        yield "it had no stop document, one was added"
    if journal.torn and not journal.damaged:
        yield f"the last record, of {journal.torn} bytes, was cut off and is left out"
    try:
        if missing or journal.damaged:
            # What was not read was acknowledged: it is not ours to throw away.
            kept = journal.path.rename(f"{journal.path}{_DAMAGED}")
            why = f"{journal.torn} bytes from a damaged record on were not read"
            why = f"{missing} values are not in it" if missing else why
            yield f"{why}; the journal is kept as {kept.name}"
        else:
            remove_journal(journal.path)
    except OSError as error:
        yield f"the journal could not be removed: {error}"


class _Seen:
    """What a journal holds, counted."""

    def __init__(self) -> None:
        self.stopped = False
        self.start: Mapping[str, Any] = {}
        self.events = self.values = 0
        self.last = 0.0
        self.streams: dict[str, int] = {}
        self.about: dict[str, Any] = {}
        self._names: dict[str, str] = {}

    @classmethod
    def of(cls, records: Iterable[tuple[str, Any]]) -> _Seen:
        """What records hold."""
        seen = cls()
        for name, item in records:
            seen.note(name, item)
        return seen

    def note(self, name: str, doc: Any) -> None:
        if name == ROWS:
            self.last = max(self.last, float(doc.time.max()))
            self._count(doc.form.descriptor, doc.seq_num, len(doc.form.data))
            return
        when = np.ravel(doc.get("time", ()))
        if when.size and when.dtype.kind in "iuf":
            self.last = max(self.last, float(when.max()))
        if name == ABOUT:
            self.about |= doc
        elif name == "start":
            self.start = doc
        elif name == "stop":
            self.stopped = True
        elif name == "descriptor":
            stream = self._names[str(doc.get("uid"))] = str(doc.get("name"))
            self.streams.setdefault(stream, 0)
        elif name in ("event", "event_page"):
            values = len(doc.get("data") or ())
            numbers = np.ravel(doc.get("seq_num", ()))
            self._count(str(doc.get("descriptor")), numbers, values)

    def _count(self, descriptor: str, numbers: np.ndarray, values: int) -> None:
        self.events += len(numbers)
        self.values += len(numbers) * values
        stream = self._names.get(descriptor)
        if stream is not None and len(numbers) and numbers.dtype.kind in "iu":
            # A rewind repeats numbers: the highest is what the run counts.
            self.streams[stream] = max(self.streams[stream], int(numbers.max()))


def _stop(run: str, seen: _Seen) -> dict[str, Any]:
    """A stop document in place of the one that never came, marked as such."""
    return {
        "uid": str(uuid5(NAMESPACE_URL, f"pymo-bluesky:recovered:{run}")),
        "run_start": run,
        "time": seen.last,
        "exit_status": "fail",
        "reason": "recovered: the program or the disk failed before the run ended",
        "num_events": seen.streams,
        "pymodaq": {"synthesised": True},
    }
