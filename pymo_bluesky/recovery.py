"""Journals that a crash left, to scans: the same way in as for a run that ends well."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from .assets.cutting import mode_named
from .building import add_scan, layout_of, make_dataset, scan_of_run
from .errors import JournalError, NotFoundError, PymoError
from .journal import SUFFIX, Journal
from .layouts import layout_named

__all__ = ["Recovered", "recover"]


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
        Bytes of a last record that the crash cut off.
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
        return f"{self.journal.name}: {self.message}"


def recover(path: str | os.PathLike[str]) -> list[Recovered]:
    """Make scans of the journals that a crash left.

    May be killed and called again: a run that is in its dataset is not added twice.

    Parameters
    ----------
    path
        A journal, or a folder: then all journals in it and below.

    Returns
    -------
    list of Recovered
        One for each journal. Those whose writer lives are left alone.

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
        return [_recovered(found) for found in sorted(given.rglob(f"*{SUFFIX}"))]
    if not given.is_file():
        raise NotFoundError(f"there is neither a journal nor a folder {given}")
    return [_recovered(given)]


def _recovered(path: Path) -> Recovered:
    if Journal.is_alive(path):
        return Recovered(path, message="its writer is alive; left alone")
    try:
        journal = Journal(path)
        return _rebuilt(journal)
    except JournalError as error:
        return Recovered(path, message=f"not recovered: {error}")
    except PymoError as error:
        return Recovered(path, message=f"not recovered, the journal is kept: {error}")


def _rebuilt(journal: Journal) -> Recovered:
    run = str(journal.about.get("run", ""))
    seen = _Seen()
    for name, doc in journal:
        seen.note(name, doc)
    if not seen.start:
        journal.path.unlink()
        return Recovered(
            journal.path, run, message="it held no start document; removed"
        )
    dataset = journal.path.with_name(Path(str(journal.about["dataset"])).name)
    layout = layout_named(str(journal.about["layout"]))
    if dataset.exists():
        layout = layout_of(dataset)
    else:
        make_dataset(dataset, layout, seen.start)
    scan, done = scan_of_run(dataset, layout, run), "was in"
    if scan is None:
        extra = [] if seen.stopped else [("stop", _stop(run, seen))]
        assets = mode_named(str(journal.about.get("assets", "link")))
        built = add_scan(dataset, layout, journal, extra, assets=assets)
        scan, done = built.scan, "is now in"
    journal.path.unlink()
    how = "" if seen.stopped else "; it had no stop document, one was added"
    return Recovered(
        journal.path,
        run,
        dataset,
        scan,
        seen.events,
        seen.stopped,
        journal.torn,
        f"run {run}, {seen.events} events, {done} {dataset.name} as {scan}{how}",
    )


class _Seen:
    """What a journal holds, counted."""

    def __init__(self) -> None:
        self.stopped = False
        self.start: Mapping[str, Any] = {}
        self.events = 0
        self.last = 0.0
        self.streams: dict[str, int] = {}
        self._names: dict[Any, str] = {}

    def note(self, name: str, doc: Mapping[str, Any]) -> None:
        when = doc.get("time")
        if isinstance(when, (int, float)):
            self.last = max(self.last, float(when))
        if name == "start":
            self.start = doc
        elif name == "stop":
            self.stopped = True
        elif name == "descriptor":
            self._names[doc.get("uid")] = str(doc.get("name"))
            self.streams.setdefault(str(doc.get("name")), 0)
        elif name in ("event", "event_page"):
            rows = 1 if name == "event" else len(doc.get("seq_num", ()))
            self.events += rows
            stream = self._names.get(doc.get("descriptor"), "")
            self.streams[stream] = self.streams.get(stream, 0) + rows


def _stop(run: str, seen: _Seen) -> dict[str, Any]:
    """A stop document in place of the one that never came, marked as such."""
    return {
        "uid": str(uuid5(NAMESPACE_URL, f"pymo-bluesky:recovered:{run}")),
        "run_start": run,
        "time": seen.last,
        "exit_status": "fail",
        "reason": "recovered: the program ended before the run did",
        "num_events": seen.streams,
        "pymodaq": {"synthesised": True},
    }
