"""Cameras of EPICS areaDetector, their ROI plugins as PyMoDAQ's; knows no IOC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, EpicsSignalRO, Kind, Signal
from ophyd import FormattedComponent as FCpt
from ophyd.device import create_device_from_components

from pymo_bluesky.devices.channel import Axis, Channel
from pymo_bluesky.devices.datakeys import describe_value
from pymo_bluesky.devices.detector import Frames
from pymo_bluesky.devices.dimensions import Detector2D
from pymo_bluesky.devices.epics import (
    EpicsReadback,
    EpicsSetting,
    EpicsSettingWithRBV,
)
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.setting import RunSetting

__all__ = ["AreaCamera", "AreaRegion", "RoiPlugin", "RoiStatPlugin"]


class _Place(Signal):
    """A parameter of the region as PyMoDAQ has it, computed from the plugin's PVs."""

    def __init__(
        self, *, parameter: str, along: int | None = None, **signal: Any
    ) -> None:
        self.parameter = parameter
        self.along = along
        signal.setdefault("kind", Kind.config)
        super().__init__(**signal)
        self._metadata["write_access"] = False

    def _validate_kind(self, val: Any) -> Kind:
        kind = super()._validate_kind(val)  # see Setting
        return Kind.config if kind == Kind.normal else kind

    def get(self, **_: Any) -> Any:
        """Ask the plugin."""
        return cast(Any, self.parent).parameters()[self.parameter]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key, which says of which region this is which parameter."""
        region: Any = self.parent
        role = {"role": "roi", "of": region.camera.image.name, "roi": region.label}
        role |= {"parameter": self.parameter, "viewer": 0}
        units = "" if self.along is None else region.axis(self.along).units
        return {
            self.name: describe_value(
                self.get(), source=self.source_name, units=units, role=role
            )
        }


class _Computed(Signal):
    """What the plugin computed, by the math function that was chosen."""

    def get(self, **_: Any) -> float:
        """Read it from the IOC."""
        return float(cast(Any, self.parent).value())

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key; the unit is that of the image."""
        region: Any = self.parent
        image = region.camera.image
        role = {"role": "roi_data", "of": image.name, "roi": region.label}
        return {
            self.name: describe_value(
                0.0, source=self.source_name, units=image.units, role=role
            )
        }


class AreaRegion(Device):
    """What the plugins have in common: pixels in, a rectangle of PyMoDAQ's out.

    The pixels are settings, in `min_x`, `size_x`… ; what PyMoDAQ calls the position is
    their centre in the units of the camera's axes.

    Parameters
    ----------
    math_function
        Which of the plugin's results is the reading.
    """

    sources: ClassVar[Mapping[str, str]]

    min_x = Cpt(EpicsSettingWithRBV, "MinX")
    min_y = Cpt(EpicsSettingWithRBV, "MinY")
    size_x = Cpt(EpicsSettingWithRBV, "SizeX")
    size_y = Cpt(EpicsSettingWithRBV, "SizeY")
    function = Cpt(RunSetting, value="mean", type="list", limits=["mean"])
    roi_type = Cpt(_Place, parameter="roi_type")
    use_channel = Cpt(_Place, parameter="use_channel")
    math_function = Cpt(_Place, parameter="math_function")
    enabled = Cpt(_Place, parameter="enabled")
    position_x = Cpt(_Place, parameter="position/x", along=1)
    position_y = Cpt(_Place, parameter="position/y", along=0)
    width = Cpt(_Place, parameter="size/width", along=1)
    height = Cpt(_Place, parameter="size/height", along=0)
    result = Cpt(_Computed, kind=Kind.hinted)

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        index: int = 0,
        math_function: str = "mean",
        **device: Any,
    ) -> None:
        self.index = index
        super().__init__(prefix, name=name, **device)
        self.result.name = self.name
        self.function.limits_or_choices = list(self.sources)
        self.function.put(math_function)

    @property
    def camera(self) -> Any:
        """The camera it is a region of."""
        return self.parent

    @property
    def label(self) -> str:
        """PyMoDAQ's name of the region, e.g. ``"ROI_00"``."""
        return f"ROI_{self.index:02d}"

    def is_used(self) -> bool:
        """Whether the plugin computes."""
        raise NotImplementedError

    def axis(self, dimension: int) -> Axis:
        """Return an axis of the camera: 0 is y, 1 is x."""
        return (self.camera.y, self.camera.x)[dimension]

    def value(self) -> Any:
        """Read the result that was chosen."""
        return getattr(self, self.sources[self.function.get()]).get()

    def parameters(self) -> dict[str, Any]:
        """Return the region as PyMoDAQ has it."""
        (x, width), (y, height) = (self._along(1), self._along(0))
        return {
            "roi_type": "RectROI",
            "use_channel": self.camera.image.name,
            "math_function": self.function.get(),
            "enabled": self.is_used(),
            "position/x": x,
            "position/y": y,
            "size/width": width,
            "size/height": height,
        }

    def _along(self, dimension: int) -> tuple[float, float]:
        """Centre and size along a dimension, in the units of its axis."""
        letter = "yx"[dimension]
        first = float(getattr(self, f"min_{letter}").get())
        size = float(getattr(self, f"size_{letter}").get())
        step = self.camera.pixel[dimension]
        return (first + size / 2) * step, size * step

    def refresh(self) -> None:
        """Read the result only where the plugin computes it."""
        self.result.kind = Kind.hinted if self.is_used() else Kind.omitted


class RoiStatPlugin(AreaRegion):
    """One region of areaDetector's ROIStat plugin, e.g. ``ROIStat1:1:``."""

    sources: ClassVar[Mapping[str, str]] = {
        "mean": "mean",
        "sum": "total",
        "max": "highest",
        "min": "lowest",
    }

    use = Cpt(EpicsSettingWithRBV, "Use")
    mean = Cpt(EpicsSignalRO, "MeanValue_RBV", kind=Kind.omitted)
    total = Cpt(EpicsSignalRO, "Total_RBV", kind=Kind.omitted)
    highest = Cpt(EpicsSignalRO, "MaxValue_RBV", kind=Kind.omitted)
    lowest = Cpt(EpicsSignalRO, "MinValue_RBV", kind=Kind.omitted)

    def is_used(self) -> bool:
        """Whether the plugin computes."""
        return bool(self.use.get())


class RoiPlugin(AreaRegion):
    """An ROI plugin and the Stats plugin behind it, e.g. ``ROI1:`` and ``Stats1:``."""

    sources: ClassVar[Mapping[str, str]] = {**RoiStatPlugin.sources, "std": "sigma"}

    enable = Cpt(EpicsSettingWithRBV, "EnableCallbacks")
    mean = FCpt(EpicsSignalRO, "{stats}MeanValue_RBV", kind=Kind.omitted)
    total = FCpt(EpicsSignalRO, "{stats}Total_RBV", kind=Kind.omitted)
    highest = FCpt(EpicsSignalRO, "{stats}MaxValue_RBV", kind=Kind.omitted)
    lowest = FCpt(EpicsSignalRO, "{stats}MinValue_RBV", kind=Kind.omitted)
    sigma = FCpt(EpicsSignalRO, "{stats}Sigma_RBV", kind=Kind.omitted)

    def __init__(self, prefix: str = "", **region: Any) -> None:
        head, _, tail = prefix.rpartition("ROI")
        self.stats = f"{head}Stats{tail}"
        super().__init__(prefix, **region)

    def is_used(self) -> bool:
        """Whether the plugin computes."""
        return bool(self.enable.get())


class AreaCamera(Detector2D):
    """A camera behind areaDetector: ``cam1:``, ``image1:`` and its ROI plugins.

    Parameters
    ----------
    prefix
        Of all its PVs, e.g. ``"13SIM1:"``.
    regions
        Plugins to read, by what follows the prefix: ``"ROIStat1:1:"`` or ``"ROI1:"``;
        or mappings of ``plugin`` and ``math_function`` (mean, sum, max, min; std of an
        ROI plugin).
    pixel
        The size of a pixel, ``(y, x)``.
    axis_units
        The unit of that.
    timeout
        Seconds that one image may take.
    **detector
        What `Detector` takes.
    """

    image = Cpt(Channel, units="counts")
    y = Cpt(Axis, index=0)
    x = Cpt(Axis, index=1)
    exposure = Cpt(EpicsSettingWithRBV, "cam1:AcquireTime")
    gain = Cpt(EpicsSettingWithRBV, "cam1:Gain")
    image_mode = Cpt(EpicsSettingWithRBV, "cam1:ImageMode", string=True)
    manufacturer = Cpt(EpicsReadback, "cam1:Manufacturer_RBV", string=True)
    model = Cpt(EpicsReadback, "cam1:Model_RBV", string=True)
    acquire = Cpt(EpicsSetting, "cam1:Acquire", kind=Kind.omitted, put_complete=True)
    array = Cpt(EpicsReadback, "image1:ArrayData", kind=Kind.omitted)
    size_x = Cpt(EpicsReadback, "image1:ArraySize0_RBV", kind=Kind.omitted)
    size_y = Cpt(EpicsReadback, "image1:ArraySize1_RBV", kind=Kind.omitted)

    def __new__(
        cls, *args: Any, regions: Sequence[str | Mapping[str, Any]] = (), **kwargs: Any
    ) -> Self:
        """Make an instance of a subclass that has the plugins as components."""
        made = _with_regions(cls, regions) if regions else cls
        return cast(Self, Detector2D.__new__(made, *args, **kwargs))

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        regions: Sequence[str | Mapping[str, Any]] = (),
        pixel: Sequence[float] = (1.0, 1.0),
        axis_units: str = "",
        timeout: float = 30.0,
        **detector: Any,
    ) -> None:
        self.pixel = tuple(pixel)
        super().__init__(prefix, name=name, timeout=timeout, **detector)
        self.y.units = self.x.units = axis_units

    @property
    def regions(self) -> dict[str, AreaRegion]:
        """The ROI plugins by attribute name."""
        return self._components_of(AreaRegion)

    def stage(self) -> Any:
        """Prepare for a plan: plugins that are switched off give no reading."""
        for region in self.regions.values():
            region.refresh()
        return super().stage()

    def grab(self) -> Frames:
        """Let the IOC take an image and compute its regions; return the image."""
        self.acquire.set(1).wait(self.timeout)
        shape = (int(self.size_y.get()), int(self.size_x.get()))
        values = np.asarray(self.array.get(count=shape[0] * shape[1]))
        if values.size != shape[0] * shape[1]:
            raise DeviceError(
                f"{self.name}: {self.array.pvname} holds {values.size} values, for an "
                f"image of {shape[0]} x {shape[1]}; is the image plugin enabled, and "
                "EPICS_CA_MAX_ARRAY_BYTES large enough?"
            )
        for axis, length, step in zip((self.y, self.x), shape, self.pixel, strict=True):
            if len(axis.get()) != length:
                axis.put(step * np.arange(length))
        return {"image": values.reshape(shape)}


def _with_regions(
    base: type[AreaCamera], regions: Sequence[str | Mapping[str, Any]]
) -> type[AreaCamera]:
    components: dict[str, Any] = {}
    for index, declared in enumerate(regions):
        options: dict[str, Any] = {"plugin": declared}
        if not isinstance(declared, str):
            options = dict(declared)
        plugin = str(options.pop("plugin", ""))
        if not plugin.startswith("ROI"):
            raise DeviceError(
                f"{base.__name__} cannot have the region {declared!r}; expected an ROI "
                "plugin, such as 'ROIStat1:1:' or 'ROI1:'"
            )
        cls = RoiStatPlugin if plugin.startswith("ROIStat") else RoiPlugin
        region = Cpt(cls, plugin, index=index, **options)
        components[f"roi_{index:02d}"] = region
    made = create_device_from_components(
        base.__name__, docstring=base.__doc__, base_class=base, **components
    )
    made.__module__ = base.__module__
    return made
