"""The settings of a plugin as ophyd signals; knows nothing of moving and grabbing."""

from __future__ import annotations

import keyword
import math
import re
import time
from typing import Any

from ophyd import Component as Cpt
from ophyd import Device
from ophyd.status import Status
from ophyd.utils import ReadOnlyError

from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.plugins import parameters
from pymo_bluesky.devices.plugins.driver import PluginDriver
from pymo_bluesky.devices.setting import Setting

__all__ = ["PluginSetting", "attribute_name", "settings_device"]

# A device drives one axis of one controller, in the units of the plugin.
_FIXED = frozenset({"controller", "units"})


class PluginSetting(Setting):
    """One parameter of a plugin; reads what the plugin has, and sets it in its thread.

    Parameters
    ----------
    driver
        The plugin.
    place
        The path of the parameter in the plugin's tree.
    root
        The group of PyMoDAQ's tree that the plugin's tree is in.
    **signal
        What `ophyd.Signal` takes.
    """

    def __init__(
        self, *, driver: PluginDriver, place: parameters.Path, root: str, **signal: Any
    ) -> None:
        self.driver = driver
        self.place = place
        opts = self.parameter.opts
        super().__init__(
            value=parameters.plain_value(self.parameter.value()),
            type=str(opts.get("type") or "str"),
            title=str(opts.get("title") or place[-1]).rstrip(":"),
            units=parameters.units_of(self.parameter),
            readonly=bool(opts.get("readonly")) or place[0] in _FIXED,
            path="/".join((root, *place)),
            **signal,
        )
        driver.watch(place, self._changed)

    @property
    def parameter(self) -> Any:
        """The parameter in the plugin's own tree."""
        return self.driver.settings.child(*self.place)

    @property
    def source_name(self) -> str:
        """Where the value comes from."""
        return f"PYMODAQ:{self.driver.found.name}/{'/'.join(self.place)}"

    def role(self) -> dict[str, Any]:
        """Return what the data key declares, with the limits of this moment."""
        listed = parameters.choices(self.parameter)
        limits = parameters.limits_of(self.parameter)
        if listed is not None:
            texts = {text: parameters.plain_value(v) for text, v in listed.items()}
            same = all(text == value for text, value in texts.items())
            self.limits_or_choices = list(texts) if same else [*texts.values()]
        elif all(map(math.isfinite, limits)):
            self.limits_or_choices = list(limits)
        return super().role()

    def get(self, **_: Any) -> Any:
        """Return the value that the plugin has now."""
        value = parameters.plain_value(self.parameter.value())
        try:
            return super().converted(value)
        except DeviceError:
            return value  # the plugin's author did not keep to the type

    def converted(self, value: Any) -> Any:
        """Return `value` as it is: only the parameter knows its type."""
        return value

    def check_value(self, value: Any, **_: Any) -> None:
        """Refuse what cannot be a value of the parameter."""
        if value != self.get():  # what the plugin itself begins with is accepted
            parameters.checked(self.parameter, value, self.name)

    def put(self, value: Any, *, force: bool = False, **kwargs: Any) -> None:
        """Set the parameter and let the plugin act on it, at once."""
        self.driver.call(self._job(value, force=force), f"setting {self.name!r}")

    def set(self, value: Any, *, timeout: float | None = None, **_: Any) -> Status:
        """Set the parameter; the status is done when the plugin has acted on it."""
        job = self._job(value)
        status = Status(self, timeout=timeout or self.driver.timeout)

        def finish(future: Any) -> None:
            error = future.exception()
            if status.done:  # timed out
                return
            if error is None:
                status.set_finished()
            else:
                status.set_exception(
                    self.driver.failure(f"setting {self.name!r}", error)
                )

        self.driver.submit(job).add_done_callback(finish)
        return status

    def _job(self, value: Any, *, force: bool = False) -> Any:
        if self.readonly and not force:
            raise ReadOnlyError(f"{self.name} is read only")
        new = parameters.checked(self.parameter, value, self.name)
        return lambda: self.driver.apply(self.place, new)

    def _changed(self, value: Any) -> None:
        """Tell those who watch that the plugin has another value."""
        before, self._readback = self._readback, parameters.plain_value(value)
        self._metadata["timestamp"] = time.time()
        self._run_subs(
            sub_type=self.SUB_VALUE,
            old_value=before,
            value=self._readback,
            timestamp=self.timestamp,
        )


def attribute_name(text: str, taken: set[str]) -> str:
    """Make a name for a component of a device, and add it to `taken`.

    Parameters
    ----------
    text
        Any text: the name of a parameter, the label of a channel.
    taken
        Names of its sibling components.

    Examples
    --------
    >>> taken = set()
    >>> [attribute_name(text, taken) for text in ("x axis", "x-axis", "1st", "read")]
    ['x_axis', 'x_axis_1', 'n1st', 'read_']
    """
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "unnamed"
    if name[0].isdigit():
        name = f"n{name}"
    if keyword.iskeyword(name) or hasattr(Device, name):
        name = f"{name}_"
    plain, number = name, 0
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name)
    return name


def settings_device(driver: PluginDriver, root: str) -> type[Device]:
    """Make the class of a device that mirrors the settings tree of a plugin.

    Parameters
    ----------
    driver
        The plugin, initialised: its tree may have grown by that.
    root
        The group of PyMoDAQ's tree that the plugin's tree is in.
    """
    name = f"{driver.found.name}_Settings"
    return _group(driver, driver.settings, (), root, name)


def _group(
    driver: PluginDriver, group: Any, path: parameters.Path, root: str, name: str
) -> type[Device]:
    components: dict[str, Any] = {}
    taken: set[str] = set()
    for child in group.children():
        here = (*path, str(child.name()))
        attribute = attribute_name(here[-1], taken)
        if parameters.is_leaf(child):
            components[attribute] = Cpt(
                PluginSetting, driver=driver, place=here, root=root
            )
            attribute = f"{attribute}_group"
        if any(True for _ in parameters.leaves(child)):
            below = _group(driver, child, here, root, f"{name}_{attribute}")
            components[attribute] = Cpt(below, kind="config")
    # Class by class, as ophyd finds components on classes only.
    return type(name, (Device,), {**components, "__doc__": f"Settings of {name}."})
