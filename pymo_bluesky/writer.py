"""The bluesky callback: documents into datasets; knows no h5py and no node names."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self
from uuid import uuid4

from .assets.cutting import Mode, mode_named
from .building import (
    LOG,
    Built,
    add_scan,
    claim,
    has_swmr,
    layout_of,
    local_time,
    make_dataset,
)
from .errors import DatasetBusyError, Problem, PymoError, WriteError
from .journal import SUFFIX, Journal, JournalWriter
from .layouts import Layout, layout_named
from .names import dataset_name, safe_name

__all__ = ["PymodaqWriter", "Status"]

log = logging.getLogger("pymo_bluesky")

TEMPLATE = "{year}/{date}/Dataset_{date}"
"""Where PyMoDAQ itself puts its datasets; ``_NNN.h5`` comes behind."""

Renewal = Literal["day", "run", "never"]


@dataclass(slots=True)
class Status:
    """How a writer fares.

    Attributes
    ----------
    runs
        Runs that are open.
    written
        Scans that are in a dataset.
    problems
        What could not be shown in a scan as it was.
    """

    runs: int = 0
    written: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])


@dataclass(slots=True)
class _Run:
    """One open run: its journal, and the dataset it will go to."""

    uid: str
    journal: JournalWriter
    dataset: Path
    events: int = 0

    def note(self, message: str, at: float | None = None) -> None:
        """Add a line to the log of the dataset."""
        line = {"time": time.time() if at is None else at, "message": message}
        self.journal.append(LOG, line)


class PymodaqWriter:
    """Writes runs into PyMoDAQ datasets; subscribe it to a RunEngine.

    Each document is safe in the run's journal, beside the dataset, when the call
    returns. When the run stops, its scan is added to the dataset, whole or not at all.

    Parameters
    ----------
    directory
        Base folder; made when the first run starts.
    layout
        ``"pymodaq5"``, which a living PyMoDAQ opens, or ``"pymodaq3"``.
    template
        Path of a dataset below `directory`, without its number ``_NNN`` and ``.h5``.
        ``{date}``, ``{year}``, ``{time}`` and members of the start document
        (``{plan_name}``, ``{sample}``, …) can stand in it.
    renew
        When a new dataset begins: with each ``"day"``, with each ``"run"``, or
        ``"never"`` by itself.
    max_bytes
        A dataset that has reached this size gets no more scans.
    append_to
        An existing dataset to go on with, ours or PyMoDAQ's, in its own layout.
    assets
        Data that detectors wrote into HDF5 files of their own: ``"link"`` shows them
        where they are, ``"embed"`` copies them, ``"ignore"`` does neither.
    lock_timeout
        When another program holds the dataset for longer than this many seconds, the
        scan goes to a new dataset.

    Attributes
    ----------
    paths, scans
        Dataset and name of the scan of each run, by its uid.
    status
        How it fares.

    Raises
    ------
    LayoutError
        For an unknown layout.
    FormatError
        When `append_to` is no PyMoDAQ dataset, or one of before 2.0.1.
    WriteError
        From a call: the document could not be made safe, or the scan not be added.

    Examples
    --------
    >>> import tempfile
    >>> from event_model import compose_run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = PymodaqWriter(folder)
    ...     run = compose_run(metadata={"plan_name": "by hand"})
    ...     writer("start", run.start_doc)
    ...     writer("stop", run.compose_stop())
    ...     writer.path.name.startswith("Dataset_")
    True
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        layout: str = "pymodaq5",
        template: str = TEMPLATE,
        renew: Renewal = "day",
        max_bytes: int | None = None,
        append_to: str | os.PathLike[str] | None = None,
        assets: Mode = "link",
        lock_timeout: float = 2.0,
    ) -> None:
        self.directory = Path(directory).expanduser().absolute()
        self.layout: Layout = layout_named(layout)
        self.assets = mode_named(assets)
        self._put = partial(add_scan, assets=assets, lock_timeout=lock_timeout)
        self.paths: dict[str, Path] = {}
        self.scans: dict[str, str] = {}
        self.status = Status()
        self._template = template
        self._max_bytes = max_bytes
        self._renew: Renewal = renew
        self._runs: dict[str, _Run] = {}
        self._homes: dict[str, str] = {}
        self._dataset: Path | None = None
        self._day = ""
        self._handler = _LogLines(self._runs)
        dataset_name(template, {}, _times(0.0))  # a wrong template is told at once
        if renew not in ("day", "run", "never"):
            raise PymoError(f"renew={renew!r}: 'day', 'run' or 'never' is expected")
        if append_to is not None:
            self._go_on_with(Path(append_to).expanduser().absolute())

    # ------------------------------------------------------------------- documents

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; it is safe once this returns."""
        try:
            self._take(name, doc)
        except ReferenceError as error:
            # bluesky unsubscribes a callback that raises it, without a word.
            raise WriteError(f"a {name} document was not written: {error}") from error

    def _take(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start":
            self._start(doc)
            return
        run = self._runs.get(self._home_of(name, doc))
        if run is None:
            raise PymoError(
                f"a {name} document ({_key_of(doc)}) belongs to no run that this "
                "writer saw start; subscribe the writer before the run begins"
            )
        run.journal.append(name, doc)
        if name == "event":
            run.events += 1
        elif name == "stop":
            self._stop(run, doc)
        elif name in ("descriptor", "resource", "stream_resource"):
            self._homes[str(doc.get("uid"))] = run.uid

    def _start(self, doc: Mapping[str, Any]) -> None:
        uid = str(doc.get("uid", ""))
        if uid in self._runs:
            raise PymoError(f"the run {uid} has started already and has not stopped")
        dataset = self._current(doc)
        about = {"run": uid, "dataset": dataset.name, "layout": self.layout.name}
        about["assets"] = self.assets
        run = _Run(uid, JournalWriter(_journal_path(dataset, uid), about), dataset)
        run.journal.append("start", doc)
        plan = doc.get("plan_name", "a run")
        run.note(f"{plan} begins (run {uid})", _seconds(doc))
        if not self._runs:
            self._handler.attach()
        self._runs[uid] = run
        self._homes[uid] = uid
        self.paths[uid] = dataset
        self.status.runs = len(self._runs)

    def _home_of(self, name: str, doc: Mapping[str, Any]) -> str:
        """The run of a document, by what it refers to."""
        for member in ("run_start", "descriptor", "resource", "stream_resource"):
            reference = doc.get(member)
            if isinstance(reference, str) and reference in self._homes:
                return self._homes[reference]
        # A resource need not name its run, and a datum can come before its resource.
        if name in ("resource", "datum", "datum_page") and self._runs:
            return next(reversed(self._runs))
        return ""

    # -------------------------------------------------------------------- datasets

    @property
    def path(self) -> Path | None:
        """The current dataset; None before the first run."""
        return self._dataset

    def new_dataset(self) -> None:
        """Begin a new dataset with the next run."""
        self._dataset = None

    def _go_on_with(self, dataset: Path) -> None:
        if self._renew == "run":
            raise PymoError(
                f"append_to={dataset.name!r} wants one dataset for all runs, and "
                "renew='run' one for each; leave one of them away"
            )
        self._dataset = dataset
        self.layout = layout_of(dataset)
        if self.layout.name == "pymodaq5" and not has_swmr(dataset):
            log.warning(
                "%s was made without SWMR: after this, PyMoDAQ 5.3 adds scans to it "
                "only while 'Enable SWMR' is off in its saving options",
                dataset.name,
            )

    def _current(self, start: Mapping[str, Any]) -> Path:
        """The dataset for a run that starts."""
        day = _times(start.get("time"))["date"]
        path = self._dataset
        stale = (
            path is None
            or not path.exists()
            or self._renew == "run"
            or (self._renew == "day" and self._day not in ("", day))
            or (self._max_bytes is not None and path.stat().st_size >= self._max_bytes)
        )
        if path is None or stale:
            path = self._dataset = self._claim(start)
        self._day = day
        return path

    def _claim(self, start: Mapping[str, Any]) -> Path:
        began = start.get("time")
        name = dataset_name(self._template, start, _times(began))
        folder = self.directory / name.parent
        path = claim(folder, name.name, lambda p: make_dataset(p, self.layout, start))
        left = [p.name for p in folder.glob(f"*{SUFFIX}") if not Journal.is_alive(p)]
        if left:
            log.warning(
                "%d runs were cut off: `pymo-bluesky recover %s` makes scans of them",
                len(left),
                folder,
            )
        return path

    # --------------------------------------------------------------------- the end

    def _stop(self, run: _Run, doc: Mapping[str, Any]) -> None:
        reason = f": {doc['reason']}" if doc.get("reason") else ""
        run.note(
            f"the run ends: {doc.get('exit_status', 'unknown')}{reason}", _seconds(doc)
        )
        self._finish(run)

    def _finish(self, run: _Run) -> None:
        """Put a run into its dataset; its journal goes when that is done."""
        del self._runs[run.uid]
        if not self._runs:
            self._handler.detach()
        self._homes = {k: v for k, v in self._homes.items() if v != run.uid}
        self.status.runs = len(self._runs)
        try:
            # Still locked, so that `recover` does not take it, too.
            built = self._add(run, Journal(run.journal.path))
            self.paths[run.uid], self.scans[run.uid] = built.path, built.scan
            run.journal.path.unlink()
        finally:
            run.journal.close()
        self.status.written += 1
        self.status.problems.extend(built.problems)
        _tell(built)

    def _add(self, run: _Run, journal: Journal) -> Built:
        try:
            return self._put(run.dataset, self.layout, journal)
        except DatasetBusyError as error:
            log.warning("%s The scan goes to a new dataset.", error)
        except WriteError as error:
            raise WriteError(
                error.errno,
                f"the run {run.uid} is not in a dataset: {error}. Its documents are "
                f"safe in {run.journal.path}; `pymo-bluesky recover` makes a scan of "
                "them",
            ) from error
        if self._dataset in (None, run.dataset) or self._renew == "run":
            self._dataset = self._claim(next(iter(journal))[1])
        return self._put(self._dataset, self.layout, journal)

    def flush(self) -> None:
        """Force what was journalled to the disk, against the loss of power."""
        for run in self._runs.values():
            run.journal.sync()

    def close(self) -> None:
        """Write the runs that have not stopped as they are, and end."""
        for run in list(self._runs.values()):
            self._finish(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _LogLines(logging.Handler):
    """Takes what bluesky, ophyd and this package log into the log of open runs."""

    SOURCES = ("bluesky", "ophyd", "pymo_bluesky")

    def __init__(self, runs: Mapping[str, _Run]) -> None:
        super().__init__(logging.INFO)
        self._open = runs

    def attach(self) -> None:
        for source in self.SOURCES:
            logging.getLogger(source).addHandler(self)

    def detach(self) -> None:
        for source in self.SOURCES:
            logging.getLogger(source).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = f"{record.levelname} {record.name}: {record.getMessage()}"
            for run in list(self._open.values()):
                run.note(text, record.created)
        except Exception:  # noqa: BLE001 - logging's own way: a log line stops nothing
            self.handleError(record)


def _tell(built: Built) -> None:
    if built.problems:
        log.warning(
            "%s, %s: %d remarks, which `pymo-bluesky validate` tells; the first: %s",
            built.path.name,
            built.scan,
            len(built.problems),
            built.problems[0].message,
        )


def _times(began: Any) -> dict[str, str]:
    """What a template can say of the time of a run."""
    when = local_time(began)
    return {
        "date": when.strftime("%Y%m%d"),
        "year": when.strftime("%Y"),
        "time": when.strftime("%H_%M_%S"),
    }


def _seconds(doc: Mapping[str, Any]) -> float | None:
    began = doc.get("time")
    return float(began) if isinstance(began, (int, float)) else None


def _key_of(doc: Mapping[str, Any]) -> str:
    return str(doc.get("uid") or doc.get("datum_id") or "without uid")


def _journal_path(dataset: Path, uid: str) -> Path:
    name = safe_name(uid, most=60) or uuid4().hex
    stem = os.fsencode(dataset.stem)[:120].decode("utf-8", "ignore")
    return dataset.with_name(f"{stem}.{name}{SUFFIX}")
