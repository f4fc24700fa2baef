"""A detector that fails, or gives its data, as its setting ``way`` says."""

import threading
import time

import numpy as np
from pymodaq.control_modules.viewer_utility_classes import (
    DAQ_Viewer_base,
    comon_parameters,
)
from pymodaq.utils.data import Axis, DataFromPlugins, DataToExport
from qtpy.QtCore import QDateTime, QTimer
from qtpy.QtWidgets import QApplication

WAYS = [
    "signal",
    "old signal",
    "return",
    "thread",
    "timer",
    "raises",
    "nothing",
    "empty",
    "hidden",
    "text",
    "other channels",
    "two dimensions",
    "blocks",
    "loop",
]


class DAQ_0DViewer_Faulty(DAQ_Viewer_base):  # noqa: N801 - PyMoDAQ's rule for names
    """Counts its grabs."""

    live_mode_available = True
    params = [  # noqa: RUF012 - as all plugins have it
        *comon_parameters,
        {
            "title": "Way:",
            "name": "way",
            "type": "list",
            "limits": WAYS,
            "value": "signal",
        },
        {
            "title": "Begin:",
            "name": "begin",
            "type": "date_time",
            "value": QDateTime.fromMSecsSinceEpoch(0),
        },
        {
            "title": "Gains:",
            "name": "gains",
            "type": "itemselect",
            "value": {"all_items": ["a", "b"], "selected": ["a"]},
        },
    ]

    def ini_attributes(self):
        self.count = 0
        self.live = False
        self.stops = 0
        self.in_thread = None

    def ini_detector(self, controller=None):
        self.controller = controller if controller is not None else object()
        return "ready", True

    def data(self):
        self.count += 1
        return DataFromPlugins(
            name="counter",
            data=[np.array([float(self.count)])],
            labels=["count"],
            dim="Data0D",
            units="V",
        )

    def emit(self):
        self.in_thread = threading.current_thread().name
        self.dte_signal.emit(DataToExport("faulty", data=[self.data()]))

    def grab_data(self, Naverage=1, live=False, **kwargs):  # noqa: N803
        if live:
            self.live = True
            while self.live:
                self.emit()
                QApplication.processEvents()
                time.sleep(0.005)
            return None
        return getattr(self, self.settings["way"].replace(" ", "_") + "_way")()

    def signal_way(self):
        self.emit()

    def old_signal_way(self):
        self.data_grabed_signal.emit([self.data()])

    def return_way(self):
        return DataToExport("faulty", data=[self.data()])

    def thread_way(self):
        threading.Thread(target=self.emit, name="vendor").start()

    def timer_way(self):
        QTimer.singleShot(5, self.emit)

    def raises_way(self):
        raise OSError("the cable is out")

    def nothing_way(self):
        return None

    def empty_way(self):
        self.dte_signal.emit(DataToExport("faulty", data=[]))

    def hidden_way(self):
        data = self.data()
        data.add_extra_attribute(do_save=False, do_plot=True)
        self.dte_signal.emit(DataToExport("faulty", data=[data]))

    def text_way(self):
        return {"count": 3}

    def other_channels_way(self):
        data = DataFromPlugins(
            name="counter", data=[np.array([1.0])], labels=["volts"], dim="Data0D"
        )
        self.dte_signal.emit(DataToExport("faulty", data=[data]))

    def two_dimensions_way(self):
        data = DataFromPlugins(
            name="counter",
            data=[np.ones((2, 3))],
            labels=["count"],
            dim="Data2D",
            axes=[Axis("y", data=np.arange(2.0), index=0)],
        )
        self.dte_signal.emit(DataToExport("faulty", data=[data]))

    def blocks_way(self):
        self.live = True
        while self.live:  # it does not even look at Qt's events
            time.sleep(0.01)

    loop_way = blocks_way

    def stop(self):
        self.stops += 1
        self.live = False

    def close(self):
        self.live = False
