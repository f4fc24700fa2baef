"""Open a file in PyMoDAQ's H5Browser, visit every node, and take its picture.

    python h5browser_picture.py FILE [--backend tables|h5py] [--node PATH… --png PNG]

Each node is clicked (its attributes and settings are shown) and each data node is
plotted, as a person would; with ``--png`` the window is saved after `PATH` was shown.
Prints one JSON document; exit status 1 when the browser complained about any node.

This runs in PyMoDAQ's environment and knows nothing of ours.
"""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from pymodaq_gui.h5modules.browsing import H5Browser
from qtpy import QtCore, QtWidgets

SIZE = (1500, 900)


class Complaints(logging.Handler):
    """What PyMoDAQ logs: the browser swallows its errors into the log.

    Warnings are told and not counted: PyMoDAQ 5.3 warns of its own settings
    ("could not restore setting option addText").
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.levelname}: {record.getMessage()}"[:400])

    def taken(self) -> list[str]:
        heard, self.heard = self.heard, []
        return heard


def listen() -> Complaints:
    complaints = Complaints()
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("pymodaq"):
            logging.getLogger(name).addHandler(complaints)
    return complaints


def items(tree: QtWidgets.QTreeWidget) -> list[QtWidgets.QTreeWidgetItem]:
    walk = QtWidgets.QTreeWidgetItemIterator(tree)
    found = []
    while walk.value():
        found.append(walk.value())
        walk += 1
    return found


def visit(browser: H5Browser, item: QtWidgets.QTreeWidgetItem) -> dict:
    """Click, then double-click, one node."""
    tree = browser.view.h5file_tree.tree
    tree.setCurrentItem(item)
    path = browser.get_tree_node_path()
    browser.show_h5_attributes()
    attributes = [child.name() for child in browser.settings_attributes.settings]
    names = browser.h5utils.get_node(path).attrs.attrs_name
    plotted = "data_type" in names
    if plotted:
        browser.show_h5_data(None)
    QtWidgets.QApplication.processEvents()
    return {
        "path": path,
        "attributes": len(attributes),
        "plotted": plotted,
        "pictures": pictures(browser),
    }


def pictures(browser: H5Browser) -> list[list[int]]:
    """Width and height of the thumbnails that are shown below the settings."""
    shown = browser.view.pixmap_widget
    if shown.isHidden() or shown.layout() is None:
        return []
    sizes = [
        shown.layout().itemAt(n).widget().pixmap().size()
        for n in range(shown.layout().count())
    ]
    return [[size.width(), size.height()] for size in sizes]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--backend", default="tables", choices=["tables", "h5py"])
    parser.add_argument("--node", action="append", help="several: one after the other")
    parser.add_argument("--png", type=Path)
    options = parser.parse_args()
    app = QtWidgets.QApplication([])
    complaints = listen()
    window = QtWidgets.QMainWindow()
    browser = H5Browser(
        window, h5file_path=str(options.file.resolve()), backend=options.backend
    )
    window.resize(*SIZE)
    window.show()
    out = {"file": str(options.file), "nodes": [], "errors": 0}
    # First, while the viewers are empty: they keep what an earlier node left.
    if options.png:
        picture(app, browser, options.node or ["/"], options.png)
    out["opening"] = complaints.taken()
    for item in items(browser.view.h5file_tree.tree):
        node = visit(browser, item)
        node["complaints"] = complaints.taken()
        out["nodes"].append(node)
    said = [line for node in out["nodes"] for line in node["complaints"]]
    out["errors"] = sum(not s.startswith("WARNING") for s in [*out["opening"], *said])
    print(json.dumps(out, indent=1))
    return 1 if out["errors"] else 0


def picture(
    app: QtWidgets.QApplication, browser: H5Browser, paths: list[str], png: Path
) -> None:
    """Show nodes as a person would, and save what the window shows then."""
    tree = browser.view.h5file_tree.tree
    for path in paths:
        for item in items(tree):
            tree.setCurrentItem(item)
            if browser.get_tree_node_path() == path:
                visit(browser, item)
                tree.scrollToItem(item)
                break
        else:
            raise SystemExit(f"{path} is not in the tree")
    deadline = QtCore.QDeadlineTimer(1500)  # pyqtgraph paints from timers
    while not deadline.hasExpired():
        app.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 50)
    if not browser.mainwindow.grab().save(str(png)):
        raise SystemExit(f"{png} could not be saved")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Qt's own teardown is not what is judged
