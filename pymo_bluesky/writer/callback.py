"""The bluesky callback: documents into datasets; knows no h5py and no node names."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from ..assets.cutting import Mode, mode_named
from ..building import Built, add_scan
from ..errors import DatasetBusyError, Problem, PymoError, WriteError
from ..journal import Journal
from ..layouts import Layout, layout_named
from .openrun import LogLines, OpenRun, seconds
from .succession import TEMPLATE, Renewal, Succession

__all__ = ["PymodaqWriter", "Status"]

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
        What could not be shown in a scan as it was.
    left
        Journals of runs that could not be put into a dataset; `recover` does it.
    """

    runs: int = 0
    written: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])
    left: list[Path] = field(default_factory=list[Path])


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
        self.assets = mode_named(assets)
        self._put = partial(add_scan, assets=assets, lock_timeout=lock_timeout)
        self.paths: dict[str, Path] = {}
        self.scans: dict[str, str] = {}
        self.status = Status()
        self._datasets = Succession(
            self.directory,
            layout_named(layout),
            template=template,
            renew=renew,
            max_bytes=max_bytes,
        )
        if append_to is not None:
            self._datasets.go_on_with(Path(append_to).expanduser().absolute())
        self.layout: Layout = self._datasets.layout
        self._runs: dict[str, OpenRun] = {}
        self._homes: dict[str, str] = {}
        self._lost: dict[str, str] = {}
        self._handler = LogLines(self._runs)

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
        uid = self._home_of(name, doc)
        if name in ("descriptor", "resource", "stream_resource") and uid:
            self._homes[str(doc.get("uid"))] = uid
        run = self._runs.get(uid)
        if run is None:
            raise self._refusal(name, doc, uid)
        try:
            run.journal.append(name, doc)
        except BaseException:
            if name == "stop":  # the last of the run: `recover` may have its journal
                self._forget(run)
                self._leave(run)
            raise
        if name == "stop":
            self._stop(run, doc)

    def _refusal(self, name: str, doc: Mapping[str, Any], uid: str) -> PymoError:
        """Why a document that belongs to no open run is not taken."""
        why = self._lost.get(uid)
        if why is None:
            return PymoError(
                f"a {name} document ({_key_of(doc)}) belongs to no run that this "
                "writer saw start; subscribe the writer before the run begins"
            )
        if name == "stop":
            del self._lost[uid]
            self._homes = {k: v for k, v in self._homes.items() if v != uid}
        return WriteError(f"the run {uid} is not recorded: {why}")

    def _start(self, doc: Mapping[str, Any]) -> None:
        uid = str(doc.get("uid", ""))
        if uid in self._runs:
            raise PymoError(f"the run {uid} has started already and has not stopped")
        self._homes[uid] = uid
        try:
            self._open(uid, doc)
        except Exception as error:
            self._lost[uid] = str(error)
            raise
        self._lost.pop(uid, None)

    def _open(self, uid: str, doc: Mapping[str, Any]) -> None:
        dataset = self._datasets.take(doc)
        run = OpenRun.begin(doc, dataset, self.layout.name, self.assets)
        if not self._runs:
            self._handler.attach()
        self._runs[uid] = run
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
        return self._datasets.current

    def new_dataset(self) -> None:
        """Begin a new dataset with the next run."""
        self._datasets.current = None

    # --------------------------------------------------------------------- the end

    def _stop(self, run: OpenRun, doc: Mapping[str, Any]) -> None:
        reason = f": {doc['reason']}" if doc.get("reason") else ""
        run.note(
            f"the run ends: {doc.get('exit_status', 'unknown')}{reason}", seconds(doc)
        )
        self._finish(run)

    def _finish(self, run: OpenRun) -> None:
        """Put a run into its dataset; its journal goes when that is done."""
        self._forget(run)
        try:
            built = self._add(run)
        except BaseException as error:
            self._leave(run)
            if not isinstance(error, Exception):
                raise
            raise WriteError(
                f"the run {run.uid} is not in a dataset: {error}. Its documents are "
                f"safe in {run.journal.path}; `pymo-bluesky recover` makes a scan of "
                "them"
            ) from error
        self.paths[run.uid], self.scans[run.uid] = built.path, built.scan
        self.status.written += 1
        problems = [*built.problems, *run.problems()]
        self.status.problems.extend(problems)
        # Ours to the end: a `recover` in between would add the scan once more.
        _remove(run.journal.path, built)
        run.journal.close()
        _tell(built, problems)

    def _forget(self, run: OpenRun) -> None:
        """Take no more documents of a run."""
        del self._runs[run.uid]
        if not self._runs:
            self._handler.detach()
        self._homes = {k: v for k, v in self._homes.items() if v != run.uid}
        self.status.runs = len(self._runs)

    def _leave(self, run: OpenRun) -> None:
        """Leave a run to `recover`; the next one gets a dataset that may do better."""
        run.journal.close()
        self.status.left.append(run.journal.path)
        self.paths.pop(run.uid, None)
        self._datasets.leave(run.dataset)

    def _add(self, run: OpenRun) -> Built:
        journal = Journal(run.journal.path, end=run.journal.size)
        try:
            return self._put(run.dataset, self.layout, journal)
        except DatasetBusyError as error:
            log.warning("%s The scan goes to a new dataset.", error)
        dataset = self._datasets.take_other(run.dataset, next(iter(journal))[1])
        run.moves_to(dataset)
        return self._put(dataset, self.layout, journal)

    def flush(self) -> None:
        """Force what was journalled to the disk, against the loss of power."""
        for run in list(self._runs.values()):
            run.journal.sync()

    def close(self) -> None:
        """Write the runs that have not stopped as they are, and end.

        In a forked child it does nothing: the runs are the parent's.
        """
        with contextlib.ExitStack() as all_of_them:
            for run in reversed(list(self._runs.values())):
                if run.journal.is_ours:
                    all_of_them.callback(self._finish, run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove(journal: Path, built: Built) -> None:
    try:
        journal.unlink()
    except OSError as error:
        log.warning(
            "%s is in %s, but its journal %s could not be removed (%s); "
            "`pymo-bluesky recover` does it",
            built.scan,
            built.path,
            journal,
            error,
        )


def _tell(built: Built, problems: Sequence[Problem]) -> None:
    if problems:
        log.warning(
            "%s, %s: %d remarks, which `pymo-bluesky validate` tells; the first: %s",
            built.path.name,
            built.scan,
            len(problems),
            problems[0].message,
        )


def _key_of(doc: Mapping[str, Any]) -> str:
    return str(doc.get("uid") or doc.get("datum_id") or "without uid")
