"""Any detector plugin of PyMoDAQ as an ophyd detector; knows nothing of Qt."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from ophyd import Component as Cpt
from ophyd.status import DeviceStatus
from ophyd.utils import WaitTimeoutError

from pymo_bluesky.devices.detector import Frames
from pymo_bluesky.devices.dimensions import DetectorND
from pymo_bluesky.devices.plugins.errors import PluginError
from pymo_bluesky.devices.plugins.finding import find_plugin
from pymo_bluesky.devices.plugins.grabbing import DetectorDriver, Frame
from pymo_bluesky.devices.plugins.layout import Layout
from pymo_bluesky.devices.plugins.settings import settings_device
from pymo_bluesky.devices.plugins.tailoring import tailor
from pymo_bluesky.devices.regions import roi_components
from pymo_bluesky.devices.setting import Setting

__all__ = ["PluginDetector"]

# How long a stop waits for the thread that grabs.
_STOP_GRACE = 1.0


class PluginDetector(DetectorND):
    """A detector plugin of PyMoDAQ, without PyMoDAQ's windows.

    Building it imports PyMoDAQ (10 to 15 s the first time), starts Qt in a thread of
    its own, initialises the instrument and grabs once: only data tell which channels,
    shapes and axes there are.

    Parameters
    ----------
    plugin
        The name of its class: ``"DAQ_2DViewer_Mock"``.
    name
        Of the device. A channel is named by its label, ``camera_CH00``; by viewer and
        label where data come in several, ``camera_Mock2D_0_CH00``.
    settings
        Of the plugin, by path (``"main/exposure"``) or as nested mappings.
    controller
        A name. Plugins that give the same one share the controller of the first, as
        PyMoDAQ's slaves share their master's, and are served in turn.
    naverage
        How many grabs to average, by the plugin if it can.
    live
        Let frames come by themselves while a plan has the detector staged; a reading
        is then the next frame to come. For plugins with a live mode.
    rois
        Regions of interest, as `Detector` takes them.
    timeout
        Seconds that one grab may take.
    answer_timeout
        Seconds that the plugin may take for any other answer.
    probe
        False: rely on the empty data by which the plugin announced, when it was
        initialised, what it will give; nothing is grabbed.
    **device
        What `ophyd.Device` takes: kind, labels…

    Attributes
    ----------
    settings
        The plugin's tree of settings: ``camera.settings.main.exposure``.
    naverage
        A setting.

    Raises
    ------
    PluginError
        When there is no such plugin or setting, the initialisation or the grab fails.
    MissingExtraError
        When PyMoDAQ is not installed.

    Examples
    --------
    With ``pip install "pymo-bluesky[pymodaq]" pymodaq-plugins-mock``::

        camera = PluginDetector("DAQ_2DViewer_Mock", name="camera", settings={"Nx": 64})
        RE(bp.count([camera], num=3))
    """

    detector_type = Cpt(
        Setting, value="", readonly=True, path="main_settings/detector_type"
    )

    settings: Any
    driver: DetectorDriver

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Allocate; the regions come later, with the channels they are of."""
        return super().__new__(cls)

    def __init__(
        self,
        plugin: str,
        *,
        name: str,
        settings: Mapping[str, Any] | None = None,
        controller: str = "",
        naverage: int = 1,
        live: bool = False,
        rois: Sequence[Mapping[str, Any]] = (),
        timeout: float = 30.0,
        answer_timeout: float = 30.0,
        probe: bool = True,
        **device: Any,
    ) -> None:
        self.live = live
        self._interrupted = False
        self.grab_timeout = timeout
        self.driver = DetectorDriver(
            find_plugin(plugin, "detector"),
            title=name,
            settings=settings,
            controller=controller,
            timeout=answer_timeout,
        )
        try:
            first = self._frame = self._first_frame(probe=probe)
            self._layout = Layout(first)
            self._tailor(first, rois)
            super().__init__("", name=name, **device)
        except BaseException:
            self.driver.close()
            raise
        self.naverage.put(naverage)
        self.detector_type.put(self.driver.found.short_name, force=True)

    def _first_frame(self, *, probe: bool) -> Frame:
        if probe:
            return self.driver.grab(1, self.grab_timeout)
        if not self.driver.first:
            raise PluginError(
                f"{self.driver.title}: {self.driver.found.name} does not announce what "
                "it will give; leave `probe` to its default"
            )
        return self.driver.first

    def _tailor(self, first: Frame, rois: Sequence[Mapping[str, Any]]) -> None:
        made = settings_device(self.driver, self.settings_root)
        dimensions = {one.array.ndim for one in first}
        # Where all channels have one dimension, a region needs not say of which it is.
        dimension = dimensions.pop() if len(dimensions) == 1 else None
        tailor(
            self,
            {
                **self._layout.components,
                "settings": Cpt(made, kind="config"),
                **roi_components(self.driver.found.name, dimension, rois),
            },
            hardware_averaging=self.driver.averages,
        )

    def stage(self) -> list[object]:
        """Get ready for a plan; in live mode, let frames come."""
        staged = super().stage()
        if self.live:
            self.driver.start_live(self.naverage.get())
        return staged

    def unstage(self) -> list[object]:
        """Undo `stage`; a grab that is still under way is stopped."""
        if self.driver.busy:
            self._stop_grab()
        return super().unstage()

    def pause(self) -> None:
        """Stop what is going on; the RunEngine calls it when a plan pauses.

        The plan will trigger again. Its first trigger must not fail (it would fail the
        plan), and must give nothing either: until the next, reading is refused.
        """
        if self.driver.busy:
            self._interrupted = True
            self._stop_grab()

    def resume(self) -> None:
        """Go on in live mode; a grab is started again by the plan."""
        if self.live and not self.driver.live:
            self.driver.start_live(self.naverage.get())

    def _stop_grab(self) -> None:
        self.driver.stop()
        if self._last is not None and not self._last.done:
            # So that the next trigger finds the detector free.
            with contextlib.suppress(PluginError, WaitTimeoutError):
                self._last.wait(_STOP_GRACE)

    def grab(self) -> Frames:
        """Let the plugin grab, and sort what it gave by channel."""
        count = self.naverage.get() if self.hardware_averaging else 1
        try:
            if not self._interrupted:
                self._frame = self.driver.grab(count, self.grab_timeout)
        except PluginError:
            if not self._interrupted:
                raise
        for attr, values in self._layout.axes(self._frame).items():
            axis = getattr(self, attr)
            if not np.array_equal(axis.get(), values):
                axis.put(values)
        return self._layout.frames(self._frame)

    def _start(self, accept: Any) -> DeviceStatus:
        self._interrupted = False
        return super()._start(accept)

    def read(self) -> Any:
        """Return the last measurement, the first being made when there is none."""
        if self._interrupted:
            raise PluginError(
                f"{self.name} was stopped by a pause before it gave data; trigger it "
                "again"
            )
        return super().read()

    def stop(self, *, success: bool = False) -> None:
        """Stop the hardware; a grab under way fails."""
        self.driver.stop()
        super().stop(success=success)

    def close(self) -> None:
        """Close the instrument; also those that share its controller, if it is first.

        Raises
        ------
        PluginError
            When the plugin fails at it.
        """
        self.driver.close()

    def destroy(self) -> None:
        """Close the instrument, and leave the device to ophyd to forget."""
        self.close()
        super().destroy()
