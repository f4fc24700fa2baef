"""One PyMoDAQ plugin in its thread, as DAQ_Move or DAQ_Viewer run it; knows no device.

PyMoDAQ's own workers are not used: they log what a plugin raises and go on (5.3.8,
``DetectorWorker.grab_data``, ``ActuatorWorker.queue_command``).
"""

from __future__ import annotations

import atexit
import copy
import functools
import logging
import platform
import sys
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar, TypeVar

from pymo_bluesky.devices.plugins.errors import PluginError, PluginTimeoutError
from pymo_bluesky.devices.plugins.finding import Plugin
from pymo_bluesky.devices.plugins.parameters import (
    Path,
    common_paths,
    flattened,
    leaf_at,
    leaves,
    set_initially,
)
from pymo_bluesky.devices.plugins.threads import HardwareThread
from pymo_bluesky.devices.plugins.toolkit import toolkit

__all__ = ["PluginDriver"]

T = TypeVar("T")
_log = logging.getLogger(__name__)
_open: weakref.WeakSet[PluginDriver] = weakref.WeakSet()
_undead: list[Any] = []
_controllers: dict[str, PluginDriver] = {}


class _StatusSignal:
    """Where a plugin reports to its worker."""

    def __init__(self, receive: Callable[[Any], None]) -> None:
        self.emit = receive


class _Worker:
    """All that plugins use of PyMoDAQ's ActuatorWorker or DetectorWorker."""

    def __init__(self, title: str, receive: Callable[[Any], None]) -> None:
        self.title = title
        self.status_sig = _StatusSignal(receive)


class PluginDriver:
    """What drivers of actuators and detectors share: init, settings, close.

    Parameters
    ----------
    found
        The plugin.
    title
        The name of the device.
    settings
        By path (``"bounds/min_bound"``) or as nested mappings. The initialisation of
        the plugin starts from them, as from those of a PyMoDAQ experiment.
    controller
        A name under which several plugins share one controller and one thread: the
        first is PyMoDAQ's master, the others are its slaves. Empty: its own.
    timeout
        Seconds that any answer of the plugin, init included, may take.

    Raises
    ------
    PluginError
        When the plugin cannot be imported, a setting does not exist or cannot have the
        value, or the initialisation fails.
    """

    initialize: ClassVar[str]  # the plugin's method

    def __init__(
        self,
        found: Plugin,
        *,
        title: str,
        settings: Mapping[str, Any] | None = None,
        controller: str = "",
        timeout: float = 30.0,
    ) -> None:
        self.found, self.title, self.timeout = found, title, timeout
        self.info = ""
        self._watchers: dict[Path, Callable[[Any], None]] = {}
        self.plugin: Any = None
        toolkit()
        cls = found.load()
        self._refuse_foreign_system(cls)
        self._master = _controllers.get(controller)
        self.slaves: list[PluginDriver] = []
        initial = self._initial_settings(cls, dict(settings or {}))
        self.thread = (
            self._master.thread if self._master else HardwareThread(controller or title)
        )
        try:
            self.call(lambda: self._make(cls, initial), "initialisation")
        except BaseException:
            self.submit(self._dispose)
            if self._master is None:
                self.thread.quit()
            raise
        self._controller = controller
        if self._master:
            self._master.slaves.append(self)
        elif controller:
            _controllers[controller] = self
        _open.add(self)
        _close_at_exit()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title} ({self.found.name})>"

    # ------------------------------------------------------------------ building

    def _refuse_foreign_system(self, cls: Any) -> None:
        for attribute, here in (
            ("supported_platforms", sys.platform),
            ("supported_architectures", platform.machine()),
        ):
            supported = getattr(cls, attribute, None)  # new in PyMoDAQ 5.3
            if supported and here not in supported:
                raise PluginError(
                    f"{self.title}: {self.found.name} works on {', '.join(supported)} "
                    f"only, and this is {here}"
                )

    def _initial_settings(self, cls: Any, given: dict[str, Any]) -> Any:
        """The tree that the plugin starts from, as `given` and the master want it."""
        tree = toolkit().parameter.create(
            name="Settings", type="group", children=copy.deepcopy(cls.params)
        )
        where = f"{self.title} ({self.found.name})"
        if self._master is not None:
            self._follow_master(cls, tree)
        for path, value in flattened(tree, given, where):
            set_initially(leaf_at(tree, path, where), path, value, where)
        return tree

    def _follow_master(self, cls: Any, tree: Any) -> None:
        assert self._master is not None
        controller = tree.child("controller")
        controller.child("controller_status").setValue("Slave")
        controller.child("controller_ID").setValue(
            self._master.settings["controller", "controller_ID"]
        )
        if type(self._master.plugin) is cls:
            # A slave of pymodaq-plugins-mock 5.3.0 sends its own defaults to the
            # controller that its master has already been told others.
            own = common_paths()
            for path, leaf in leaves(self._master.settings):
                if path[0] not in own:
                    tree.child(*path).setValue(leaf.value())

    def _make(self, cls: Any, initial: Any) -> None:
        self.plugin = cls(_Worker(self.title, self._receive), initial.saveState())
        direct = toolkit().qt.Qt.ConnectionType.DirectConnection
        self.plugin.settings.sigTreeStateChanged.connect(self._tree_changed, direct)
        self._connect(direct)
        controller = self._master.plugin.controller if self._master else None
        answer = getattr(self.plugin, self.initialize)(controller)
        if isinstance(answer, Mapping):  # as before PyMoDAQ 4
            info, done = answer.get("info", ""), answer.get("initialized", False)
        elif isinstance(answer, tuple) and len(answer) == 2:
            info, done = answer
        else:
            raise PluginError(
                f"{self.initialize} returned {answer!r}, and not (info, initialized)"
            )
        self.info = str(info)
        if not done:
            raise PluginError(f"it says that it is not initialised: {info!r}")

    def _connect(self, direct: Any) -> None:
        """Listen to the plugin's signals, in the thread that emits them."""
        raise NotImplementedError

    # ------------------------------------------------------------------ talking

    @property
    def settings(self) -> Any:
        """The plugin's tree of settings (pyqtgraph's Parameter)."""
        return self.plugin.settings

    def call(self, work: Callable[[], T], what: str) -> T:
        """Run `work` in the plugin's thread; what it raises names device and plugin."""
        whole = f"{self.title}: {what} of {self.found.name}"
        try:
            return self.thread.call(work, timeout=self.timeout, what=whole)
        except Exception as error:
            raise self.failure(what, error) from error

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Let `work` be run in the plugin's thread."""
        return self.thread.submit(work)

    def failure(self, what: str, error: BaseException) -> PluginError:
        """Return what goes to the plan when the plugin has raised `error`."""
        if isinstance(error, PluginTimeoutError):
            return error
        told = str(error) if isinstance(error, PluginError) else repr(error)
        made = PluginError(f"{self.title}: {what} of {self.found.name} failed: {told}")
        made.__cause__ = error
        return made

    def _receive(self, command: Any) -> None:
        """Take what the plugin tells its worker; in the plugin's thread."""
        name = str(command.command).lower()
        if name == "update_status":
            _log.info("%s: %s", self.title, command.attribute)

    def _tree_changed(self, _: Any, changes: list[tuple[Any, str, Any]]) -> None:
        for parameter, change, value in changes:
            path = self.settings.childPath(parameter)
            if change == "value" and tuple(path or ()) in self._watchers:
                self._watchers[tuple(path)](value)

    def watch(self, path: Path, changed: Callable[[Any], None]) -> None:
        """Call `changed` with the value of a parameter whenever it has another one."""
        self._watchers[path] = changed

    def apply(self, path: Path, value: Any) -> None:
        """Set a parameter and commit it, as PyMoDAQ does; in the plugin's thread."""
        parameter = self.settings.child(*path)
        before = parameter.value()
        parameter.setValue(value)
        try:
            self._commit(parameter)
        except BaseException:
            parameter.setValue(before)  # the instrument has not got the new one
            raise

    def _commit(self, parameter: Any) -> None:
        # PluginBase.update_settings would turn an exception into a status line.
        self.plugin.commit_settings(parameter)

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Close the instrument, those that share its controller first; then its thread.

        Raises
        ------
        PluginError
            When the plugin's ``close`` fails; the plugin is gone all the same.
        """
        if self not in _open:
            return
        _open.discard(self)
        for slave in list(self.slaves):
            slave.close()
        try:
            self.call(self._close, "close")
        finally:
            if self._master is not None:
                self._master.slaves.remove(self)
            else:
                _controllers.pop(self._controller, None)
                self.thread.quit()

    def _close(self) -> None:
        try:
            self.plugin.close()
        finally:
            self._dispose()

    def _dispose(self) -> None:
        """Let Qt delete the plugin, with its timers in the thread they belong to."""
        if self.plugin is None:
            return
        threads = self.plugin.findChildren(toolkit().qt.QThread)
        if any(thread.isRunning() for thread in threads):
            # Left running by the plugin's own `close`; to delete a running thread
            # would abort Python.
            _undead.append(self.plugin)
        else:
            self.plugin.deleteLater()


@functools.cache
def _close_at_exit() -> None:
    atexit.register(_close_all)  # before the threads end, which registered earlier


def _close_all() -> None:
    for driver in list(_open):
        try:
            driver.close()
        except PluginError as error:
            _log.warning("%s", error)
