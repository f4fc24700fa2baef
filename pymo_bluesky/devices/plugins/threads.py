"""A Qt thread that plugins live in, and that runs jobs; knows no plugin and no ophyd.

Plugins need a thread with Qt's event loop: their timers fire, and their queued signals
arrive, in no other. The main thread and the RunEngine's need no loop for that.
"""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from pymo_bluesky.devices.plugins.errors import PluginError, PluginTimeoutError
from pymo_bluesky.devices.plugins.toolkit import toolkit

__all__ = ["HardwareThread"]

T = TypeVar("T")
Job = tuple[Callable[[], Any], "Future[Any]"]

# A QThread that Python forgets while it runs takes the interpreter down (Qt 6).
_RUNNING: set[HardwareThread] = set()
_LAST_WORD_MS = 2000


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
    """A Qt thread with an event loop.

    Parameters
    ----------
    name
        Shown by debuggers, and in messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._qt = toolkit().qt
        self._thread = self._qt.QThread()
        self._thread.setObjectName(name)
        self._runner = _runner()()
        self._runner.moveToThread(self._thread)
        self._thread.start()
        _RUNNING.add(self)
        _quit_at_exit()

    @property
    def running(self) -> bool:
        """Whether jobs are still taken."""
        return self in _RUNNING

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
        if self._qt.QThread.currentThread() == self._thread:
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
        """End the event loop, and wait for that."""
        if not self.running:
            return
        self._thread.quit()
        if self._thread.wait(_LAST_WORD_MS):
            _RUNNING.discard(self)


@functools.cache
def _quit_at_exit() -> None:
    # Qt is imported by now, so this runs before Qt ends itself.
    atexit.register(_quit_all)


def _quit_all() -> None:
    for thread in list(_RUNNING):
        thread.quit()
        if thread.running:  # stuck in a vendor's library
            thread._thread.terminate()  # noqa: SLF001 - the alternative is an abort
            thread._thread.wait(_LAST_WORD_MS)  # noqa: SLF001
