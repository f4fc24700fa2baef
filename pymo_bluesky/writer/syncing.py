"""Journals forced to the disk once in a while, against the loss of power.

Knows no documents; runs beside the plan, which does not wait for it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping

from .openrun import OpenRun

__all__ = ["Syncing"]

log = logging.getLogger("pymo_bluesky")


class Syncing:
    """Syncs the journals of open runs at an interval, as long as there are any.

    Parameters
    ----------
    runs
        The open runs.
    interval
        Seconds between two rounds; without it the system decides.
    """

    def __init__(self, runs: Mapping[str, OpenRun], interval: float | None) -> None:
        self._open = runs
        self._interval = interval
        self._ended = threading.Event()
        self._pid = 0

    def begin(self) -> None:
        """See that it goes on."""
        if self._interval is None:
            return
        if self._pid != os.getpid() or self._ended.is_set():
            self._pid, self._ended = os.getpid(), threading.Event()
            threading.Thread(
                target=self._run, args=[self._ended], name="journal sync", daemon=True
            ).start()

    def end(self) -> None:
        """Sync no more."""
        self._ended.set()

    def _run(self, ended: threading.Event) -> None:
        while not ended.wait(self._interval):
            for run in list(self._open.values()):
                try:
                    run.sync()
                except OSError as error:
                    # The journal raises it again at the next document.
                    log.error("%s could not be synced: %s", run.journal.path, error)
