"""Let the real PyMoDAQ 5 add a scan to a dataset, as its DAQ_Scan does.

    QT_QPA_PLATFORM=offscreen python append_with_pymodaq.py FILE [--saver SAVER]

SAVER is ``default`` (what PyMoDAQ's configuration says: h5py with SWMR), ``h5py``
(without SWMR) or ``tables``. Prints one JSON document: the settings of the saver, the
scans before and after, and what PyMoDAQ asked its user, who answers no.

This runs in the judge's environment: nothing of ours is imported.
"""

import argparse
import json
import sys
import traceback
from pathlib import Path

SHAPE = (3, 2)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--saver", default="default")
    parser.add_argument("--finalize", action="store_true", help="as SWMR should end")
    options = parser.parse_args()
    verdict = {"file": str(options.file), "errors": 0, "nodes": [], "asked": []}
    try:
        append(options, verdict)
    except Exception:  # noqa: BLE001 - what PyMoDAQ raises is the verdict
        verdict["errors"] += 1
        verdict["open_error"] = traceback.format_exc()[-2000:]
    sys.stdout.write(f"\n{json.dumps(verdict)}\n")
    return int(verdict["errors"] > 0)


def append(options: argparse.Namespace, verdict: dict) -> None:
    from pymodaq_gui.h5modules.saving import H5Saver
    from qtpy import QtWidgets

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    saver = H5Saver()
    chosen = saver.settings.child("backend")
    if options.saver == "h5py":
        chosen.child("swmr_options", "enable_swmr").setValue(False)
    elif options.saver == "tables":
        chosen.child("backend_type").setValue("tables")
    timer = answering_no(app, verdict["asked"])
    saver.init_file(addhoc_file_path=options.file.resolve())
    timer.stop()
    verdict["backend"] = saver.backend
    verdict["swmr"] = saver.swmr_mode
    verdict["before"] = sorted(saver.get_children(saver.raw_group))
    try:
        verdict["scan"] = scan(saver)
        verdict["after"] = sorted(saver.get_children(saver.raw_group))
        verdict["nodes"] = [{"path": verdict["scan"]}]
        if options.finalize:
            saver.finalize_swmr()
    finally:
        saver.close_file()


def answering_no(app, asked: list):
    """A user who answers no to whatever PyMoDAQ asks."""
    from qtpy import QtCore, QtWidgets

    def answer() -> None:
        box = app.activeModalWidget()
        if isinstance(box, QtWidgets.QMessageBox):
            asked.append(box.text())
            box.button(QtWidgets.QMessageBox.StandardButton.No).click()

    timer = QtCore.QTimer()
    timer.timeout.connect(answer)
    timer.start(20)
    return timer


def scan(saver) -> str:
    """Save a 2D scan of a 0D and a 1D detector, in the order in which DAQ_Scan does."""
    import numpy as np
    from pymodaq_data.data import Axis, DataDistribution, DataRaw, DataToExport
    from pymodaq_data.h5modules.data_saving import DataToExportExtendedSaver

    settings = b'<All_settings type="group" />'
    group = saver.add_generic_group(title="DAQScan", settings_as_xml=settings)
    detectors = [
        saver.add_det_group(group, title=title, settings_as_xml=settings)
        for title in ("Det0D", "Det1D")
    ]
    saver.add_act_group(group, title="Move 00", settings_as_xml=settings)
    saver.add_log(f"{group.name} begins")
    axes = [
        Axis(f"Move {n:02d}", "mm", data=np.linspace(0, n + 1, size), index=n)
        for n, size in enumerate(SHAPE)
    ]
    writers = [DataToExportExtendedSaver(saver, SHAPE) for _ in detectors]
    writers[0].add_nav_axes(group, axes)
    for number, indexes in enumerate(np.ndindex(*SHAPE)):
        point = DataRaw("Det0D", data=[np.array([float(number)])], origin="Det0D")
        spectrum = DataRaw(
            "Det1D",
            data=[np.arange(5.0) + number],
            axes=[Axis("wavelength", "nm", data=np.linspace(500, 600, 5), index=0)],
            origin="Det1D",
        )
        for detector, writer, data in zip(
            detectors, writers, (point, spectrum), strict=True
        ):
            writer.add_data(
                detector,
                DataToExport(data.name, data=[data]),
                indexes,
                DataDistribution.uniform,
            )
    saver.flush()
    return group.path


if __name__ == "__main__":
    sys.exit(main())
