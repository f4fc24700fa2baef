#!/usr/bin/env python
"""Judge settings XML with the real PyMoDAQ 5 or 3.6: read it, make its tree, show it.

    QT_QPA_PLATFORM=offscreen python check_settings.py FILE...

Prints one JSON document: for each file, its parameters by path with type and value as
PyMoDAQ holds them once they are on screen, and for each ROI the centre that PyMoDAQ 5
gives it. Any complaint ends the script. This runs in the judge's environment.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from qtpy import QtCore, QtGui, QtWidgets

app = QtWidgets.QApplication([])
try:
    from pymodaq_gui.managers.roi_viewer_manager import ROIMeta
    from pymodaq_gui.parameter import Parameter, ParameterTree, ioxml

    FIVE = True
except ImportError:
    from pymodaq.daq_utils.parameter import ioxml, pymodaq_ptypes  # noqa: F401
    from pyqtgraph.parametertree import Parameter, ParameterTree

    FIVE = False


def tree_of(data: bytes) -> Parameter:
    """As the H5Browser of each version does it."""
    root = Parameter.create(name="settings", type="group")
    if FIVE:
        root.addChild(ioxml.xml_string_to_parameter_dict(data))
        return root.children()[0]
    root.addChildren(ioxml.XML_string_to_parameter(data))
    return root


def plain(value: object) -> object:
    if isinstance(value, QtCore.QDateTime):
        return value.toMSecsSinceEpoch() / 1000
    if isinstance(value, QtGui.QColor):
        return list(value.getRgb())
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return repr(value)


def lines(parameter: Parameter, path: str) -> dict:
    found = {}
    for child in parameter.children():
        here = f"{path}/{child.name()}"
        value = None if "group" in child.type() else plain(child.value())
        found[here] = {"type": child.type(), "value": value}
        if child.type() == "roi_group":
            found[here]["centre"] = centre(child)
        found.update(lines(child, here))
    return found


def centre(parameter: Parameter) -> list:
    where = ROIMeta(parameter).roi.center()
    return [where] if isinstance(where, float) else [where[0], where[1]]


def judged(path: str) -> dict:
    tree = tree_of(Path(path).read_bytes())
    window = ParameterTree()
    window.setParameters(tree, showTop=False)
    window.show()
    app.processEvents()
    if complaints:
        raise complaints[0]
    return lines(tree, "")


complaints: list = []  # Qt swallows what slots raise
sys.excepthook = lambda kind, error, trace: complaints.append(error)
try:
    verdict = {path: judged(path) for path in sys.argv[1:]}
    status = 0
except Exception as error:  # noqa: BLE001
    verdict, status = {"error": f"{type(error).__name__}: {error}"}, 1
sys.stdout.write("\n" + json.dumps(verdict, default=repr) + "\n")
sys.stdout.flush()
os._exit(status)
