"""Settings behind EPICS process variables (PVs); knows nothing of what they control.

Any device of ophyd works as it is, `ophyd.EpicsMotor` and `ophyd.EpicsSignal` among
them: its configuration becomes plain settings. The classes here declare more.
"""

from __future__ import annotations

from typing import Any

from ophyd import EpicsSignal, EpicsSignalRO, EpicsSignalWithRBV, Kind

from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.setting import settings_path

__all__ = [
    "EpicsReadback",
    "EpicsSetting",
    "EpicsSettingWithRBV",
    "EpicsTimeoutError",
]


class EpicsTimeoutError(DeviceError, TimeoutError):
    """A PV did not answer in time."""


class _Answering:
    """Says which PV is silent, and what that may mean."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Read the PV."""
        signal: Any = super()
        try:
            return signal.get(*args, **kwargs)
        except TimeoutError as error:
            raise self._silent(error) from error

    def put(self, *args: Any, **kwargs: Any) -> Any:
        """Write the PV."""
        signal: Any = super()
        try:
            return signal.put(*args, **kwargs)
        except TimeoutError as error:
            raise self._silent(error) from error

    def _silent(self, error: TimeoutError) -> EpicsTimeoutError:
        signal: Any = self
        return EpicsTimeoutError(
            f"{signal.name}: the PV {signal.pvname} does not answer; is its IOC "
            "running, and does EPICS_CA_ADDR_LIST lead to it? "
            f"({' '.join(str(error).split())})"
        )


class _Declared(_Answering):
    """A PV that declares itself as one of PyMoDAQ's settings.

    Type, limits, choices and unit are those of the PV.

    Parameters
    ----------
    read_pv
        As of the class of ophyd.
    title, path
        As of `pymo_bluesky.devices.Setting`.
    **signal
        What the class of ophyd takes.
    """

    def __init__(
        self, read_pv: str, *, title: str = "", path: str = "", **signal: Any
    ) -> None:
        self._path = path
        signal.setdefault("kind", Kind.config)
        of_ophyd: Any = super()
        of_ophyd.__init__(read_pv, **signal)
        this: Any = self
        name = this.attr_name or this.name
        self.title = title or name.replace("_", " ").title()

    def _validate_kind(self, val: Any) -> Kind:
        signal: Any = super()
        kind = signal._validate_kind(val)  # noqa: SLF001 - see Setting
        return Kind.config if kind == Kind.normal else kind

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key, with the role that it declares."""
        signal: Any = super()
        this: Any = self
        described: dict[str, dict[str, Any]] = signal.describe()
        about = described[this.name]
        about["pymodaq"] = self._role(about)
        return described

    def _role(self, about: dict[str, Any]) -> dict[str, Any]:
        this: Any = self
        role: dict[str, Any] = {
            "role": "setting",
            "path": self._path or settings_path(self),
            "title": self.title,
        }
        low, high = about.get("lower_ctrl_limit"), about.get("upper_ctrl_limit")
        if choices := about.get("enum_strs"):
            role |= {"type": "list", "limits": list(choices)}
        elif low is not None and high is not None and low < high:
            role["limits"] = [low, high]
        if not this.write_access or not hasattr(self, "set"):
            role["readonly"] = True
        return role


class EpicsSetting(_Declared, EpicsSignal):
    """A PV that can be set: ``gain = Component(EpicsSetting, "Gain")``."""


class EpicsSettingWithRBV(_Declared, EpicsSignalWithRBV):
    """A pair of PVs as areaDetector has them, ``Gain`` and ``Gain_RBV``."""


class EpicsReadback(_Declared, EpicsSignalRO):
    """A PV that only the IOC changes, such as a serial number."""
