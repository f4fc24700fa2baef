"""Runs that are over, into their datasets; knows no documents but the start."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ..assets.cutting import Mode
from ..building import Built, add_scan, lost_documents
from ..compression import Compression
from ..display import Display
from ..errors import (
    DatasetBusyError,
    JournalError,
    Problem,
    PymoError,
    WriteError,
)
from ..journal import ABOUT, Journal, remove_journal
from .openrun import OpenRun
from .rescue import Rescue
from .status import Status
from .succession import Succession

__all__ = ["Landing"]

log = logging.getLogger("pymo_bluesky")


class Landing:
    """Puts runs that are over into datasets.

    Parameters
    ----------
    datasets
        Which dataset follows which.
    status
        What became of them is told here.
    assets, lock_timeout
        As for `PymodaqWriter`.
    compression
        Of the larger arrays.
    display
        What scans bear for viewers.
    folder
        Where the dataset will be, when it is not where it is made.
    rescue
        Where runs go whose own dataset cannot be written.

    Attributes
    ----------
    paths, scans
        Dataset and name of the scan of each run, by its uid.
    """

    def __init__(
        self,
        datasets: Succession,
        status: Status,
        *,
        assets: Mode,
        lock_timeout: float,
        display: Display,
        folder: Path | None = None,
        rescue: Rescue | None = None,
        compression: Compression | None = None,
    ) -> None:
        self.paths: dict[str, Path] = {}
        self.scans: dict[str, str] = {}
        self._datasets = datasets
        self._status = status
        self._rescue = rescue
        self._put = partial(
            add_scan,
            assets=assets,
            lock_timeout=lock_timeout,
            folder=folder,
            compression=compression,
            display=display,
        )
        self._one_at_a_time = threading.Lock()
        self._behind: list[Future[None]] = []
        self._threads: ThreadPoolExecutor | None = None
        self._pid = os.getpid()

    # ------------------------------------------------------------------ when, and who

    def land_behind(self, run: OpenRun) -> None:
        """Put a run into its dataset while others go on; `wait` tells how it went."""
        if self._threads is None or self._pid != os.getpid():
            self._threads = ThreadPoolExecutor(1, "pymo-bluesky landing")
            self._behind, self._pid = [], os.getpid()
        self._behind.append(self._threads.submit(self._land_alone, run))

    def _land_alone(self, run: OpenRun) -> None:
        try:
            self.land(run)
        except WriteError as error:
            log.error("%s", error)  # nobody hears it before `wait`
            raise

    def wait(self) -> None:
        """Wait for what lands behind.

        Raises
        ------
        WriteError
            When one of the runs could not be put into a dataset; `Status.left` tells
            of all.
        """
        if self._pid != os.getpid():  # a fork: the threads are the parent's
            return
        landed, self._behind = self._behind, []
        errors = [future.exception() for future in landed]
        for error in filter(None, errors):
            raise error

    def settle(self) -> None:
        """Wait for what lands behind, and leave its errors to `wait`."""
        if self._pid == os.getpid():
            for future in self._behind:
                future.exception()

    # ---------------------------------------------------------------------- landing

    def land(self, run: OpenRun) -> None:
        """Put a run into its dataset; its journal goes when that is done.

        Raises
        ------
        WriteError
            When it cannot be, and there is no rescue; its journal stays.
        """
        try:
            with self._one_at_a_time:
                built = self._add(run)
        except BaseException as error:
            self.leave(run)
            if not isinstance(error, Exception):
                raise
            but = (
                f" but for {run.outbox.lost}, which are lost" if run.outbox.lost else ""
            )
            damaged = isinstance(error, JournalError)
            what = (
                "What is left of its documents is"
                if damaged
                else "Its documents are safe"
            )
            told = WriteError(
                f"the run {run.uid} is not in a dataset: {error}. {what} in "
                f"{run.journal.path}{but}; `pymo-bluesky recover` makes a scan of them"
            )
            if self._rescue is None:
                raise told from error
            log.error("%s", told)
            return
        self.paths[run.uid], self.scans[run.uid] = built.path, built.scan
        self._status.written += 1
        problems = [*built.problems, *run.problems()]
        self._status.problems.extend(problems)
        # Ours to the end: a `recover` in between would add the scan once more.
        _remove(run.journal.path, built)
        run.close()
        self._tell(run, built, problems)

    def leave(self, run: OpenRun) -> None:
        """Leave a run to `recover`; the next one gets a dataset that may do better."""
        run.outbox.close()
        if run.outbox.lost:
            with contextlib.suppress(WriteError):  # the disk may do better now
                run.journal.append(ABOUT, {"lost": run.outbox.lost})
        run.close()
        self._status.left.append(run.journal.path)
        self._status.failed.setdefault(run.uid, "it is not in a dataset")
        self.paths.pop(run.uid, None)
        self._datasets.leave(run.dataset)

    def _add(self, run: OpenRun) -> Built:
        run.end()
        run.outbox.close()
        journal = Journal(run.journal.path, end=run.journal.size)
        lost = lost_documents(run.uid, run.outbox.lost)
        put = partial(
            self._put,
            layout=self._datasets.layout,
            journal=journal,
            room=run.room.reserved if run.room else None,
        )
        try:
            try:
                return put(run.dataset, remarks=lost)
            except DatasetBusyError as error:
                log.warning("%s The scan goes to a new dataset.", error)
            start = next(iter(journal))[1]
            dataset = self._datasets.take_other(run.dataset, start)
            if dataset.parent == run.journal.path.parent:
                run.moves_to(dataset)
            return put(dataset, remarks=lost)
        except (PymoError, OSError) as error:
            if self._rescue is None:
                raise
            run.failure = run.failure or str(error)
        return self._add_elsewhere(run, journal, lost)

    def _add_elsewhere(
        self, run: OpenRun, journal: Journal, lost: Sequence[Problem]
    ) -> Built:
        """Put a run into a dataset of its own where there is a disk that works."""
        assert self._rescue is not None
        start = next(iter(journal))[1]
        reasons: list[str] = []
        for folder in self._rescue.folders:
            try:
                dataset = self._datasets.take_elsewhere(folder, start)
                if run.journal.path.parent == folder:
                    run.moves_to(dataset)
                return self._put(
                    dataset,
                    self._datasets.layout,
                    Journal(run.journal.path, end=run.journal.size),
                    remarks=lost,
                )
            except (PymoError, OSError) as error:
                reasons.append(f"{folder}: {error}")
        raise WriteError("; ".join([run.failure, *reasons]))

    def _tell(self, run: OpenRun, built: Built, problems: Sequence[Problem]) -> None:
        if run.failure:
            self._status.failed.setdefault(run.uid, run.failure)
        if built.path.parent != run.home:
            self._status.rescued.append(built.path)
        if run.failure or run.outbox.lost:
            log.error(
                "WRITING FAILED during the run %s: %s. %s; it is %s of %s",
                run.uid,
                run.failure,
                f"{run.outbox.lost} documents are missing from its scan"
                if run.outbox.lost
                else "Its scan holds all that came",
                built.scan,
                built.path,
            )
        if problems:
            log.warning(
                "%s, %s: %d remarks, which `pymo-bluesky validate` tells; the first: "
                "%s",
                built.path.name,
                built.scan,
                len(problems),
                problems[0].message,
            )


def _remove(journal: Path, built: Built) -> None:
    try:
        remove_journal(journal)
    except OSError as error:
        log.warning(
            "%s is in %s, but its journal %s could not be removed (%s); "
            "`pymo-bluesky recover` does it",
            built.scan,
            built.path,
            journal,
            error,
        )
