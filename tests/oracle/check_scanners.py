#!/usr/bin/env python
"""Positions of the real PyMoDAQ 5's scanners, for a table of their settings.

    QT_QPA_PLATFORM=offscreen python check_scanners.py FILE

FILE is JSON, a list of {"type", "sub_type", "actuators", "scanner"}: `scanner` as the
scanner's `from_dict` takes it, or {"vertices", "step"}. Prints one JSON document with
the positions of each, or the error. This runs in the judge's environment.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from qtpy import QtWidgets

app = QtWidgets.QApplication([])
from pymodaq.utils.scanner import Scanner  # noqa: E402


class Actuator:
    def __init__(self, n: int) -> None:
        self.title, self.units = f"act{n}", ""


def positions(job: dict) -> dict:
    actuators = [Actuator(n) for n in range(job["actuators"])]
    scanner = Scanner(actuators=actuators, selected_actuators=actuators)
    scanner.set_scan_type_and_subtypes(job["type"], job["sub_type"])
    made = scanner.scanner
    if "vertices" in job["scanner"]:
        made.settings["tabular_step"] = job["scanner"]["step"]
        made.update_model_points(job["scanner"]["vertices"])
    else:
        made.from_dict(job["scanner"])
    made.set_scan()
    axes = [axis.get_data().tolist() for axis in made.get_nav_axes()]
    return {
        "positions": made.positions.tolist(),
        "shape": list(made.get_scan_shape()),
        "distribution": made.distribution.name,
        "axes": axes,
    }


if __name__ == "__main__":
    jobs = json.loads(Path(sys.argv[1]).read_text())
    results = []
    for job in jobs:
        try:
            results.append(positions(job))
        except Exception as error:  # noqa: BLE001 - what PyMoDAQ says is the verdict
            results.append({"error": f"{type(error).__name__}: {error}"})
    print(json.dumps({"results": results}))  # noqa: T201
