"""A detector with several viewers, of different dimensions, error bars and units."""

import numpy as np
from pymodaq.control_modules.viewer_utility_classes import (
    DAQ_Viewer_base,
    comon_parameters,
)
from pymodaq.utils.data import Axis, DataFromPlugins, DataToExport


class DAQ_NDViewer_Panels(DAQ_Viewer_base):  # noqa: N801 - PyMoDAQ's rule for names
    """A cube, a spectrum and two numbers of which one has error bars."""

    hardware_averaging = True
    params = [  # noqa: RUF012 - as all plugins have it
        *comon_parameters,
        {
            "title": "Main:",
            "name": "main",
            "type": "group",
            "children": [
                {
                    "title": "Exposure:",
                    "name": "exposure",
                    "type": "float",
                    "value": 0.1,
                    "suffix": "s",
                },
                {
                    "title": "Cooling:",
                    "name": "cooling",
                    "type": "bool",
                    "value": True,
                    "children": [
                        {
                            "title": "Target:",
                            "name": "target",
                            "type": "int",
                            "value": -20,
                        }
                    ],
                },
                {
                    "title": "Tint:",
                    "name": "tint",
                    "type": "color",
                    "value": (255, 0, 0, 255),
                },
            ],
        },
    ]

    def ini_attributes(self):
        self.grabs = 0
        self.asked = []
        self.buffer = np.zeros((2, 3, 4))

    def ini_detector(self, controller=None):
        self.controller = controller if controller is not None else object()
        return {"info": "as before PyMoDAQ 4", "initialized": True}

    def grab_data(self, Naverage=1, **kwargs):  # noqa: N803
        self.asked.append(Naverage)
        self.grabs += 1
        self.buffer[:] = self.grabs  # the next grab writes into the same memory
        wavelength = Axis("wavelength", units="nm", data=np.linspace(500, 600, 5))
        first = self.grabs == 1
        spectrum = DataFromPlugins(
            name="spectrum",
            data=[np.arange(5.0)],
            labels=["counts"],
            units="count",
            dim="Data1D",
            axes=[wavelength] if first else [],  # only when it has changed
        )
        cube = DataFromPlugins(
            name="cube",
            data=[self.buffer[:]],
            labels=["voxels"],
            dim="DataND",
            nav_indexes=(0,),
            axes=[
                Axis("z", units="mm", data=np.array([0.0, 5.0]), index=0),
                Axis("y", units="mm", data=np.arange(3.0), index=1),
                Axis("x", units="mm", data=np.arange(4.0), index=2),
            ],
        )
        numbers = DataFromPlugins(
            name="numbers",
            data=[np.array([1.5]), np.array([2.5])],
            errors=[np.array([0.1]), np.array([0.2])],
            labels=["left", "right"],
            units="V",
            dim="Data0D",
        )
        self.dte_signal.emit(DataToExport("all", data=[spectrum, cube, numbers]))

    def stop(self):
        pass

    def close(self):
        pass
