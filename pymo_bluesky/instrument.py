"""`devices/*.yml` -> ophyd objects; knows nothing of files of data."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pkgutil
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pymo_bluesky.errors import FormatError, MissingExtraError, NotFoundError

__all__ = ["Devices", "FailedDevice", "data_folder", "load_devices"]

_SUFFIXES = (".yml", ".yaml", ".toml")
_LABELS = "labels that the class does not take"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FailedDevice:
    """A device that could not be built or connected.

    Attributes
    ----------
    name
        Its name, or the class of a device that has none yet.
    reason
        The error, as one line.

    Examples
    --------
    >>> print(FailedDevice("camera", "ModuleNotFoundError: No module named 'zwo'"))
    camera: ModuleNotFoundError: No module named 'zwo'
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class Devices(Mapping[str, Any]):
    """The devices of an instrument by name, also as attributes.

    Parameters
    ----------
    devices
        Name to device.
    failed
        Those that are missing, and why.
    labels
        Name to the labels of devices whose class knows none (ophyd-async's).

    Examples
    --------
    >>> from ophyd.sim import SynAxis
    >>> devices = Devices({"x": SynAxis(name="x", labels={"motors"})})
    >>> devices.x is devices["x"]
    True
    >>> [device.name for device in devices.search(label="motors")]
    ['x']
    """

    def __init__(
        self,
        devices: Mapping[str, Any],
        failed: tuple[FailedDevice, ...] = (),
        labels: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self._devices = dict(devices)
        self._labels = dict(labels or {})
        self.failed = failed

    def __getitem__(self, name: str) -> Any:
        if name not in self._devices:
            raise NotFoundError(self._missing(name))
        return self._devices[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._devices:
            raise AttributeError(self._missing(name))
        return self._devices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._devices)

    def __len__(self) -> int:
        return len(self._devices)

    def __contains__(self, name: object) -> bool:
        return name in self._devices

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._devices]

    def __repr__(self) -> str:
        there = ", ".join(self._devices) or "none"
        failed = ", ".join(failure.name for failure in self.failed)
        return f"<Devices {there}; failed: {failed or 'none'}>"

    def get(self, name: str, default: Any = None) -> Any:
        """Return the device of that name, or `default`."""
        return self._devices.get(name, default)

    def search(self, pattern: str = "*", *, label: str | None = None) -> list[Any]:
        """Return the devices whose name fits and that carry the label.

        Parameters
        ----------
        pattern
            A name, with ``*`` and ``?`` as in file names.
        label
            One of the labels given in the file of devices, e.g. ``"detectors"``.
        """
        return [
            device
            for name, device in self._devices.items()
            if fnmatch(name, pattern)
            and (label is None or label in self.labels_of(name))
        ]

    def labels_of(self, name: str) -> frozenset[str]:
        """Return the labels of a device."""
        own = getattr(self[name], "_ophyd_labels_", ())
        return self._labels.get(name, frozenset()) | frozenset(own)

    def _missing(self, name: str) -> str:
        for failure in self.__dict__.get("failed", ()):
            if failure.name == name:
                return f"the device {name!r} could not be made: {failure.reason}"
        there = ", ".join(self.__dict__.get("_devices", ())) or "no device"
        return f"there is no device {name!r}; there is {there}"


def data_folder(kind: str) -> Path:
    """Return the folder of devices or profiles that came with this package.

    Parameters
    ----------
    kind
        ``"devices"`` or ``"profiles"``.

    Returns
    -------
    pathlib.Path
        From a wheel the folder inside the package, from a checkout or an editable
        install the one at its top.

    Raises
    ------
    NotFoundError
        When the installation has neither.

    Examples
    --------
    >>> (data_folder("devices") / "simulated_lab.yml").exists()
    True
    """
    package = Path(__file__).parent
    folders = (package / "_data" / kind, package.parent / kind)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise NotFoundError(
        f"no folder {kind!r} came with this installation; looked for "
        f"{' and '.join(map(str, folders))}; install pymo-bluesky again"
    )


def load_devices(
    name_or_path: str | Path = "simulated_lab", *, timeout: float = 5.0
) -> Devices:
    """Build and connect all devices that a file declares.

    Parameters
    ----------
    name_or_path
        A name in the folder ``devices/``, or the path of a YAML or TOML file as
        guarneri reads it: classes (or creator functions) by dotted path, each with a
        list of keyword arguments.
    timeout
        Seconds to wait for the connection of all devices.

    Returns
    -------
    Devices
        Those that work; the others, with reasons, in ``.failed`` and in the log.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When the file is not what guarneri reads.
    MissingExtraError
        When guarneri is not installed.

    Examples
    --------
    >>> devices = load_devices("simulated_lab")
    >>> devices.camera.image.name
    'camera_image'
    """
    path = _find(name_or_path)
    instrument = _new_instrument()
    failed: list[FailedDevice] = []
    labels: dict[str, frozenset[str]] = {}
    for definition in _definitions(instrument, path):
        made = _make(instrument, definition, failed)
        labels |= {device.name: _unknown_labels(definition) for device in made}
    connected = _connect(instrument, timeout, failed)
    for failure in failed:
        _log.warning("%s: device failed: %s", path.name, failure)
    return Devices(connected, tuple(failed), labels)


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix in _SUFFIXES or path.is_file():
        if path.is_file():
            return path
        raise NotFoundError(f"there is no file of devices {path}")
    folder = data_folder("devices")
    found = {file.stem: file for file in folder.iterdir() if file.suffix in _SUFFIXES}
    if str(name_or_path) not in found:
        raise NotFoundError(
            f"there is no instrument {str(name_or_path)!r} in {folder}; there is "
            f"{', '.join(sorted(found))}; or give the path of a YAML file"
        )
    return found[str(name_or_path)]


def _new_instrument() -> Any:
    try:
        import guarneri
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("guarneri", "devices") from error
    return guarneri.Instrument({})


def _definitions(instrument: Any, path: Path) -> list[dict[str, Any]]:
    try:
        with instrument.open_config_file(path, None) as (file, config_format):
            found = instrument.parse_config(file, config_format=config_format)
    except Exception as error:
        raise FormatError(
            f"{path} cannot be read as a file of devices: {error}; expected a mapping "
            "of dotted class names to lists of keyword arguments"
        ) from error
    return list(found)


def _make(
    instrument: Any, definition: dict[str, Any], failed: list[FailedDevice]
) -> list[Any]:
    """Build what one entry of the file declares: a device, or a list of them."""
    dotted = str(definition["device_class"])
    arguments = definition["kwargs"]
    try:
        # guarneri would only say "unknown device class"; the import tells why.
        made_by = pkgutil.resolve_name(dotted)
        instrument.device_classes = {dotted: made_by}
        if "labels" in arguments and not _takes_labels(made_by):
            definition[_LABELS] = arguments.pop("labels")
        made = instrument.make_devices([definition], fake=False)
    except Exception as error:  # noqa: BLE001 - one broken device is no broken lab
        name = arguments.get("name") if isinstance(arguments, Mapping) else None
        failed.append(FailedDevice(str(name or dotted), _one_line(error)))
        return []
    taken = {device.name for device in instrument.unconnected_devices}
    for device in made:
        if device.name in taken:
            reason = f"{dotted} has the name of a device declared before"
            failed.append(FailedDevice(device.name, reason))
        else:
            taken.add(device.name)
            instrument.unconnected_devices.append(device)
    return list(made)


def _takes_labels(made_by: Any) -> bool:
    """Whether a class or function takes labels; ophyd-async's classes do not."""
    taken = inspect.signature(made_by).parameters
    kinds = {parameter.kind for parameter in taken.values()}
    return "labels" in taken or inspect.Parameter.VAR_KEYWORD in kinds


def _unknown_labels(definition: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(map(str, definition.get(_LABELS) or ()))


def _connect(
    instrument: Any, timeout: float, failed: list[FailedDevice]
) -> dict[str, Any]:
    in_order = list(instrument.unconnected_devices)
    _, errors = _run(instrument.connect(timeout=timeout, return_exceptions=True))
    failed.extend(
        FailedDevice(name, _one_line(error)) for name, error in errors.items()
    )
    return {device.name: device for device in in_order if device.name not in errors}


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run in the RunEngine's loop, to which ophyd-async devices then belong."""
    from bluesky.run_engine import call_in_bluesky_event_loop, get_bluesky_event_loop

    loop = get_bluesky_event_loop()
    if loop is not None and loop.is_running():
        return call_in_bluesky_event_loop(coroutine)
    # No RunEngine yet. The thread is for Jupyter, where this one has a loop.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
