"""Any actuator plugin of PyMoDAQ as an ophyd positioner; knows nothing of Qt."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, ClassVar, cast

from ophyd import Component as Cpt
from ophyd import Device
from ophyd.positioner import PositionerBase
from ophyd.status import MoveStatus
from ophyd.status import wait as wait_for_status
from ophyd.utils import LimitError

from pymo_bluesky.devices.actuator import Actuator
from pymo_bluesky.devices.plugins.errors import PluginError
from pymo_bluesky.devices.plugins.finding import find_plugin
from pymo_bluesky.devices.plugins.moving import ActuatorDriver, Motion
from pymo_bluesky.devices.plugins.settings import settings_device
from pymo_bluesky.devices.plugins.tailoring import tailor
from pymo_bluesky.devices.setting import Setting

__all__ = ["PluginActuator"]

# How long a stop waits for a plugin that is busy, before it goes past it.
_STOP_GRACE = 0.5


class PluginActuator(Device, PositionerBase):  # pyright: ignore[reportIncompatibleMethodOverride]
    """An actuator plugin of PyMoDAQ, without PyMoDAQ's windows.

    Building it imports PyMoDAQ (10 to 15 s the first time), starts Qt in a thread of
    its own and initialises the instrument. Limits, units and epsilon are the plugin's.

    Parameters
    ----------
    plugin
        The name of its class: ``"DAQ_Move_Mock"``, or ``"Mock"``.
    name
        Of the device.
    axis
        One of the plugin's axes; by default its first.
    settings
        Of the plugin, by path (``"bounds/min_bound"``) or as nested mappings.
    controller
        A name. Plugins that give the same one share the controller of the first, as
        PyMoDAQ's slaves share their master's, and are served in turn.
    precision
        Digits after the point in tables; by default what epsilon makes sense of.
    settle_time
        Seconds to wait after a move before it counts as done.
    timeout
        Seconds that a move may take; by default what the plugin's own setting
        ``timeout`` says.
    poll_period
        Seconds between two looks at a moving axis; more for a slow serial line.
    answer_timeout
        Seconds that the plugin may take for any answer, its initialisation included.
    **device
        What `ophyd.Device` takes: kind, labels…

    Attributes
    ----------
    settings
        The plugin's tree of settings: ``x.settings.bounds.max_bound``.

    Raises
    ------
    PluginError
        When there is no such plugin, axis or setting, or the initialisation fails.
    MissingExtraError
        When PyMoDAQ is not installed.

    Examples
    --------
    With ``pip install "pymo-bluesky[pymodaq]" pymodaq-plugins-mock``::

        x = PluginActuator("DAQ_Move_Mock", name="x", axis="X", controller="stage")
        y = PluginActuator("DAQ_Move_Mock", name="y", axis="Y", controller="stage")
        RE(bps.mv(x.settings.tau, 50))
        RE(bp.grid_scan([camera], x, 0, 1, 5, y, 0, 1, 5))
    """

    settings_root: ClassVar[str] = Actuator.settings_root

    readback = Actuator.readback
    setpoint = Actuator.setpoint
    move_type = Cpt(Setting, value="", readonly=True, path="main_settings/move_type")

    settings: Any
    driver: ActuatorDriver

    def __init__(
        self,
        plugin: str,
        *,
        name: str,
        axis: str | None = None,
        settings: Mapping[str, Any] | None = None,
        controller: str = "",
        precision: int | None = None,
        settle_time: float = 0.0,
        timeout: float | None = None,
        poll_period: float = 0.01,
        answer_timeout: float = 30.0,
        **device: Any,
    ) -> None:
        self._motion: Motion | None = None
        self._telling = threading.local()
        self.driver = ActuatorDriver(
            find_plugin(plugin, "actuator"),
            title=name,
            axis=axis,
            settings=settings,
            controller=controller,
            poll_period=poll_period,
            timeout=answer_timeout,
        )
        try:
            here = self.driver.position()
            made = settings_device(self.driver, self.settings_root)
            tailor(self, {"settings": Cpt(made, kind="config")})
            super().__init__(
                "", name=name, settle_time=settle_time, timeout=timeout, **device
            )
        except BaseException:
            self.driver.close()
            raise
        self._precision = self.driver.decimals() if precision is None else precision
        self._begin(here)

    def _begin(self, here: float) -> None:
        self.readback.name = self.name
        self.setpoint.put(here, force=True)
        self.move_type.put(self.driver.found.short_name, force=True)
        self._set_position(here)

    @property
    def egu(self) -> str:
        """The unit of positions, by ophyd's name for it."""
        return self.driver.units

    @property
    def precision(self) -> int:
        """Digits after the point; ophyd and progress bars ask for it by this name."""
        return self._precision

    @property
    def limits(self) -> tuple[Any, Any]:
        """Lowest and highest position; equal when the plugin's bounds are not set."""
        return self.driver.limits

    @property
    def position(self) -> float:
        """Where the hardware is, in `egu`."""
        if getattr(self._telling, "a_status", False):
            return float(cast("float", self._position))
        return self.refresh()

    @contextlib.contextmanager
    def _tell_a_status(self) -> Iterator[None]:
        """Let ophyd's MoveStatus have the last position, not ask the hardware.

        It asks when it is made and when it is done; a stop would have to wait for the
        answer of a plugin that is stuck.
        """
        self._telling.a_status = True
        try:
            yield
        finally:
            self._telling.a_status = False

    def refresh(self, *, tell: bool = True) -> float:
        """Ask the hardware for its position, and tell all who watch it."""
        position = self.driver.position()
        if tell:
            self._take(position)
        else:
            self.readback.note(position)
            self._position = position
        return position

    def _take(self, position: float) -> None:
        self.readback.put(position, force=True)
        self._set_position(position)

    def check_value(self, value: float, **_: Any) -> None:
        """Refuse a position that is no number or beyond the plugin's bounds."""
        # The plugin itself would go to the bound instead, without a word.
        low, high = self.limits
        if not math.isfinite(value):
            raise LimitError(f"{self.name}: {value} is no position")
        if low < high and not low <= value <= high:
            raise LimitError(
                f"{self.name}: {value} {self.egu} is not within {low} and {high} "
                f"{self.egu}, the bounds in its settings; nothing moved"
            )

    def move(
        self,
        position: float,
        moved_cb: Callable[..., None] | None = None,
        timeout: float | None = None,
        wait: bool = False,
    ) -> MoveStatus:
        """Start a move; the status is done when it has ended (and settled).

        Parameters
        ----------
        position
            The target, in `egu`.
        moved_cb
            Called with the status when it is done; ophyd's old interface.
        timeout
            Seconds; by default the device's, or else the plugin's own.
        wait
            Whether to return only when the move has ended.
        """
        position = float(position)
        self.check_value(position)
        self._end_motion(PluginError(f"{self.name} was sent on to {position}"))
        self.refresh()
        with self._tell_a_status():
            status = MoveStatus(self, position, settle_time=self.settle_time)
        if moved_cb is not None:
            status.add_callback(lambda _: moved_cb(obj=self))
        motion = Motion(position, self._take, lambda error: self._ended(status, error))
        self._motion, self._moving = motion, True
        self.setpoint.put(position, force=True)
        self._run_subs(sub_type=self.SUB_START, timestamp=time.time())
        self.driver.move(motion, self.timeout if timeout is None else timeout)
        if wait:
            wait_for_status(status)
        return status

    def _ended(self, status: MoveStatus, error: Exception | None) -> None:
        self._moving = False
        with self._tell_a_status():
            if error is None:
                status.set_finished()
            else:
                status.set_exception(error)
        if error is None:
            self._run_subs(sub_type=self.SUB_DONE, timestamp=time.time())

    def _end_motion(self, error: Exception | None) -> bool:
        """End the move under way; False when there is none."""
        return self._motion is not None and self._motion.end(error)

    def stop(self, *, success: bool = False) -> None:
        """Stop the hardware; a move under way fails, unless `success`."""
        # First the status: most plugins say of a stopped move that it is done.
        stopped = PluginError(f"{self.name} was stopped on its way")
        under_way = self._end_motion(None if success else stopped)
        told = self.driver.stop()
        if not under_way:
            return
        try:
            told.result(_STOP_GRACE)
        except FutureTimeoutError:
            self.driver.stop_here()
        except Exception as error:
            raise self.driver.failure("stop_motion", error) from error

    def close(self) -> None:
        """Close the instrument; also those that share its controller, if it is first.

        Raises
        ------
        PluginError
            When the plugin fails at it.
        """
        self._end_motion(PluginError(f"{self.name} was closed on its way"))
        self.driver.close()

    def destroy(self) -> None:
        """Close the instrument, and leave the device to ophyd to forget."""
        self.close()
        super().destroy()
