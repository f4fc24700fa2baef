"""Which PyMoDAQ plugins are installed; imports none of them, and neither Qt nor ophyd.

A package declares its plugins by an entry point, and keeps them in modules whose names
tell what they are: ``daq_move_plugins/daq_move_Mock.py``,
``daq_viewer_plugins/plugins_2D/daq_2Dviewer_Mock.py``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pymo_bluesky.devices.plugins.errors import PluginError

__all__ = ["Plugin", "find_plugin", "find_plugins"]

#: Where packages declare themselves; the second name came with PyMoDAQ 5.
GROUPS = ("pymodaq.plugins", "pymodaq.instruments")

_MODULE = re.compile(r"daq_(?:(?P<move>move)|(?P<viewer>[012N]D)viewer)_(?P<name>\w+)")
_FOLDERS = (
    "daq_move_plugins",
    *(f"daq_viewer_plugins/plugins_{dim}" for dim in ("0D", "1D", "2D", "ND")),
)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of an installed package.

    Attributes
    ----------
    name
        Of its class, e.g. ``"DAQ_2DViewer_Mock"``.
    kind
        ``"actuator"`` or ``"detector"``.
    dimension
        Of a detector: ``"0D"``, ``"1D"``, ``"2D"`` or ``"ND"``; empty for an actuator.
    package, version
        The distribution that brought it.
    module
        The dotted path of its module.

    Examples
    --------
    >>> plugin = Plugin.of_module("daq_2Dviewer_Mock", "mock", package="m", version="1")
    >>> plugin.name, plugin.kind, plugin.dimension, plugin.module
    ('DAQ_2DViewer_Mock', 'detector', '2D', 'mock.daq_2Dviewer_Mock')
    >>> Plugin.of_module("utils", "mock", package="m", version="1") is None
    True
    """

    name: str
    kind: Literal["actuator", "detector"]
    dimension: str
    package: str
    version: str
    module: str

    @classmethod
    def of_module(
        cls, stem: str, parent: str, *, package: str, version: str
    ) -> Plugin | None:
        """Tell by a module's name which plugin is in it, or None when there is none."""
        found = _MODULE.fullmatch(stem)
        if found is None:
            return None
        dimension = found["viewer"] or ""
        prefix = f"DAQ_{dimension}Viewer" if dimension else "DAQ_Move"
        return cls(
            name=f"{prefix}_{found['name']}",
            kind="detector" if dimension else "actuator",
            dimension=dimension,
            package=package,
            version=version,
            module=f"{parent}.{stem}",
        )

    @property
    def short_name(self) -> str:
        """As PyMoDAQ's own settings have it: ``"Mock"``."""
        return self.name.split("_", 2)[2]

    def load(self) -> Any:
        """Import the plugin's class; with the first one, all of PyMoDAQ (10 to 15 s).

        Raises
        ------
        PluginError
            When its module cannot be imported, as without the vendor's library.
        """
        try:
            return getattr(import_module(self.module), self.name)
        except Exception as error:
            # A vendor's library may fail in any way, when it is imported.
            raise PluginError(
                f"the plugin {self.name} of {self.package} {self.version} cannot be "
                f"imported: {type(error).__name__}: {error}"
            ) from error

    def trouble(self) -> str:
        """Import the plugin, and return why that fails; empty when it does not."""
        try:
            self.load()
        except PluginError as error:
            return str(error.__cause__ or error)
        return ""


def find_plugins(declared: Iterable[EntryPoint] | None = None) -> list[Plugin]:
    """Find the plugins of all installed packages, without importing them.

    Parameters
    ----------
    declared
        Entry points; by default those of the installation in the groups
        ``pymodaq.plugins`` and ``pymodaq.instruments``.

    Returns
    -------
    list of Plugin
        Sorted by package, kind and name; each once, even if declared in both groups.

    Raises
    ------
    PluginError
        When two packages have a plugin of the same name, by `find_plugin` only.
    """
    if declared is None:
        declared = (point for group in GROUPS for point in entry_points(group=group))
    found = {plugin for point in declared for plugin in _plugins_of(point)}
    return sorted(found, key=lambda p: (p.package, p.kind, p.dimension, p.name))


def _plugins_of(point: EntryPoint) -> Iterator[Plugin]:
    distribution = point.dist
    named = {
        "package": _pip_name(distribution.name if distribution else point.value),
        "version": distribution.version if distribution else "",
    }
    spec = find_spec(point.module)
    for place in spec.submodule_search_locations or () if spec else ():
        for folder in _FOLDERS:
            parent = f"{point.module}.{folder.replace('/', '.')}"
            for file in sorted((Path(place) / folder).glob("daq_*.py")):
                plugin = Plugin.of_module(file.stem, parent, **named)
                if plugin is not None:
                    yield plugin


def _pip_name(distribution: str) -> str:
    """The name by which pip knows a distribution, whatever its metadata spell."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def find_plugin(name: str, kind: Literal["actuator", "detector"]) -> Plugin:
    """Find one plugin by the name of its class.

    Parameters
    ----------
    name
        E.g. ``"DAQ_Move_Mock"``; for an actuator also ``"Mock"``.
    kind
        What it has to be.

    Raises
    ------
    PluginError
        When there is none, it is of the other kind, or two packages have it.
    """
    plugins = find_plugins()
    wanted = {name, f"DAQ_Move_{name}"} if kind == "actuator" else {name}
    found = [plugin for plugin in plugins if plugin.name in wanted]
    fitting = [plugin for plugin in found if plugin.kind == kind]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        packages = " and ".join(plugin.package for plugin in fitting)
        raise PluginError(f"the plugin {name} is in {packages}; uninstall one of them")
    if found:
        other = "PluginDetector" if kind == "actuator" else "PluginActuator"
        raise PluginError(f"{name} is a plugin of the other kind: use {other}")
    raise PluginError(_unknown(name, kind, plugins))


def _unknown(name: str, kind: str, plugins: list[Plugin]) -> str:
    names = [plugin.name for plugin in plugins if plugin.kind == kind]
    if not names:
        return (
            f"no plugin {name}: there is no PyMoDAQ plugin of an {kind} in this "
            'environment; pip install "pymo-bluesky[pymodaq]" and the package that '
            "has it"
        )
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return (
        f"no installed package has a plugin {name}; {hint}"
        f"`pymo-bluesky plugins` lists the {len(names)} {kind}s there are"
    )
