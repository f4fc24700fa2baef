"""An actuator plugin in its thread: moves, their end, stops; knows no device."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar

from ophyd.utils import LimitError

from pymo_bluesky.devices.plugins.driver import PluginDriver
from pymo_bluesky.devices.plugins.errors import PluginError, PluginTimeoutError
from pymo_bluesky.devices.plugins.finding import Plugin
from pymo_bluesky.devices.plugins.toolkit import toolkit

__all__ = ["ActuatorDriver", "Motion"]

_log = logging.getLogger(__name__)
# What a plugin's own timeout may take longer, before the bridge sees to it.
_GRACE = 5.0


class Motion:
    """One move, ended once, by whoever comes first.

    Parameters
    ----------
    target
        In the unit of the axis.
    progress
        Called with each position on the way, in the plugin's thread.
    ended
        Called once: with None when it has arrived, or with why not.
    """

    def __init__(
        self,
        target: float,
        progress: Callable[[float], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self.target = target
        self.progress = progress
        self._tell = ended
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.over = False

    def limit(self, seconds: float, expired: Callable[[], None]) -> None:
        """Call `expired` if it has not ended in `seconds`."""
        self._timer = threading.Timer(seconds, expired)
        self._timer.daemon = True
        self._timer.start()

    def end(self, error: Exception | None = None) -> bool:
        """End it; False when it had ended before."""
        with self._lock:
            if self.over:
                return False
            self.over = True
        if self._timer is not None:
            self._timer.cancel()
        self._tell(error)
        return True


class ActuatorDriver(PluginDriver):
    """A plugin of an actuator, on one axis of its controller.

    Parameters
    ----------
    axis
        One of the plugin's axes; by default its first.
    poll_period
        Seconds between two looks at a moving axis. PyMoDAQ looks every 0.1 s.
    **driver
        What `PluginDriver` takes.
    """

    initialize: ClassVar[str] = "ini_stage"

    def __init__(
        self,
        found: Plugin,
        *,
        axis: str | None = None,
        settings: Mapping[str, Any] | None = None,
        poll_period: float = 0.01,
        **driver: Any,
    ) -> None:
        self._axis = axis
        self._poll_period = poll_period
        self._motion: Motion | None = None
        super().__init__(found, settings=settings, **driver)

    # ------------------------------------------------------------------ building

    def _initial_settings(self, cls: Any, given: dict[str, Any]) -> Any:
        if tuple(cls.data_shape) not in ((), (1,)):
            raise PluginError(
                f"{self.title}: {self.found.name} moves to arrays of shape "
                f"{tuple(cls.data_shape)}, not to numbers; such actuators are not "
                "supported"
            )
        if self._axis is not None:
            given["controller/axis"] = self._axis
        self._given_epsilon = given.get("epsilon")
        return super()._initial_settings(cls, given)

    def _make(self, cls: Any, initial: Any) -> None:
        super()._make(cls, initial)
        if self._given_epsilon is not None:
            # DAQ_Move_base, when it chooses its axis, goes back to the class' own.
            self.plugin.epsilon = initial["epsilon"]
            self.settings.child("epsilon").setValue(initial["epsilon"])

    def _connect(self, direct: Any) -> None:
        plugin = self.plugin
        # Of 5.3.8, all plugins of a class share one list, which `epsilon` writes to.
        plugin.epsilons = plugin.epsilons.copy()
        plugin.move_done_signal.connect(self._arrived, direct)
        plugin.poll_timer.setInterval(max(1, round(1000 * self._poll_period)))
        plugin.poll_timer.timeout.disconnect()
        plugin.poll_timer.timeout.connect(self._poll, direct)
        self._ask = plugin.get_actuator_value
        plugin.get_actuator_value = self._asked

    # ------------------------------------------------------------------ looking

    @property
    def units(self) -> str:
        """The unit of the axis."""
        return str(self.plugin.axis_unit)

    @property
    def epsilon(self) -> float:
        """How near to the target is there."""
        return float(self.plugin.epsilon)

    @property
    def axis(self) -> str:
        """The name of the axis; empty when the plugin has but one."""
        return str(self.plugin.axis_name)

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest position; equal when the bounds are not in use."""
        settings = self.settings
        if not settings["bounds", "is_bounds"]:
            return (0.0, 0.0)
        return (
            float(settings["bounds", "min_bound"]),
            float(settings["bounds", "max_bound"]),
        )

    def position(self) -> float:
        """Ask the hardware where it is; what cannot tell is where it was sent."""
        return self.call(self._position, "get_actuator_value")

    def _position(self) -> float:
        plugin = self.plugin
        if not plugin.has_encoder:
            return self._number(plugin.current_value)
        return self._number(plugin.get_actuator_value())

    def _number(self, value: Any) -> float:
        """A position as a number in the unit of the axis."""
        if hasattr(value, "value"):
            # Old plugins give no unit; then it is the axis' own.
            same = value.units in ("", "dimensionless", self.units)
            value = value.value() if same else value.value(self.units)
        return float(value)

    def _asked(self, *args: Any, **kwargs: Any) -> Any:
        """Stand for the plugin's get_actuator_value."""
        try:
            return self._ask(*args, **kwargs)
        except Exception as error:
            # DAQ_Move_base.check_target_reached logs it, and never ends the move.
            self._end(self.failure("get_actuator_value", error))
            raise

    # ------------------------------------------------------------------ moving

    def move(self, motion: Motion, timeout: float | None) -> None:
        """Start a move; its motion hears of the way and of the end.

        Parameters
        ----------
        motion
            Where to, and who wants to know.
        timeout
            Seconds; None: what the plugin's setting ``timeout`` says.
        """
        allowed = timeout
        if allowed is None:
            allowed = float(self.settings["timeout"]) + _GRACE
        motion.limit(allowed, lambda: self._expired(motion, allowed))

        def start() -> None:
            if motion.over:
                return
            self._motion = motion
            try:
                self._send(motion.target)
            except Exception as error:  # noqa: BLE001 - goes to the plan
                self._end(self.failure("move_abs", error))

        self.submit(start)

    def _send(self, target: float) -> None:
        plugin = self.plugin
        plugin.move_is_done = False
        plugin.ispolling = plugin.has_encoder
        if plugin.has_encoder:
            send, value = plugin.move_abs, target
        else:  # it only knows steps
            send, value = plugin.move_rel, target - self._position()
        as_number = plugin.data_actuator_type.name == "float"
        send(value if as_number else self._with_units(value))
        if plugin.move_is_done:
            return
        if plugin.has_encoder:
            # Else PyMoDAQ's first look compares the position of before.
            plugin.current_value = plugin.get_actuator_value()
        plugin.poll_moving()
        if plugin.poll_timer.isActive():
            self._poll()

    def _with_units(self, value: float) -> Any:
        return toolkit().data_actuator(self.title, data=value, units=self.units)

    def _poll(self) -> None:
        """Look whether the axis has arrived, as the plugin's timer has it."""
        try:
            self.plugin.check_target_reached()
        except Exception as error:  # noqa: BLE001 - goes to the plan
            self.plugin.poll_timer.stop()
            self._end(self.failure("looking whether the target is reached", error))

    def _arrived(self, position: Any) -> None:
        motion = self._motion
        if motion is not None and not motion.over:
            motion.progress(self._number(position))
            motion.end(None)

    def _end(self, error: Exception | None) -> None:
        if self._motion is not None:
            self._motion.end(error)

    def _receive(self, command: Any) -> None:
        name = str(command.command).lower()
        motion = self._motion
        if motion is None or motion.over:
            super()._receive(command)
        elif name == "get_actuator_value":
            motion.progress(self._number(command.attribute))
        elif name == "raise_timeout":
            seconds = float(self.settings["timeout"])
            if motion.end(self._late(motion, seconds)):
                self.plugin.stop_motion()
        elif name == "outofbounds":
            motion.end(
                LimitError(
                    f"{self.title}: {self.found.name} cut {motion.target} "
                    f"{self.units} to its bounds {self.limits}"
                )
            )
        else:
            super()._receive(command)

    def _expired(self, motion: Motion, seconds: float) -> None:
        if motion.end(self._late(motion, seconds)):
            self.stop()

    def _late(self, motion: Motion, seconds: float) -> PluginTimeoutError:
        return PluginTimeoutError(
            f"{self.title}: {self.found.name} did not arrive at {motion.target} "
            f"{self.units} within {seconds:g} s and was stopped; more time: its "
            "setting 'timeout'; less precision: its setting 'epsilon'"
        )

    def stop(self) -> Future[None]:
        """Stop the axis; the future is done when the plugin has been told."""
        return self.submit(self._stop)

    def _stop(self) -> None:
        self.plugin.poll_timer.stop()
        try:
            self.plugin.stop_motion()
        finally:
            self.plugin.poll_timer.stop()

    def stop_here(self) -> None:
        """Stop the axis from this thread, as the plugin's own is stuck in the move."""
        _log.warning(
            "%s: %s is busy; its stop_motion is called from another thread",
            self.title,
            self.found.name,
        )
        self.plugin.stop_motion()

    def _commit(self, parameter: Any) -> None:
        super()._commit(parameter)
        if parameter.name() == "epsilon":  # as DAQ_Move_base.update_settings
            self.plugin.epsilon = parameter.value()

    def decimals(self) -> int:
        """Return how many digits after the point `epsilon` leaves a meaning."""
        epsilon = abs(self.epsilon)
        if not 0 < epsilon < math.inf:
            return 3
        return min(max(0, math.ceil(-math.log10(epsilon)) + 1), 15)
