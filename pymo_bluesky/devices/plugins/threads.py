"""A Qt thread that plugins live in, and that runs jobs; knows no plugin and no ophyd.

Plugins need a thread with Qt's event loop: their timers fire, and their queued signals
arrive, in no other. The main thread and the RunEngine's need no loop for that.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from pymo_bluesky.devices.plugins.errors import PluginError, PluginTimeoutError
from pymo_bluesky.devices.plugins.toolkit import toolkit

__all__ = ["HardwareThread"]

T = TypeVar("T")
Job = tuple[Callable[[], Any], "Future[Any]"]

# Seconds that a thread may take to end.
_LAST_WORD = 2.0


@functools.cache
def _runner() -> type[Any]:
    """Make the class that runs jobs in the thread its instance was moved to."""
    qt = toolkit().qt

    class Runner(qt.QObject):
        submitted = qt.Signal(object)

        def __init__(self) -> None:
            super().__init__()
            self.submitted.connect(self.run, qt.Qt.ConnectionType.QueuedConnection)

        @qt.Slot(object)
        def run(self, job: Job) -> None:
            work, future = job
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - to whoever submitted it
                future.set_exception(error)

    return Runner


class HardwareThread:
    """A thread with Qt's event loop.

    It is Python's and not a ``QThread``, which takes the interpreter down when it still
    runs at the end, as it does when a vendor's library is stuck (Qt 6).

    Parameters
    ----------
    name
        Shown by debuggers, and in messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._ready: Future[None] = Future()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()
        self._ready.result()

    def _live(self) -> None:
        try:
            self._runner = _runner()()
            self._loop = toolkit().qt.QEventLoop()
        except Exception as error:  # noqa: BLE001 - to whoever waits for the thread
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        self._loop.exec()
        # In this thread, to which they belong.
        del self._loop, self._runner

    @property
    def running(self) -> bool:
        """Whether jobs are still taken."""
        return not self._ended.is_set()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Let `work` be run in the thread, after the jobs before it."""
        future: Future[T] = Future()
        if not self.running:
            future.set_exception(PluginError(f"{self.name} is closed"))
        else:
            self._runner.submitted.emit((work, future))
        return future

    def call(self, work: Callable[[], T], *, timeout: float, what: str) -> T:
        """Run `work` in the thread and return what it returns, or raise what it does.

        Parameters
        ----------
        work
            Called without arguments; at once, if this is the thread itself.
        timeout
            Seconds to wait for it.
        what
            What it does, for the message.

        Raises
        ------
        PluginTimeoutError
            When the thread is busy with something else, or `work` takes too long.
        """
        if threading.current_thread() is self._thread:
            return work()
        future = self.submit(work)
        try:
            return future.result(timeout)
        except FutureTimeoutError as error:
            if future.done():  # it was the job that raised it
                raise
            future.cancel()
            raise PluginTimeoutError(
                f"{what} took more than {timeout:g} s; is the instrument of "
                f"{self.name} switched on, and is nothing else going on with it?"
            ) from error

    def quit(self) -> None:
        """End the event loop, and wait a little for that."""
        if not self.running:
            return
        self.submit(lambda: self._loop.quit())
        self._ended.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_LAST_WORD)
