"""The physics of the simulated lab: a laser beam; knows nothing of ophyd.

Two mirrors steer the beam across a pinhole, into a spectrometer, and over a camera.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Beam", "Trajectory"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A motion at constant velocity.

    Attributes
    ----------
    start, target
        Positions, in the actuator's unit.
    begin
        Seconds, on the clock by which `at` is asked.
    velocity
        Units per second.

    Examples
    --------
    >>> Trajectory(start=0, target=-4, begin=100, velocity=2).at(101)
    -2.0
    """

    start: float
    target: float
    begin: float
    velocity: float

    def at(self, clock: float) -> float:
        """Return the position at the time `clock`."""
        way = self.target - self.start
        gone = self.velocity * max(clock - self.begin, 0.0)
        if gone >= abs(way):
            return self.target  # start + way may miss it by what floats lose
        return self.start + float(np.copysign(gone, way))


@dataclass(slots=True)
class Beam:
    """A laser beam that all instruments of a lab share.

    Attributes
    ----------
    x, y
        Where the mirrors send it, in mm.
    power
        In mW.
    waist
        Radius (one sigma) of the beam at the pinhole, in mm.
    seed
        Every detector draws its own noise from it, so that the same sequence of
        measurements gives the same values, whatever runs beside.

    Examples
    --------
    >>> beam = Beam(x=0.0, y=0.0, power=2.0)
    >>> round(beam.transmitted(), 3)
    2.0
    >>> beam.x = 2 * beam.waist
    >>> round(beam.transmitted() / beam.power, 3)
    0.135
    """

    x: float = 0.0
    y: float = 0.0
    power: float = 1.0
    waist: float = 1.5
    seed: int = 0
    centre_wavelength: float = field(default=632.8)

    def generator(self, name: str) -> np.random.Generator:
        """Return the noise of the instrument `name`."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def transmitted(self) -> float:
        """Return the power behind a pinhole on the axis, in mW."""
        distance = np.hypot(self.x, self.y) / self.waist
        return float(self.power * np.exp(-(distance**2) / 2))

    def spectrum(self, wavelength: FloatArray) -> FloatArray:
        """Return the spectral power, in mW: x shifts the line, y broadens it.

        Parameters
        ----------
        wavelength
            In nm, shape ``(n,)``.
        """
        centre = self.centre_wavelength + 2.0 * self.x
        width = 3.0 + 0.5 * abs(self.y)
        line = np.exp(-(((wavelength - centre) / width) ** 2) / 2)
        return np.asarray(self.power * line, dtype=np.float64)

    def image(
        self, y: FloatArray, x: FloatArray, *, gain: float, spot: float
    ) -> FloatArray:
        """Return the power on a camera, in mW, shape ``(ny, nx)``.

        Parameters
        ----------
        y, x
            The camera's axes in µm.
        gain
            How far the spot moves on the camera, in µm per mm of a mirror.
        spot
            Radius (one sigma) of the spot, in µm.
        """
        rows = np.exp(-(((y - gain * self.y) / spot) ** 2) / 2)
        columns = np.exp(-(((x - gain * self.x) / spot) ** 2) / 2)
        return np.asarray(self.power * np.outer(rows, columns), dtype=np.float64)
