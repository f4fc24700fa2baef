#!/usr/bin/env python
"""Compute regions of interest with the real PyMoDAQ 5: its ROI, its filter, its functions.

    QT_QPA_PLATFORM=offscreen python check_rois.py CASES.npz

The archive holds for each case n a JSON text ``case_n`` and the arrays ``data_n``,
``axis_n_0``, ``axis_n_1``. Prints one JSON list: the numbers that PyMoDAQ gives for each
case, an empty list where it gives none. This runs in the judge's environment.
"""

import json
import logging
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
import numpy as np
from pymodaq_data.data import Axis, DataRaw
from qtpy import QtWidgets

app = QtWidgets.QApplication([])
from pymodaq_gui.managers.roi_viewer_manager import ROIMeta
from pymodaq_gui.plotting.items.roi import ROIDim
from pymodaq_gui.plotting.items.roi_sync import RoiParameter
from pymodaq_gui.plotting.utils.filter import Filter1DFromRois, Filter2DFromRois

logging.disable(logging.CRITICAL)


def parameter(case: dict) -> RoiParameter:
    flat = case["roi_type"] != "LinearROI"
    made = RoiParameter(ROIDim.ROI2D if flat else ROIDim.ROI1D, case["roi_type"], 0)
    made["math_function"] = case["math_function"]
    made["position", "x"], made["position", "y"] = case["position"]
    if flat:
        made["size", "width"], made["size", "height"] = case["size"]
        made["angle"] = case["angle"]
    return made


def computed(case: dict, array: np.ndarray, axes: list) -> list:
    data = DataRaw(
        "case",
        data=[array],
        labels=["channel"],
        axes=[Axis(f"a{n}", data=axis, index=n) for n, axis in enumerate(axes)],
    )
    meta = ROIMeta(parameter(case))
    try:
        if case["roi_type"] == "LinearROI":
            found = Filter1DFromRois.get_data_from_roi(None, meta.roi, meta.param, data)
            name = "IntData"
        else:
            function = case["math_function"]
            found = Filter2DFromRois.get_xydata_from_roi(
                None, meta.roi, data, function
            )
            name = "int"
    except Exception:  # noqa: BLE001 - PyMoDAQ logs it and shows nothing
        return []
    numbers = [one for one in found if one.name == name]
    return [float(array[0]) for one in numbers for array in one.data]


archive = np.load(sys.argv[1])
verdicts = []
for n in range(int(archive["cases"])):
    case = json.loads(str(archive[f"case_{n}"]))
    array = archive[f"data_{n}"]
    axes = [archive[f"axis_{n}_{k}"] for k in range(array.ndim)]
    verdicts.append(computed(case, array, axes))
sys.stdout.write("\n" + json.dumps(verdicts) + "\n")
sys.stdout.flush()
os._exit(0)
