"""An actuator that fails as its setting ``fault`` says."""

import time

from pymodaq.control_modules.move_utility_classes import (
    DAQ_Move_base,
    DataActuatorType,
    comon_parameters_fun,
)
from pymodaq.utils.data import DataActuator

FAULTS = [
    "none",
    "init says no",
    "init raises",
    "init returns nothing",
    "value raises",
    "value is no attribute",
    "move raises",
    "poll raises",
    "never arrives",
    "poll ends in silence",
    "move blocks",
    "commit raises",
    "close raises",
]


class DAQ_Move_Faulty(DAQ_Move_base):  # noqa: N801 - PyMoDAQ's rule for names
    """Moves at once, unless it fails."""

    _axis_names = ["only"]  # noqa: RUF012 - as all plugins have it
    _controller_units = "mm"
    _epsilons = 0.001
    data_actuator_type = DataActuatorType.DataActuator
    params = [  # noqa: RUF012
        {
            "title": "Fault:",
            "name": "fault",
            "type": "list",
            "limits": FAULTS,
            "value": "none",
        },
        {
            "title": "Speed:",
            "name": "speed",
            "type": "float",
            "value": 1.0,
            "min": 0.0,
            "max": 10.0,
            "suffix": "mm/s",
        },
        {"title": "Steps:", "name": "steps", "type": "int", "value": 4, "min": 1},
        {"title": "Path:", "name": "read", "type": "str", "value": "somewhere"},
        *comon_parameters_fun(axis_names=_axis_names, epsilon=_epsilons),
    ]

    def ini_attributes(self):
        self.at = 0.0
        self.stops = []
        self.committed = []
        self.blocked = False

    @property
    def fault(self):
        return self.settings["fault"]

    def ini_stage(self, controller=None):
        if self.fault == "init says no":
            return "the power is off", False
        if self.fault == "init raises":
            raise OSError("no such port: COM7")
        if self.fault == "init returns nothing":
            return None
        self.controller = controller if controller is not None else object()
        return "ready", True

    def get_actuator_value(self):
        if self.fault == "value raises":
            raise OSError("the line is dead")
        if self.fault == "value is no attribute":
            return self.no_such_thing
        if self.fault == "poll raises" and self.at != 0.0:
            raise OSError("lost contact on the way")
        return DataActuator(self._title, data=self.at, units=self.axis_unit)

    def move_abs(self, value):
        if self.fault == "move raises":
            raise RuntimeError("the motor is jammed")
        self.target_value = value
        if self.fault == "move blocks":
            self.blocked = True
            while self.blocked:
                time.sleep(0.01)
        elif self.fault == "never arrives":
            self.at = value.value() / 2
        else:
            self.at = value.value()

    def poll_moving(self):
        if self.fault != "poll ends in silence":
            super().poll_moving()

    def stop_motion(self):
        self.stops.append(self.fault)
        self.blocked = False
        self.move_done()

    def commit_settings(self, param):
        if self.fault == "commit raises" and param.name() == "speed":
            raise ValueError("the controller refuses this speed")
        self.committed.append((param.name(), param.value()))

    def close(self):
        if self.fault == "close raises":
            raise OSError("cannot be switched off")
