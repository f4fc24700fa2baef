"""The bluesky callback: documents into datasets; knows no h5py and no node names."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self

from ..assets.cutting import Mode, mode_named
from ..compression import Library
from ..display import Display
from ..errors import Problem, PymoError, WriteError
from ..journal import Pending
from ..layouts import Layout, layout_named
from ..recording import expected_order
from .homes import Homes
from .landing import Landing
from .openrun import Care, LogLines, OpenRun, drain, seconds
from .options import OnError, WhenFull, bound_of, packed_by, rescue_of
from .status import Status
from .succession import TEMPLATE, Renewal, Succession
from .syncing import Syncing

__all__ = ["PymodaqWriter", "Status"]

log = logging.getLogger("pymo_bluesky")


class PymodaqWriter:
    """Writes runs into PyMoDAQ datasets; subscribe it to a RunEngine.

    Each document is safe in the run's journal, beside the dataset, when the call
    returns. When the run stops, its scan is added to the dataset, whole or not at all.

    Parameters
    ----------
    directory
        Base folder; made when the first run starts.
    layout
        ``"pymodaq5"`` (default), which a living PyMoDAQ opens, or ``"pymodaq3"``.
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
    on_error
        What a disk that fails means: ``"raise"`` an error at that document, which ends
        the plan; or ``"continue"``: the run goes on in a folder of `rescue`, and that
        is said loudly when it stops.
    rescue
        Folders for runs whose own disk fails, the best first; by default one below the
        user's data, then one for temporary files.
    max_pending
        How much may wait in memory for a slow disk, in bytes or, as a `timedelta`, by
        the age of the oldest document. By default nothing does: each call waits for
        the disk. `Status.pending` tells what a kill would lose.
    when_full
        What a document meets that would be more than `max_pending`: it has to
        ``"wait"``; or the call has to ``"raise"`` an error, and it is not recorded.
    sync_interval
        Force the journals to the disk every so many seconds, against the loss of
        power. By default the system decides; a killed program loses nothing then.
    compression
        Of arrays of 16 KiB and more, when the run has stopped: ``"gzip"``; or, with the
        extra ``compression`` for writer and readers, ``"lz4"``, ``"bitshuffle"`` or
        ``"zstd"``. By default there is none.
    compression_level
        From 0 (none) to 9 (smallest).
    thumbnails
        Whether a scan, and each panel of its detectors, gets a small picture.
    nexus
        Whether viewers of NeXus (silx view, NeXpy, h5web) find a plot of each scan.

    Attributes
    ----------
    status
        How it fares.

    Raises
    ------
    LayoutError
        For an unknown layout.
    FormatError
        When `append_to` is no PyMoDAQ dataset, or one of before 2.0.1.
    PymoError
        For options that contradict each other, or need what is not installed.
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
        layout: str | None = None,
        template: str = TEMPLATE,
        renew: Renewal = "day",
        max_bytes: int | None = None,
        append_to: str | os.PathLike[str] | None = None,
        assets: Mode = "link",
        lock_timeout: float = 2.0,
        on_error: OnError = "raise",
        rescue: Iterable[str | os.PathLike[str]] | None = None,
        max_pending: int | timedelta | None = None,
        when_full: WhenFull = "wait",
        sync_interval: float | None = None,
        compression: Library | None = None,
        compression_level: int | None = None,
        thumbnails: bool = True,
        nexus: bool = False,
    ) -> None:
        self.directory = Path(directory).expanduser().absolute()
        self.assets: Mode = mode_named(assets)
        self._compression = packed_by(compression, compression_level)
        self._display = Display(thumbnails=thumbnails, nexus=nexus)
        bound, where = bound_of(max_pending, when_full), rescue_of(on_error, rescue)
        self._runs: dict[str, OpenRun] = {}
        self.status = Status(measure=self._pending)
        self._datasets = Succession(
            self.directory,
            layout_named("pymodaq5" if layout is None else layout),
            template=template,
            renew=renew,
            max_bytes=max_bytes,
        )
        if append_to is not None:
            self._datasets.go_on_with(Path(append_to), layout)
        self.layout: Layout = self._datasets.layout
        order = partial(expected_order, ascending=self.layout.ascending)
        once = not (bound or where or self._compression)
        self._care = Care(bound, where, order if once else None)
        self._landing = self._made_landing(lock_timeout)
        self._homes, self._lost = Homes(), dict[str, str]()
        self._lock, self._handler = threading.RLock(), LogLines(self._runs)
        self._syncing = Syncing(self._runs, sync_interval)
        if max_pending is not None:
            weakref.finalize(self, drain, self._runs)  # at exit, too

    def _made_landing(self, lock_timeout: float, folder: Path | None = None) -> Landing:
        return Landing(
            self._datasets,
            self.status,
            assets=self.assets,
            lock_timeout=lock_timeout,
            display=self._display,
            folder=folder,
            rescue=self._care.rescue,
            compression=self._compression,
        )

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
        uid = self._homes.of(name, doc, self._runs)
        run = self._runs.get(uid)
        if run is None:
            raise self._refusal(name, doc, uid)
        try:
            run.outbox.put(name, doc)
        except BaseException as error:
            self._failed(run, name, error)
            raise
        if name == "stop":
            self._stop(run, doc)
        elif name == "descriptor":
            self._report(run, run.before(doc))
        elif monotonic() >= run.look_at:
            self._report(run, run.look())

    def _failed(self, run: OpenRun, name: str, error: BaseException) -> None:
        """Note that a document of a run is not safe."""
        run.failure = run.failure or str(error)
        self.status.failed.setdefault(run.uid, str(error))
        if not isinstance(error, WriteError):  # it did not even get to the journal
            run.outbox.lost += 1
        if name == "stop":  # the last of the run: `recover` may have its journal
            self._forget(run)
            self._landing.leave(run)

    def _report(self, run: OpenRun, problems: Iterable[Problem]) -> None:
        """Tell what threatens a run while it goes on."""
        for problem in problems:
            self.status.problems.append(problem)
            log.warning("%s", problem.message)
        if run.was_rescued and run.uid not in self.status.failed:
            self.status.failed[run.uid] = run.failure
            self.status.rescued.append(run.journal.path)
            log.error(
                "THE DISK OF THE RUN %s FAILS: %s. It goes on in %s",
                run.uid,
                run.failure,
                run.journal.path,
            )

    def _refusal(self, name: str, doc: Mapping[str, Any], uid: str) -> PymoError:
        """Why a document that belongs to no open run is not taken."""
        why = self._lost.get(uid)
        if why is None:
            return PymoError(
                f"a {name} document ({_key_of(doc)}) belongs to no run that this "
                "writer saw start; subscribe the writer before the run begins"
            )
        if name == "stop":
            self._homes.forget(uid)
            del self._lost[uid]
        return WriteError(f"this {name} document of the run {uid} is not taken: {why}")

    def _start(self, doc: Mapping[str, Any]) -> None:
        uid = str(doc.get("uid", ""))
        with self._lock:
            if uid in self._runs:
                raise PymoError(
                    f"the run {uid} has started already and has not stopped"
                )
            self._homes.add(uid)
            try:
                run = self._opened(doc)
            except Exception as error:
                self._lost[uid] = f"it could not start ({error})"
                self.status.failed[uid] = str(error)
                raise
            self._lost.pop(uid, None)
            if not self._runs:
                self._handler.attach()
            self._runs[uid] = run
            self._landing.paths[uid] = run.dataset
            self.status.runs = len(self._runs)
            self._syncing.begin()
        self._report(run, run.look())

    def _opened(self, start: Mapping[str, Any]) -> OpenRun:
        """A journal for a run, beside its dataset; or elsewhere."""
        about: dict[str, Any] = {"layout": self.layout.name, "assets": self.assets}
        about |= self._compression.about() if self._compression else {}
        about |= self._display.about()
        try:
            return OpenRun.begin(start, self._datasets.take(start), about, self._care)
        except (PymoError, OSError) as error:
            if self._care.rescue is None:
                raise
            reasons = [str(error)]
        for folder in self._care.rescue.folders:
            try:
                dataset = self._datasets.take_elsewhere(folder, start)
                run = OpenRun.begin(start, dataset, about, self._care)
            except (PymoError, OSError) as error:
                reasons.append(f"{folder}: {error}")
            else:
                run.failure = reasons[0]
                return run
        raise WriteError("; nor can it start elsewhere: ".join(reasons))

    # -------------------------------------------------------------------- datasets

    @property
    def path(self) -> Path | None:
        """The current dataset; None before the first run."""
        return self._datasets.current

    @property
    def paths(self) -> dict[str, Path]:
        """The dataset of each run, by its uid; waits for those that are being added."""
        self._landing.settle()
        return self._landing.paths

    @property
    def scans(self) -> dict[str, str]:
        """The name of each run's scan; waits for those that are being added."""
        self._landing.settle()
        return self._landing.scans

    def new_dataset(self) -> None:
        """Begin a new dataset with the next run."""
        self._datasets.current = None

    # --------------------------------------------------------------------- the end

    def _stop(self, run: OpenRun, doc: Mapping[str, Any]) -> None:
        reason = f": {doc['reason']}" if doc.get("reason") else ""
        run.note(
            f"the run ends: {doc.get('exit_status', 'unknown')}{reason}", seconds(doc)
        )
        self._report(run, ())
        self._forget(run)
        if any(other.journal.is_ours for other in list(self._runs.values())):
            # Their events are not to wait until this one is in its dataset.
            self._landing.land_behind(run)
            return
        with contextlib.ExitStack() as both:
            both.callback(self._landing.wait)
            self._landing.land(run)

    def _forget(self, run: OpenRun, why: str | None = None) -> None:
        """Take no more documents of a run; with a reason, tell those that come."""
        with self._lock:
            del self._runs[run.uid]
            if not self._runs:
                self._handler.detach()
                self._syncing.end()
            if why is None:
                self._homes.forget(run.uid)
            else:
                self._lost[run.uid] = why
            self.status.runs = len(self._runs)

    def _pending(self) -> Pending:
        each = [run.outbox.pending for run in list(self._runs.values())]
        return sum(each, Pending())

    def flush(self) -> None:
        """Force all documents to the disk, against the loss of power.

        Raises
        ------
        WriteError
            When the disk does not take them.
        """
        for run in list(self._runs.values()):
            run.outbox.drain()
            try:
                run.sync()
            except OSError as error:
                raise WriteError(
                    error.errno, f"{run.journal.path} could not be synced: {error}"
                ) from error
        self._landing.settle()

    def close(self) -> None:
        """Write the runs that have not stopped as they are, and end.

        In a forked child it does nothing: the runs are the parent's.
        """
        with contextlib.ExitStack() as all_of_them:
            all_of_them.callback(self._landing.wait)
            for run in reversed(list(self._runs.values())):
                if run.journal.is_ours:
                    all_of_them.callback(self._close, run)

    def _close(self, run: OpenRun) -> None:
        self._forget(
            run,
            "writer.close() ended the run before its stop, and what had come until "
            "then is its scan. Close the writer when the run is over",
        )
        self._landing.land(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _key_of(doc: Mapping[str, Any]) -> str:
    return str(doc.get("uid") or doc.get("datum_id") or "without uid")
