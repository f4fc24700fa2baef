"""The devices of the simulated lab; the physics is in `beam`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device

from pymo_bluesky.devices.actuator import Actuator
from pymo_bluesky.devices.beam import Beam, Trajectory
from pymo_bluesky.devices.channel import Axis, Channel
from pymo_bluesky.devices.detector import Frames
from pymo_bluesky.devices.dimensions import Detector0D, Detector1D, Detector2D
from pymo_bluesky.devices.setting import Setting

__all__ = ["Camera", "Mirror", "Photodiode", "Spectrometer", "simulated_lab"]

Options = Mapping[str, Any]


class Mirror(Actuator):
    """A motor that moves one property of the beam at a constant velocity.

    Parameters
    ----------
    beam
        The beam it acts on.
    moves
        The property of the beam: ``"x"``, ``"y"`` or ``"power"``.
    velocity
        Units per second.
    resolution
        The step of the encoder: a position is read as a multiple of it.
    **actuator
        What `Actuator` takes.

    Examples
    --------
    >>> beam = Beam()
    >>> x = Mirror(name="x", beam=beam, moves="x", units="mm", velocity=1000)
    >>> x.set(0.5).wait()
    >>> beam.x
    0.5
    """

    velocity = Cpt(Setting, value=10.0, limits=(1e-3, 1e6))
    resolution = Cpt(Setting, value=1e-4, readonly=True)

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        beam: Beam,
        moves: str,
        velocity: float = 10.0,
        resolution: float = 1e-4,
        **actuator: Any,
    ) -> None:
        self.beam = beam
        self.moves = moves
        here = float(getattr(beam, moves))
        self._trajectory = Trajectory(here, here, 0.0, velocity)
        actuator.setdefault("epsilon", resolution)
        super().__init__(prefix, name=name, **actuator)
        self.velocity.units = f"{self.egu}/s"
        self.resolution.units = self.egu
        self.velocity.put(velocity)
        self.resolution.put(resolution, force=True)
        self.setpoint.put(here, force=True)

    def get_actuator_value(self) -> float:
        """Return the position as the encoder shows it."""
        position = self._trajectory.at(time.monotonic())
        setattr(self.beam, self.moves, position)
        step = self.resolution.get()
        return round(position / step) * step

    def move_abs(self, value: float) -> None:
        """Start from where it is, moving or not."""
        now = time.monotonic()
        self._trajectory = Trajectory(
            self._trajectory.at(now), value, now, self.velocity.get()
        )

    def is_done(self, target: float, position: float) -> bool:
        """Whether the mirror stands at the target."""
        return bool(getattr(self.beam, self.moves) == target)

    def stop_motion(self) -> None:
        """Stay where it is."""
        here = self._trajectory.at(time.monotonic())
        self._trajectory = Trajectory(here, here, 0.0, self.velocity.get())


class Photodiode(Detector0D):
    """Two photodiodes: one behind the pinhole, one before it.

    Parameters
    ----------
    beam
        The beam it sees.
    exposure
        Seconds.
    noise
        Of one measurement, in V.
    **detector
        What `Detector` takes.
    """

    signal = Cpt(Channel, units="V")
    reference = Cpt(Channel, units="V")
    exposure = Cpt(Setting, value=0.01, units="s", limits=(0.0, 60.0))
    gain = Cpt(Setting, value=1.0, units="V/mW", limits=(0.0, 1e3))

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        beam: Beam,
        exposure: float = 0.01,
        noise: float = 1e-3,
        **detector: Any,
    ) -> None:
        self.beam = beam
        self.noise = noise
        self._random = beam.generator(name)
        super().__init__(prefix, name=name, **detector)
        self.exposure.put(exposure)

    def grab(self) -> Frames:
        """Return the two voltages."""
        time.sleep(self.exposure.get())
        gain = self.gain.get()
        noise = self._random.normal(scale=self.noise, size=2)
        return {
            "signal": gain * self.beam.transmitted() + noise[0],
            "reference": gain * self.beam.power + noise[1],
        }


class Spectrometer(Detector1D):
    """A grating spectrometer: the line moves with x and broadens with y.

    Parameters
    ----------
    beam
        The beam it sees.
    pixels
        The length of a spectrum.
    wavelengths
        The first and the last, in nm.
    exposure
        Seconds.
    noise
        Of one pixel, in counts.
    **detector
        What `Detector` takes.
    """

    spectrum = Cpt(Channel, units="counts")
    wavelength = Cpt(Axis, index=0, units="nm")
    exposure = Cpt(Setting, value=0.01, units="s", limits=(0.0, 60.0))
    grating = Cpt(
        Setting,
        value="600 l/mm",
        type="list",
        limits=["300 l/mm", "600 l/mm", "1200 l/mm"],
    )

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        beam: Beam,
        pixels: int = 128,
        wavelengths: Sequence[float] = (590.0, 680.0),
        exposure: float = 0.01,
        noise: float = 2.0,
        **detector: Any,
    ) -> None:
        self.beam = beam
        self.noise = noise
        self._random = beam.generator(name)
        super().__init__(prefix, name=name, **detector)
        first, last = wavelengths
        self.wavelength.put(np.linspace(first, last, pixels))
        self.exposure.put(exposure)

    def grab(self) -> Frames:
        """Return the spectrum in counts, float64, shape ``(pixels,)``."""
        time.sleep(self.exposure.get())
        counts = 1000.0 * self.beam.spectrum(self.wavelength.get())
        noise = self._random.normal(scale=self.noise, size=counts.shape)
        return {"spectrum": counts + noise}


class Cooling(Device):
    """The cooling of a camera: a group of its settings."""

    enabled = Cpt(Setting, value=True, title="Cooling")
    temperature = Cpt(Setting, value=-20.0, units="degC", limits=(-60.0, 30.0))


class Camera(Detector2D):
    """A camera of 16 bits that sees where the beam goes.

    Parameters
    ----------
    beam
        The beam it sees.
    shape
        ``(ny, nx)`` in pixels.
    pixel
        The size of a pixel, in µm.
    exposure
        Seconds.
    beam_gain
        How far the spot moves, in µm per mm of a mirror.
    spot
        Radius of the spot (one sigma), in µm.
    **detector
        What `Detector` takes.
    """

    image = Cpt(Channel, units="counts")
    y = Cpt(Axis, index=0, units="um")
    x = Cpt(Axis, index=1, units="um")
    exposure = Cpt(Setting, value=0.01, units="s", limits=(0.0, 60.0))
    gain = Cpt(Setting, value=1, limits=(1, 16))
    serial_number = Cpt(Setting, value="SIM-0042", readonly=True)
    cooling = Cpt(Cooling)

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        beam: Beam,
        shape: Sequence[int] = (48, 64),
        pixel: float = 10.0,
        exposure: float = 0.01,
        beam_gain: float = 20.0,
        spot: float = 40.0,
        **detector: Any,
    ) -> None:
        self.beam = beam
        self.beam_gain = beam_gain
        self.spot = spot
        self._random = beam.generator(name)
        super().__init__(prefix, name=name, **detector)
        for axis, length in zip((self.y, self.x), shape, strict=True):
            axis.put(pixel * (np.arange(length) - (length - 1) / 2))
        self.exposure.put(exposure)

    def grab(self) -> Frames:
        """Return the image with its shot noise, uint16, shape ``(ny, nx)``."""
        time.sleep(self.exposure.get())
        power = self.beam.image(
            self.y.get(), self.x.get(), gain=self.beam_gain, spot=self.spot
        )
        electrons = self._random.poisson(2000.0 * power + 10.0)
        counts = np.clip(electrons * self.gain.get(), 0, 2**16 - 1)
        return {"image": counts.astype(np.uint16)}


def simulated_lab(
    *,
    seed: int = 0,
    actuators: Options | None = None,
    photodiode: Options | None = None,
    spectrometer: Options | None = None,
    camera: Options | None = None,
) -> list[Device]:
    """Build all devices of the simulated lab around one beam.

    Parameters
    ----------
    seed
        Of all noise.
    actuators
        Name to the options of a `Mirror`; by default x and y in mm, power in mW.
    photodiode, spectrometer, camera
        Options of `Photodiode`, `Spectrometer` and `Camera`, e.g. ``rois``.

    Returns
    -------
    list
        The actuators, then photodiode, spectrometer, camera.

    Examples
    --------
    >>> [device.name for device in simulated_lab(camera={"shape": (4, 6)})]
    ['x', 'y', 'power', 'photodiode', 'spectrometer', 'camera']
    """
    beam = Beam(seed=seed)
    mirrors: dict[str, dict[str, Any]] = {
        "x": {"moves": "x", "units": "mm", "limits": (-10.0, 10.0)},
        "y": {"moves": "y", "units": "mm", "limits": (-10.0, 10.0)},
        "power": {"moves": "power", "units": "mW", "limits": (0.0, 10.0)},
    }
    for name, options in (actuators or {}).items():
        mirrors[name] = {**mirrors.get(name, {}), **options}
    motors: dict[str, Any] = {"labels": {"motors"}}
    sees: dict[str, Any] = {"beam": beam, "labels": {"detectors"}}
    return [
        *(Mirror(name=n, beam=beam, **(motors | o)) for n, o in mirrors.items()),
        Photodiode(name="photodiode", **(sees | dict(photodiode or {}))),
        Spectrometer(name="spectrometer", **(sees | dict(spectrometer or {}))),
        Camera(name="camera", **(sees | dict(camera or {}))),
    ]
