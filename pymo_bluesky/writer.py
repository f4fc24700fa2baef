"""The bluesky callback: documents into PyMoDAQ datasets. Knows neither h5py nor names
of nodes.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from .building import Built, add_scan, claim, local_time, make_dataset
from .errors import (
    AppendError,
    DatasetBusyError,
    JournalError,
    Problem,
    PymoError,
    WriteError,
)
from .journal import SUFFIX, Journal, JournalWriter
from .layouts import Layout, layout_named
from .names import file_prefix as prefix_of
from .names import safe_name

__all__ = ["PymodaqWriter", "Status", "export"]

log = logging.getLogger("pymo_bluesky")


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
        What could not be shown in a scan as it was, and what went wrong.
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


class PymodaqWriter:
    """Writes runs into PyMoDAQ datasets; subscribe it to a RunEngine.

    Each document is safe in the run's journal when the call returns. When the run
    stops, its scan is added to the dataset, whole or not at all.

    Parameters
    ----------
    directory
        Base folder. Datasets are ``<directory>/<YYYY>/<YYYYMMDD>/
        Dataset_<YYYYMMDD>_<NNN>.h5`` as PyMoDAQ names them, of the day of the first
        run. Made when the first run starts.
    layout
        ``"pymodaq5"``, which a living PyMoDAQ opens, or ``"pymodaq3"``.
    append_to
        An existing dataset to go on with.
    lock_timeout
        When another program holds the dataset for longer than this many seconds, the
        scan goes to a new dataset.

    Raises
    ------
    LayoutError
        For an unknown layout.
    WriteError
        From a call: the document could not be made safe.

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
        append_to: str | os.PathLike[str] | None = None,
        lock_timeout: float = 2.0,
    ) -> None:
        self.directory = Path(directory).expanduser().absolute()
        self.layout: Layout = layout_named(layout)
        self.lock_timeout = lock_timeout
        self.paths: dict[str, Path] = {}
        self.scans: dict[str, str] = {}
        self.status = Status()
        self._dataset = None if append_to is None else Path(append_to).absolute()
        if self._dataset is not None and not self._dataset.is_file():
            raise WriteError(
                f"append_to: there is no dataset {self._dataset}; leave it out to "
                "begin a new one"
            )
        self._runs: dict[str, _Run] = {}
        self._homes: dict[str, str] = {}

    # ------------------------------------------------------------------- documents

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document."""
        try:
            self._take(name, doc)
        except ReferenceError as error:
            # bluesky unsubscribes a callback that raises it, without a word.
            raise PymoError(f"a {name} document could not be written: {error}") from error

    def _take(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start":
            self._start(doc)
            return
        run = self._runs.get(self._home_of(name, doc))
        if run is None:
            raise PymoError(
                f"a {name} document ({_key_of(doc)}) belongs to no run that this writer "
                "saw start; subscribe the writer before the run begins"
            )
        run.journal.append(name, doc)
        self._remember(name, doc, run)
        if name == "stop":
            self._finish(run)

    def _start(self, doc: Mapping[str, Any]) -> None:
        uid = str(doc.get("uid", ""))
        if uid in self._runs:
            raise PymoError(f"the run {uid} has started already and has not stopped")
        dataset = self._current(doc)
        path = _journal_path(dataset, uid)
        journal = JournalWriter(
            path, {"run": uid, "dataset": dataset.name, "layout": self.layout.name}
        )
        journal.append("start", doc)
        self._runs[uid] = _Run(uid, journal, dataset)
        self._homes[uid] = uid
        self.paths[uid] = dataset
        self.status.runs = len(self._runs)

    def _home_of(self, name: str, doc: Mapping[str, Any]) -> str:
        """The run of a document, by what it refers to."""
        for member in ("run_start", "descriptor", "resource", "stream_resource"):
            reference = doc.get(member)
            if isinstance(reference, str) and reference in self._homes:
                return self._homes[reference]
        # A resource need not name its run; a datum can come before its resource.
        if name in ("resource", "datum", "datum_page") and len(self._runs) == 1:
            return next(iter(self._runs))
        return ""

    def _remember(self, name: str, doc: Mapping[str, Any], run: _Run) -> None:
        if name in ("descriptor", "resource", "stream_resource"):
            uid = doc.get("uid")
            if isinstance(uid, str):
                self._homes[uid] = run.uid

    # -------------------------------------------------------------------- datasets

    @property
    def path(self) -> Path | None:
        """The current dataset; None before the first run."""
        return self._dataset

    def new_dataset(self) -> None:
        """Begin a new dataset with the next run."""
        self._dataset = None

    def _current(self, start: Mapping[str, Any]) -> Path:
        if self._dataset is None or not self._dataset.exists():
            self._dataset = self._claim(start.get("time"))
        return self._dataset

    def _claim(self, time: Any) -> Path:
        day = local_time(time).strftime("%Y%m%d")
        folder = self.directory / day[:4] / day
        return claim(
            folder, f"Dataset_{day}", lambda p: make_dataset(p, self.layout, time)
        )

    # -------------------------------------------------------------------- the end

    def _finish(self, run: _Run) -> None:
        """Put a run into its dataset; its journal goes when that is done."""
        run.journal.close()
        self._forget(run)
        journal = Journal(run.journal.path)
        built = self._add(run, journal)
        self.paths[run.uid], self.scans[run.uid] = built.path, built.scan
        run.journal.path.unlink()
        self.status.written += 1
        self.status.problems.extend(built.problems)
        if built.problems:
            log.warning(
                "%s/%s: %d remarks (pymo-bluesky validate tells them): %s",
                built.path.name,
                built.scan,
                len(built.problems),
                built.problems[0].message,
            )

    def _add(self, run: _Run, journal: Journal) -> Built:
        try:
            return add_scan(
                run.dataset, self.layout, journal, lock_timeout=self.lock_timeout
            )
        except DatasetBusyError as error:
            log.warning("%s The scan goes to a new dataset.", error)
            if self._dataset == run.dataset:
                self._dataset = None
            dataset = self._current(next(iter(journal))[1])
            return add_scan(
                dataset, self.layout, journal, lock_timeout=self.lock_timeout
            )

    def _forget(self, run: _Run) -> None:
        del self._runs[run.uid]
        self._homes = {k: v for k, v in self._homes.items() if v != run.uid}
        self.status.runs = len(self._runs)

    def flush(self) -> None:
        """Force what was journalled to the disk, against the loss of power."""
        for run in self._runs.values():
            run.journal.sync()

    def close(self) -> None:
        """Write the runs that have not stopped, as they are, and end."""
        for run in list(self._runs.values()):
            self._finish(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _key_of(doc: Mapping[str, Any]) -> str:
    return str(doc.get("uid") or doc.get("datum_id") or "without uid")


def _journal_path(dataset: Path, uid: str) -> Path:
    return dataset.with_name(f"{dataset.name}.{safe_name(uid) or uuid4().hex}{SUFFIX}")


def export(
    documents: Iterable[tuple[str, Mapping[str, Any]]],
    directory: str | os.PathLike[str],
    file_prefix: str = "{uid}",
    **options: Any,
) -> dict[str, list[str]]:
    """Write documents into a PyMoDAQ dataset.

    Parameters
    ----------
    documents
        ``(name, document)`` of one or more runs, in order.
    directory
        Where the file goes; made if missing.
    file_prefix
        Name of the file without ``.h5``: plain text with ``{uid}`` and ``{start[key]}``
        of the first run.
    **options
        Of `PymodaqWriter`: `layout`.

    Returns
    -------
    dict
        ``{"pymodaq": [path]}``; empty when there were no documents.

    Raises
    ------
    WriteError
        When the file exists or the folder cannot be written. Nothing is replaced, and
        nothing half-written is left.

    Examples
    --------
    >>> import tempfile
    >>> from event_model import compose_run
    >>> run = compose_run(uid="4b1d", time=0.0, metadata={"plan_name": "by hand"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = export([("start", run.start_doc)], folder)
    ...     [Path(path).name for path in files["pymodaq"]]
    ['4b1d.h5']
    """
    target = Path(directory).expanduser().absolute()
    layout = layout_named(options.pop("layout", "pymodaq5"))
    stream = iter(documents)
    first = next(stream, None)
    if first is None:
        return {}
    if first[0] != "start":
        raise PymoError(
            f"the first document is a {first[0]}; a run begins with its start document"
        )
    final = target / f"{prefix_of(file_prefix, first[1])}.h5"
    _require_free(final)
    work = Path(tempfile.mkdtemp(prefix=f".{final.stem[:40]}.", dir=target))
    try:
        draft = work / final.name
        make_dataset(draft, layout, first[1].get("time"))
        with PymodaqWriter(work, layout=layout.name, append_to=draft, **options) as w:
            w(*first)
            for name, doc in stream:
                w(name, doc)
        _publish(draft, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {"pymodaq": [str(final)]}


def _require_free(final: Path) -> None:
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            error.errno,
            f"the folder {final.parent} cannot be made: {error.strerror}. Nothing was "
            "written",
        ) from error
    if os.path.lexists(final):
        raise WriteError(
            f"{final} exists already and is not replaced; move it away or give another "
            "file_prefix"
        )
    if not os.access(final.parent, os.W_OK):
        raise WriteError(f"the folder {final.parent} cannot be written")


def _publish(draft: Path, final: Path) -> None:
    try:
        final.hardlink_to(draft)
    except FileExistsError as error:
        raise WriteError(f"{final} was made by another program meanwhile") from error
    except OSError:
        # No hard links here (FAT, some shares): claim the name, then take it.
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        draft.replace(final)


_ = (AppendError, JournalError)
