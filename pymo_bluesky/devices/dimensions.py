"""Detectors by the dimensions of their signal; knows nothing of any instrument."""

from __future__ import annotations

from pymo_bluesky.devices.detector import Detector

__all__ = ["Detector0D", "Detector1D", "Detector2D", "DetectorND"]


class Detector0D(Detector):
    """A detector of numbers: a photodiode, a multimeter.

    Examples
    --------
    >>> from ophyd import Component as Cpt
    >>> from pymo_bluesky.devices import Channel
    >>> class Thermometer(Detector0D):
    ...     sample = Cpt(Channel, units="K")
    ...     def grab(self):
    ...         return {"sample": 293.5}
    >>> thermometer = Thermometer(name="thermometer")
    >>> thermometer.trigger().wait()
    >>> thermometer.read()["thermometer_sample"]["value"]
    293.5
    """

    dimension = 0


class Detector1D(Detector):
    """A detector of spectra or traces, with one signal axis.

    Examples
    --------
    >>> from ophyd import Component as Cpt
    >>> from pymo_bluesky.devices import Axis, Channel
    >>> class Spectrometer(Detector1D):
    ...     spectrum = Cpt(Channel, units="counts")
    ...     wavelength = Cpt(Axis, index=0, value=[500.0, 600.0, 700.0], units="nm")
    ...     def grab(self):
    ...         return {"spectrum": [1.0, 3.0, 5.0]}
    >>> band = {"type": "LinearROI", "position": [590, 800]}
    >>> spectrometer = Spectrometer(name="spectrometer", rois=[band])
    >>> spectrometer.read()["spectrometer_roi_00"]["value"]
    3.0
    """

    dimension = 1


class Detector2D(Detector):
    """A detector of images, shape ``(ny, nx)``, with the axes y (0) and x (1).

    Examples
    --------
    >>> import numpy as np
    >>> from ophyd import Component as Cpt
    >>> from pymo_bluesky.devices import Channel
    >>> class Camera(Detector2D):
    ...     image = Cpt(Channel, units="counts")
    ...     def grab(self):
    ...         return {"image": np.ones((3, 4), "uint16")}
    >>> Camera(name="camera").describe()["camera_image"]["shape"]
    [3, 4]
    """

    dimension = 2


class DetectorND(Detector):
    """A detector whose channels have any dimensions: several panels in PyMoDAQ.

    Examples
    --------
    >>> import numpy as np
    >>> from ophyd import Component as Cpt
    >>> from pymo_bluesky.devices import Axis, Channel
    >>> class Spectrograph(DetectorND):
    ...     total = Cpt(Channel, dimension=0, units="counts")
    ...     spectrum = Cpt(Channel, dimension=1, units="counts")
    ...     image = Cpt(Channel, dimension=2, units="counts")
    ...     pixel = Cpt(Axis, index=0, value=[0.0, 1.0, 2.0], of="spectrum")
    ...     def grab(self):
    ...         image = np.ones((2, 3))
    ...         return {"total": 6.0, "spectrum": image.sum(axis=0), "image": image}
    >>> spectrograph = Spectrograph(name="spectrograph")
    >>> [key["shape"] for key in spectrograph.describe().values()]
    [[], [3], [2, 3]]
    """

    dimension = None
