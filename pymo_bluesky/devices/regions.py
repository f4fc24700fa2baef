"""Regions of interest by their shapes; knows nothing of where data come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from ophyd import Component as Cpt
from ophyd import Kind

from pymo_bluesky.devices.cropping import (
    FUNCTIONS_1D,
    FUNCTIONS_2D,
    PLACES,
    Bounds,
    box_bounds,
    shape_mask,
)
from pymo_bluesky.devices.errors import DeviceError
from pymo_bluesky.devices.roi import Roi, RoiParameter, RoiResult, length, roi_type
from pymo_bluesky.devices.setting import Setting

__all__ = [
    "ROI_TYPES",
    "CircularROI",
    "EllipseROI",
    "LinearROI",
    "RectROI",
    "roi_components",
]


class LinearROI(Roi):
    """An interval of a spectrum.

    Parameters
    ----------
    position
        ``(left, right)`` in the unit of the axis.
    **roi
        What `Roi` takes.

    Examples
    --------
    >>> from pymo_bluesky.devices import Channel, Detector1D
    >>> class Trace(Detector1D):
    ...     volts = Cpt(Channel)
    ...     peak = Cpt(LinearROI, position=(1, 3), math_function="max")
    ...     def grab(self):
    ...         return {"volts": [0.0, 4.0, 2.0, 9.0]}
    >>> Trace(name="trace").read()["trace_peak"]["value"]
    4.0
    """

    roi_type = roi_type("LinearROI")
    dimension = 1
    functions = FUNCTIONS_1D

    position_x = length("position/x", along=0)  # left
    position_y = length("position/y", along=0)  # right

    def __init__(
        self, prefix: str = "", *, position: Sequence[float] = (0.0, 10.0), **roi: Any
    ) -> None:
        super().__init__(prefix, **roi)
        left, right = position
        self.position_x.put(left)
        self.position_y.put(right)

    def bounds(self) -> tuple[Bounds, ...]:
        """Return left and right, in axis units."""
        return ((self.position_x.get(), self.position_y.get()),)


class RectROI(Roi):
    """A rectangle in an image.

    Parameters
    ----------
    position
        The **centre** ``(x, y)``, in axis units.
    size
        ``(width, height)``, in axis units.
    angle
        Degrees; see `pymo_bluesky.devices.cropping` for what PyMoDAQ makes of it.
    true_shape
        Whether to compute what is really inside the (rotated) rectangle or ellipse,
        instead of PyMoDAQ's box.
    **roi
        What `Roi` takes.

    Examples
    --------
    >>> from pymo_bluesky.devices import Channel, Detector2D
    >>> class Camera(Detector2D):
    ...     image = Cpt(Channel)
    ...     spot = Cpt(RectROI, position=(2, 1), size=(2, 2), math_function="sum")
    ...     def grab(self):
    ...         return {"image": np.arange(12).reshape(3, 4)}
    >>> camera = Camera(name="camera")
    >>> camera.spot.bounds()  # in y, in x
    ((0.0, 2.0), (1.0, 3.0))
    >>> camera.read()["camera_spot"]["value"]
    14.0
    >>> camera.spot.math_function.put("argmax")
    >>> {key: entry["value"] for key, entry in camera.spot.read().items()}
    {'camera_spot_y': 1.0, 'camera_spot_x': 2.0}
    """

    roi_type = roi_type("RectROI")
    dimension = 2
    functions = FUNCTIONS_2D
    ellipse: ClassVar[bool] = False

    position_x = length("position/x", along=1)
    position_y = length("position/y", along=0)
    size_width = length("size/width", along=1)
    size_height = length("size/height", along=0)
    angle = Cpt(RoiParameter, value=0.0, units="deg", parameter="angle")
    true_shape = Cpt(Setting, value=False, title="Only what is inside")
    place_y = Cpt(RoiResult, along=0, kind=Kind.omitted)
    place_x = Cpt(RoiResult, along=1, kind=Kind.omitted)

    def __init__(
        self,
        prefix: str = "",
        *,
        position: Sequence[float] = (0.0, 0.0),
        size: Sequence[float] = (10.0, 10.0),
        angle: float = 0.0,
        true_shape: bool = False,
        **roi: Any,
    ) -> None:
        super().__init__(prefix, **roi)
        names = ("position_x", "position_y", "size_width", "size_height", "angle")
        for attr, value in zip(names, (*position, *size, angle), strict=True):
            getattr(self, attr).put(value)
        self.true_shape.put(true_shape)
        self.place_y.name, self.place_x.name = f"{self.name}_y", f"{self.name}_x"

    @property
    def centre(self) -> tuple[float, float]:
        """``(x, y)``, in axis units."""
        return self.position_x.get(), self.position_y.get()

    @property
    def size(self) -> tuple[float, float]:
        """``(width, height)``, in axis units."""
        return self.size_width.get(), self.size_height.get()

    def given(self, *, enabled: bool, math_function: str) -> tuple[str, ...]:
        """Return the attribute names of the results that are read with these."""
        if enabled and math_function in PLACES:
            return ("place_y", "place_x")
        return super().given(enabled=enabled, math_function=math_function)

    def bounds(self) -> tuple[Bounds, ...]:
        """Return the bounds in y, then in x."""
        return box_bounds(self.centre, self.size, self.angle.get())

    def cut(
        self, array: npt.NDArray[Any], axes: Sequence[npt.NDArray[Any]]
    ) -> tuple[npt.NDArray[Any], list[npt.NDArray[Any]]]:
        """Return the values of the region, and where they are on each axis."""
        if not self.true_shape.get():
            return super().cut(array, axes)
        mask = shape_mask(
            axes, self.centre, self.size, self.angle.get(), ellipse=self.ellipse
        )
        inside = np.nonzero(mask)
        places = zip(axes, inside, strict=True)
        return array[inside], [axis[index] for axis, index in places]


class EllipseROI(RectROI):
    """An ellipse in an image; PyMoDAQ 5.3.8 computes it as its bounding box."""

    roi_type = roi_type("EllipseROI")
    ellipse = True


class CircularROI(EllipseROI):
    """A circle in an image: an ellipse of equal width and height."""

    roi_type = roi_type("CircularROI")


#: The regions by PyMoDAQ's names, as they stand in `devices/*.yml`.
ROI_TYPES: Mapping[str, type[Roi]] = {
    cls.__name__: cls for cls in (LinearROI, RectROI, EllipseROI, CircularROI)
}


def roi_components(
    owner: str, dimension: int | None, rois: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Make the components of a detector's class for its regions.

    Parameters
    ----------
    owner
        The name of the detector's class, for messages.
    dimension
        Signal dimensions of its channels; None: they differ.
    rois
        One mapping each, with ``type`` and what that class takes.

    Returns
    -------
    dict
        ``roi_00``, ``roi_01``… to a component.

    Raises
    ------
    DeviceError
        When a region does not fit the dimension.

    Examples
    --------
    >>> list(roi_components("Camera", 2, [{"type": "RectROI"}, {}]))
    ['roi_00', 'roi_01']
    """
    components: dict[str, Any] = {}
    fitting = [n for n, c in ROI_TYPES.items() if dimension in (None, c.dimension)]
    for index, declared in enumerate(rois):
        options = dict(declared)
        chosen = options.pop("type", "LinearROI" if dimension == 1 else "RectROI")
        if chosen not in fitting:
            raise DeviceError(
                f"{owner} cannot have a region of type {chosen!r}; expected one of "
                f"{', '.join(fitting) or 'none at all'}"
            )
        components[f"roi_{index:02d}"] = Cpt(ROI_TYPES[chosen], index=index, **options)
    return components
