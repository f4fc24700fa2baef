"""Settings of an instrument as ophyd signals; knows nothing of files or XML."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ophyd import Kind, Signal
from ophyd.device import Staged
from ophyd.status import Status
from ophyd.utils import LimitError, ReadOnlyError

from pymo_bluesky.devices.datakeys import describe_value
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.parameters import (
    beyond_limits,
    converted,
    documented,
    type_of,
)

__all__ = ["RunSetting", "Setting", "settings_path"]


_CHOICES = ("list", "itemselect")


def settings_path(signal: Any) -> str:
    """Return the place of a signal in the settings tree of its device.

    Parameters
    ----------
    signal
        A component of a device, or of devices in it, which are groups then.
    """
    parts = [signal.attr_name or signal.name]
    owner = signal.parent
    root = getattr(owner, "settings_root", None)
    while owner is not None and root is None:
        if owner.attr_name and owner.attr_name != "settings":
            parts.append(owner.attr_name)
        owner = owner.parent
        root = getattr(owner, "settings_root", None)
    return "/".join([root or "settings", *reversed(parts)])


class Setting(Signal):
    """One parameter of an instrument, that is read as configuration.

    It changes with ``bps.mv(camera.exposure, 0.1)``, and is recorded as a PyMoDAQ
    parameter of the same type, title, limits and unit.

    Parameters
    ----------
    value
        The value to begin with; its Python type tells the parameter's when `type`
        is not given.
    type
        PyMoDAQ's parameter type, one of `parameters.PARAMETER_TYPES`: float, int,
        bool, str, text, list, itemselect, color, date, date_time, time, slide, led,
        browsepath, table…
    title
        The text that PyMoDAQ shows; by default the attribute's name.
    limits
        Lowest and highest value; the choices of a ``list`` or an ``itemselect``.
    units
        The unit of the value.
    readonly
        Whether only the device itself may change it, by ``put(value, force=True)``.
    path
        The place in the settings tree, e.g. ``"detector_settings/cooling/on"``; by
        default the place in the device.
    **signal
        What `ophyd.Signal` takes: name, parent, kind, labels…

    Raises
    ------
    LimitError
        On setting a value beyond the limits.
    DeviceError
        On setting a value of the wrong type.
    ReadOnlyError
        On setting a read-only one.

    Examples
    --------
    >>> gain = Setting(name="gain", value=1.0, limits=(0, 10), units="dB")
    >>> gain.put(5)
    >>> gain.get()
    5.0
    >>> gain.put(11)
    Traceback (most recent call last):
    ...
    ophyd.utils.errors.LimitError: gain: 11.0 dB is not within 0 and 10 dB
    >>> gain.describe()["gain"]["pymodaq"]["path"]
    'settings/gain'
    """

    def __init__(
        self,
        *,
        value: Any,
        type: str | None = None,
        title: str = "",
        limits: Sequence[Any] | None = None,
        units: str = "",
        readonly: bool = False,
        path: str = "",
        **signal: Any,
    ) -> None:
        self.parameter_type = type or type_of(value)
        if self.parameter_type == "group":
            raise DeviceError(
                f"{signal.get('name')}: a group holds no value; declare it as an "
                "ophyd.Device whose components are its settings"
            )
        self.limits_or_choices = None if limits is None else list(limits)
        self.units = units
        self.readonly = readonly
        self._path = path
        signal.setdefault("kind", Kind.config)
        super().__init__(value=value, **signal)
        self.title = title or (self.attr_name or self.name).replace("_", " ").title()
        self._metadata["write_access"] = not readonly
        self._readback = self.converted(value)
        self.check_value(self._readback)

    def _validate_kind(self, val: Any) -> Kind:
        # A Component says `normal` when nothing is said, and a setting is
        # configuration then. `hinted` or `normal | config` put it into the events.
        kind = super()._validate_kind(val)
        return Kind.config if kind == Kind.normal else kind

    @property
    def path(self) -> str:
        """The place in the settings tree of the device, joined by slashes."""
        return self._path or settings_path(self)

    def role(self) -> dict[str, Any]:
        """Return what the data key declares under ``"pymodaq"``."""
        role: dict[str, Any] = {
            "role": "setting",
            "path": self.path,
            "type": self.parameter_type,
            "title": self.title,
        }
        if self.limits_or_choices is not None:
            role["limits"] = self.limits_or_choices
        if self.readonly:
            role["readonly"] = True
        return role

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key: dtype, shape, units and the declared role."""
        return {
            self.name: describe_value(
                documented(self.get()),
                source=self.source_name,
                units=self.units,
                role=self.role(),
            )
        }

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the reading, as a document can carry it."""
        value = documented(self.get())
        return {self.name: {"value": value, "timestamp": self.timestamp}}

    def converted(self, value: Any) -> Any:
        """Return `value` in the Python type of the parameter, or say why it is none."""
        return converted(self.name, self.parameter_type, value)

    def check_value(self, value: Any, **_: Any) -> None:
        """Refuse a value of the wrong type or beyond the limits."""
        value = self.converted(value)
        bounds = self.limits_or_choices
        if bounds is None:
            return
        told = beyond_limits(self.parameter_type, value, bounds)
        if told:
            choice = self.parameter_type in _CHOICES
            unit = f" {self.units}" if self.units and not choice else ""
            shown = repr(value) if choice else f"{value}{unit}"
            raise LimitError(f"{self.name}: {shown} {told}{unit}")

    def get(self, **_: Any) -> Any:
        """Return the value, in the Python type of the parameter."""
        return self._readback

    def put(self, value: Any, *, force: bool = False, **kwargs: Any) -> None:
        """Take a new value at once; `force` is for the device itself."""
        if not force:
            if self.readonly:
                raise ReadOnlyError(f"{self.name} is read only")
            self.check_value(value)
        super().put(self.converted(value), force=True, **kwargs)

    def set(self, value: Any, *, timeout: float | None = None, **_: Any) -> Status:
        """Take a new value; the status is done when the device has it."""
        # ophyd's own set() puts in a thread, where a refusal is only logged.
        status = Status(self, timeout=timeout)
        self.put(value, timestamp=time.time())
        status.set_finished()
        return status


class RunSetting(Setting):
    """A setting that decides which readings there are: fixed while a plan runs.

    The events of a run all hold the same readings, as its descriptor announced them.
    Subclasses say by `changes_readings` when a change would break that.
    """

    def changes_readings(self, value: Any) -> bool:
        """Whether the readings are others once the setting has this value."""
        return bool(value != self.get())

    def check_value(self, value: Any, **_: Any) -> None:
        """Refuse, as `Setting` does, and what would break the descriptor of a run."""
        super().check_value(value)
        device: Any = self.root
        staged = getattr(device, "_staged", Staged.no)
        if staged is Staged.yes and self.changes_readings(self.converted(value)):
            raise DeviceError(
                f"{self.name} cannot change while {device.name} is staged by a plan, "
                "because the events of a run all hold the same readings; change it "
                "before the plan"
            )
