"""Plugins are found, and told apart, without PyMoDAQ: nothing of it is imported."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from pymo_bluesky.cli import main
from pymo_bluesky.devices.plugins import PluginActuator, PluginError, find_plugins
from pymo_bluesky.devices.plugins.arrays import measured
from pymo_bluesky.devices.plugins.finding import GROUPS, find_plugin

MODULES = (
    "daq_move_plugins/daq_move_Stage.py",
    "daq_viewer_plugins/plugins_0D/daq_0Dviewer_Meter.py",
    "daq_viewer_plugins/plugins_2D/daq_2Dviewer_Camera.py",
    "daq_viewer_plugins/plugins_ND/daq_NDviewer_Cube.py",
    "daq_viewer_plugins/plugins_2D/notes.py",
)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package of plugins as pip leaves it; importing any module of it fails."""
    for module in MODULES:
        path = tmp_path / "pymodaq_plugins_room12" / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise OSError('no vendor library')\n")
    (tmp_path / "pymodaq_plugins_room12" / "__init__.py").write_text("")
    info = tmp_path / "pymodaq_plugins_room12-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: pymodaq_plugins_room12\nVersion: 2.0\n")
    # As most packages do: in the old group and in the new one.
    declared = "".join(
        f"[{group}]\nroom12 = pymodaq_plugins_room12\n" for group in GROUPS
    )
    (info / "entry_points.txt").write_text(declared)
    monkeypatch.syspath_prepend(tmp_path)
    yield "pymodaq-plugins-room12"
    for name in [n for n in sys.modules if n.startswith("pymodaq_plugins_room12")]:
        del sys.modules[name]


def test_a_package_is_listed_once_though_it_declares_itself_twice(installed):
    found = [p for p in find_plugins() if p.package == installed]
    assert [(p.name, p.kind, p.dimension) for p in found] == [
        ("DAQ_Move_Stage", "actuator", ""),
        ("DAQ_0DViewer_Meter", "detector", "0D"),
        ("DAQ_2DViewer_Camera", "detector", "2D"),
        ("DAQ_NDViewer_Cube", "detector", "ND"),
    ]
    assert {p.version for p in found} == {"2.0"}
    assert "pymodaq_plugins_room12" not in sys.modules


def test_an_entry_point_to_nothing_is_no_plugin():
    point = EntryPoint("gone", "pymodaq_plugins_gone", GROUPS[0])
    assert find_plugins([point]) == []


def test_a_plugin_is_found_by_its_name(installed):
    assert find_plugin("Stage", "actuator").short_name == "Stage"
    assert find_plugin("DAQ_2DViewer_Camera", "detector").dimension == "2D"
    with pytest.raises(PluginError, match="of the other kind: use PluginActuator"):
        find_plugin("DAQ_Move_Stage", "detector")
    with pytest.raises(PluginError, match="did you mean DAQ_2DViewer_Camera"):
        find_plugin("DAQ_2DViewer_Camra", "detector")


def test_two_packages_with_one_name_are_told(installed, monkeypatch):
    twice = [*find_plugins(), *find_plugins()]
    monkeypatch.setattr(
        "pymo_bluesky.devices.plugins.finding.find_plugins", lambda: twice
    )
    with pytest.raises(PluginError, match="uninstall one of them"):
        find_plugin("DAQ_Move_Stage", "actuator")


def test_a_plugin_that_cannot_be_imported_says_why(installed):
    with pytest.raises(PluginError, match="OSError: no vendor library"):
        find_plugin("Stage", "actuator").load()


def test_the_command_lists_them(installed, capsys):
    assert main(["plugins", "--no-import"]) == 0
    told = capsys.readouterr().out
    assert "DAQ_2DViewer_Camera" in told
    assert "pymodaq-plugins-room12 2.0" in told
    assert main(["plugins", "--no-import", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    (stage,) = [p for p in listed if p["name"] == "DAQ_Move_Stage"]
    assert stage["importable"] is None
    assert stage["package"] == installed


def test_the_command_says_which_cannot_be_imported(installed, monkeypatch, capsys):
    only = [p for p in find_plugins() if p.package == installed]
    monkeypatch.setattr("pymo_bluesky.devices.plugins.find_plugins", lambda: only)
    assert main(["plugins"]) == 1
    assert "no vendor library" in capsys.readouterr().out
    assert main(["plugins", "--json"]) == 1
    listed = json.loads(capsys.readouterr().out)
    assert not any(p["importable"] for p in listed)
    assert listed[0]["trouble"] == "no vendor library"


def test_the_command_tells_where_plugins_come_from(monkeypatch, capsys):
    monkeypatch.setattr("pymo_bluesky.devices.plugins.find_plugins", list)
    assert main(["plugins"]) == 0
    assert "pymo-bluesky[pymodaq]" in capsys.readouterr().out


def test_without_any_plugin_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("pymo_bluesky.devices.plugins.finding.find_plugins", list)
    with pytest.raises(PluginError, match=r"pymo-bluesky\[pymodaq\]"):
        PluginActuator("DAQ_Move_Mock", name="x")


LAZY = """
import sys
from pymo_bluesky.devices import PluginActuator, PluginDetector
from pymo_bluesky.devices.plugins import find_plugins
find_plugins()
loaded = {name.split(".")[0] for name in sys.modules}
assert not loaded & {"qtpy", "PySide6", "PyQt6", "PyQt5", "pymodaq", "pymodaq_gui"}
"""


def test_nothing_of_qt_or_pymodaq_is_imported_before_a_plugin_is_built():
    subprocess.run([sys.executable, "-c", LAZY], check=True)


class Data:
    """As much of PyMoDAQ's DataWithAxes as is read."""

    axes = ()
    errors = None
    units = "dimensionless"

    def __init__(self, *arrays, dim="Data1D", labels=("a", "b"), **more):
        self.name = "viewer"
        self.data = arrays
        self.dim = type("Dim", (), {"name": dim})
        self.labels = labels
        self.__dict__.update(more)


def test_a_number_has_no_dimension_and_a_spectrum_of_one_pixel_has():
    (number,) = measured(Data(np.array([2.0]), dim="Data0D"))
    (pixel,) = measured([Data(np.array([2.0]))])
    assert (number.array.shape, pixel.array.shape) == ((), (1,))
    assert number.units == ""


def test_a_view_of_a_plugins_buffer_is_copied_and_its_own_array_is_not():
    buffer = np.zeros(8)
    view, own = measured(Data(buffer[2:4], buffer))
    buffer[:] = 1
    assert not view.array.any()
    assert own.array is buffer


@pytest.mark.parametrize("nothing", [3, [], ["text"], [Data(do_save=False)]])
def test_what_are_no_data_is_refused(nothing):
    with pytest.raises(PluginError, match="it gave"):
        measured(nothing)
