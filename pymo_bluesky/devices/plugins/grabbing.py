"""A detector plugin in its thread: grabs, averages, live frames; knows no device."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, ClassVar

from pymo_bluesky.devices.plugins.arrays import Measured, measured
from pymo_bluesky.devices.plugins.driver import PluginDriver
from pymo_bluesky.devices.plugins.errors import PluginError, PluginTimeoutError

__all__ = ["DetectorDriver"]

_log = logging.getLogger(__name__)
Frame = tuple[Measured, ...]


class DetectorDriver(PluginDriver):
    """A plugin of a detector."""

    initialize: ClassVar[str] = "ini_detector"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = threading.Lock()
        self._wanted: Future[Frame] | None = None
        self._live: Future[None] | None = None
        self.first: Frame = ()
        super().__init__(*args, **kwargs)

    def _connect(self, direct: Any) -> None:
        # Old plugins emit lists by `data_grabed_signal`; their base class passes them
        # on to `dte_signal`.
        self.plugin.dte_signal.connect(self._arrived, direct)
        self.plugin.dte_signal_temp.connect(self._announced, direct)

    @property
    def averages(self) -> bool:
        """Whether the plugin averages by itself."""
        return bool(self.plugin.hardware_averaging)

    @property
    def live(self) -> bool:
        """Whether frames come without being asked for."""
        return self._live is not None

    @property
    def busy(self) -> bool:
        """Whether somebody waits for data, or frames come by themselves."""
        return self._wanted is not None or self.live

    # ------------------------------------------------------------------ data

    def _announced(self, data: Any) -> None:
        """Take the empty data by which plugins announce what they will give."""
        if not self.first:
            try:
                self.first = measured(data)
            except PluginError:  # an announcement of nothing
                _log.debug("%s announced nothing", self.title, exc_info=True)

    def _arrived(self, data: Any) -> None:
        """Take data, in whatever thread the plugin emits them."""
        with self._lock:
            wanted, self._wanted = self._wanted, None
        if wanted is None:  # a live frame that nobody waits for, or too late
            return
        try:
            frame = measured(data)
        except Exception as error:  # noqa: BLE001 - goes to the plan
            _settle(wanted, error=self.failure("reading the data", error))
        else:
            _settle(wanted, frame)

    def _want(self) -> Future[Frame]:
        wanted: Future[Frame] = Future()
        with self._lock:
            self._wanted = wanted
        return wanted

    def _give_up(self, error: Exception) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, None
        if wanted is not None:
            _settle(wanted, error=error)

    # ------------------------------------------------------------------ grabbing

    def grab(self, naverage: int, timeout: float) -> Frame:
        """Take data once.

        Parameters
        ----------
        naverage
            How many measurements the plugin is to average.
        timeout
            Seconds that it may take.

        Raises
        ------
        PluginError
            When the plugin raises, gives what are no data, or was stopped.
        PluginTimeoutError
            When no data come.
        """
        wanted = self._want()
        if not self.live:
            self.submit(lambda: self._start(naverage, wanted))
        try:
            return wanted.result(timeout)
        except FutureTimeoutError as error:
            if wanted.done():  # it is the plugin's own
                raise
            self._give_up(error)
            self.stop()
            raise PluginTimeoutError(
                f"{self.title}: {self.found.name} gave no data within {timeout:g} s; "
                "is it waiting for a trigger? otherwise give it a longer timeout"
            ) from error

    def _start(self, naverage: int, wanted: Future[Frame]) -> None:
        if wanted.done():
            return
        try:
            answer = self.plugin.grab_data(naverage, live=False, wait_time=0)
        except Exception as error:  # noqa: BLE001 - goes to the plan
            self._give_up(self.failure("grab_data", error))
            return
        if answer is not None and not isinstance(answer, str | bool):
            self._arrived(answer)  # returned, and not emitted

    def start_live(self, naverage: int) -> None:
        """Let frames come by themselves, until `stop`."""
        if not self.plugin.live_mode_available:
            raise PluginError(
                f"{self.title}: {self.found.name} has no live mode; build it without"
            )

        def run() -> None:
            try:
                self.plugin.grab_data(naverage, live=True, wait_time=0)
            except Exception as error:  # noqa: BLE001 - goes to the plan
                self._give_up(self.failure("grab_data", error))

        self._live = self.submit(run)

    # ------------------------------------------------------------------ stopping

    def stop(self, grace: float = 0.5) -> None:
        """Stop what is going on; who waits for data gets an exception.

        Parameters
        ----------
        grace
            Seconds to wait for the plugin's thread. A plugin that grabs in a loop of
            its own keeps it busy; its ``stop`` is then called from this thread.
        """
        self._give_up(PluginError(f"{self.title} was stopped before it gave data"))
        self._live = None
        told = self.submit(self.plugin.stop)
        try:
            told.result(grace)
        except FutureTimeoutError:
            if told.cancel():
                self.plugin.stop()
        except Exception as error:
            raise self.failure("stop", error) from error

    def _close(self) -> None:
        self._give_up(PluginError(f"{self.title} was closed"))
        super()._close()


def _settle(
    wanted: Future[Frame], frame: Frame = (), error: Exception | None = None
) -> None:
    try:
        if error is None:
            wanted.set_result(frame)
        else:
            wanted.set_exception(error)
    except InvalidStateError:
        _log.debug("data that nobody waits for any more")
