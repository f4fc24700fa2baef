"""Actuators: what a plan moves; knows nothing of any instrument."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.positioner import PositionerBase
from ophyd.status import MoveStatus
from ophyd.status import wait as wait_for_status
from ophyd.utils import LimitError

from pymo_bluesky.devices.datakeys import describe_value
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.setting import Setting

__all__ = ["Actuator"]


class _Position(Signal):
    """A position of an actuator, its role in the data key; set by the actuator."""

    role: ClassVar[str]

    def __init__(self, **signal: Any) -> None:
        super().__init__(value=math.nan, **signal)
        self._metadata["write_access"] = False

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key, with units, precision and limits of the actuator."""
        actuator: Any = self.parent
        key = describe_value(
            0.0,
            source=self.source_name,
            units=actuator.egu,
            role={"role": self.role},
        )
        key["precision"] = actuator.precision
        low, high = actuator.limits
        if low < high:
            key["lower_ctrl_limit"], key["upper_ctrl_limit"] = low, high
        return {self.name: key}


class _Readback(_Position):
    role = "readback"

    def get(self, **_: Any) -> float:
        """Ask the hardware where it is; who watches is told by moves, not by this.

        A monitor reads what it is told of: to tell it of that again would never end.
        """
        actuator: Any = self.parent
        return float(actuator.refresh(tell=False))

    def note(self, position: float) -> None:
        """Take a position without a word to who watches."""
        self._readback = position
        self._metadata["timestamp"] = time.time()


class _Setpoint(_Position):
    role = "setpoint"


class _Bounds(Device):
    """The positions that an actuator may be sent to."""

    is_bounds = Cpt(Setting, value=False, title="Set Bounds")
    min_bound = Cpt(Setting, value=0.0, title="Min")
    max_bound = Cpt(Setting, value=1.0, title="Max")


# ophyd's own PVPositioner mixes the two in the same way.
class Actuator(Device, PositionerBase):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Something that moves to a number and stays there.

    A subclass overrides `get_actuator_value`, `move_abs` and `stop_motion`, by the
    names they have in a PyMoDAQ plugin; and `is_done` where the hardware knows better
    than the distance to the target.

    Parameters
    ----------
    units
        The unit of positions.
    limits
        Lowest and highest position; None: unlimited.
    precision
        Digits after the point in tables.
    epsilon
        A move is done when the position is that near to the target.
    settle_time
        Seconds to wait after a move before it counts as done.
    timeout
        Seconds that a move may take, or it is stopped and fails; None: any time.
    poll_period
        Seconds between two looks at the position of a moving actuator.
    **device
        What `ophyd.Device` takes.

    Raises
    ------
    LimitError
        By `set`, before anything moves.

    Examples
    --------
    >>> class Stage(Actuator):
    ...     at = 0.0
    ...     def get_actuator_value(self):
    ...         return self.at
    ...     def move_abs(self, value):
    ...         self.at = value
    ...     def stop_motion(self):
    ...         pass
    >>> stage = Stage(name="stage", units="mm", limits=(-1, 1))
    >>> stage.set(0.5).wait()
    >>> stage.position, stage.setpoint.get()
    (0.5, 0.5)
    """

    settings_root: ClassVar[str] = "move_settings"

    readback = Cpt(_Readback, kind="hinted")
    setpoint = Cpt(_Setpoint, kind="normal")
    units = Cpt(Setting, value="", readonly=True)
    epsilon = Cpt(Setting, value=0.0)
    decimals = Cpt(Setting, value=3, limits=(0, 15), title="Precision")
    bounds = Cpt(_Bounds)

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        units: str = "",
        limits: Sequence[float] | None = None,
        precision: int = 3,
        epsilon: float = 1e-6,
        settle_time: float = 0.0,
        timeout: float | None = None,
        poll_period: float = 0.01,
        **device: Any,
    ) -> None:
        self._hardware = threading.RLock()  # one caller at a time talks to it
        self._motion: tuple[MoveStatus, threading.Event] | None = None
        self.poll_period = poll_period
        super().__init__(
            prefix, name=name, settle_time=settle_time, timeout=timeout, **device
        )
        self.readback.name = self.name
        self.units.put(units, force=True)
        self.epsilon.put(epsilon)
        self.decimals.put(precision)
        if limits is not None:
            self._set_limits(*limits)

    def _set_limits(self, low: float, high: float) -> None:
        if not low < high:
            raise DeviceError(
                f"{self.name}: the limits {low}, {high} are not in ascending order"
            )
        self.bounds.min_bound.put(low)
        self.bounds.max_bound.put(high)
        self.bounds.is_bounds.put(True)

    def get_actuator_value(self) -> float:
        """Return the position now, in `units`."""
        raise NotImplementedError(f"{type(self).__name__}.get_actuator_value")

    def move_abs(self, value: float) -> None:
        """Send the hardware to `value`, and return without waiting."""
        raise NotImplementedError(f"{type(self).__name__}.move_abs")

    def stop_motion(self) -> None:
        """Stop the hardware where it is."""
        raise NotImplementedError(f"{type(self).__name__}.stop_motion")

    def is_done(self, target: float, position: float) -> bool:
        """Whether a move to `target` has ended, now at `position`."""
        return abs(position - target) <= self.epsilon.get()

    def refresh(self, *, tell: bool = True) -> float:
        """Ask the hardware for its position, and tell all who watch it."""
        with self._hardware:
            try:
                position = float(self.get_actuator_value())
            except AttributeError as error:
                # ophyd would tell of a missing `position`, and hide the cause.
                raise DeviceError(
                    f"{self.name} cannot tell where it is: {error}"
                ) from error
        if tell:
            self.readback.put(position, force=True)
            self._set_position(position)
        else:
            self.readback.note(position)
            self._position = position
        return position

    @property
    def position(self) -> float:
        """Where the hardware is, in `units`."""
        return self.refresh()

    @property
    def egu(self) -> str:
        """The unit of positions, by ophyd's name for it."""
        return str(self.units.get())

    @property
    def precision(self) -> int:
        """Digits after the point; ophyd and progress bars ask for it by this name."""
        return int(self.decimals.get())

    @property
    def limits(self) -> tuple[Any, Any]:
        """Lowest and highest position; equal when there are none, as in ophyd."""
        if not self.bounds.is_bounds.get():
            return (0.0, 0.0)
        return (self.bounds.min_bound.get(), self.bounds.max_bound.get())

    def check_value(self, value: float, **_: Any) -> None:
        """Refuse a position that is no number or beyond the limits."""
        low, high = self.limits
        if not math.isfinite(value):
            raise LimitError(f"{self.name}: {value} is no position")
        if low < high and not low <= value <= high:
            raise LimitError(
                f"{self.name}: {value} {self.egu} is not within "
                f"{low} and {high} {self.egu}; nothing moved"
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
            The target, in `units`.
        moved_cb
            Called with the status when it is done; ophyd's old interface.
        timeout
            Seconds; by default the actuator's.
        wait
            Whether to return only when the move has ended.
        """
        position = float(position)
        self.check_value(position)
        self._end_motion(DeviceError(f"{self.name} was sent on to {position}"))
        status = MoveStatus(
            self,
            position,
            timeout=self.timeout if timeout is None else timeout,
            settle_time=self.settle_time,
        )
        if moved_cb is not None:
            status.add_callback(lambda _: moved_cb(obj=self))
        self._start_motion(status, position)
        if wait:
            wait_for_status(status)
        return status

    def _start_motion(self, status: MoveStatus, target: float) -> None:
        cancelled = threading.Event()
        self._motion = (status, cancelled)
        self.setpoint.put(target, force=True)
        self._moving = True
        self._run_subs(sub_type=self.SUB_START, timestamp=time.time())
        threading.Thread(
            target=self._follow,
            args=(status, cancelled, target),
            name=f"{self.name}-move",
            daemon=True,
        ).start()

    def _follow(
        self, status: MoveStatus, cancelled: threading.Event, target: float
    ) -> None:
        """Look at the moving hardware until it has arrived; runs in a thread."""
        try:
            with self._hardware:
                if not cancelled.is_set():
                    self.move_abs(target)
            while not cancelled.is_set() and not self.is_done(target, self.refresh()):
                if status.done:  # timed out
                    self.stop()
                cancelled.wait(self.poll_period)
        except Exception as error:  # noqa: BLE001 - goes to the plan by the status
            self._end_motion(error, only=status)
        else:
            self._end_motion(None, only=status)

    def _end_motion(
        self, error: Exception | None, *, only: MoveStatus | None = None
    ) -> None:
        """Finish the motion under way, or fail it with `error`; once."""
        with self._hardware:
            if self._motion is None or (only and self._motion[0] is not only):
                return
            status, cancelled = self._motion
            self._motion = None
            self._moving = False
            cancelled.set()
        if error is None:
            status.set_finished()
            self._run_subs(sub_type=self.SUB_DONE, timestamp=time.time())
        else:
            status.set_exception(error)

    def stop(self, *, success: bool = False) -> None:
        """Stop the hardware; a move under way fails, unless `success`."""
        with self._hardware:
            if self._motion is not None:  # it may not have been sent yet
                self._motion[1].set()
            self.stop_motion()
        self._end_motion(
            None if success else DeviceError(f"{self.name} was stopped on its way")
        )
