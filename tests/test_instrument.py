"""`devices/*.yml` become devices; what fails is told, and the rest works."""

import logging
import sys
import textwrap

import bluesky.plans as bp
import pytest
from bluesky import RunEngine

from pymo_bluesky.errors import FormatError, MissingExtraError, NotFoundError
from pymo_bluesky.instrument import Devices, FailedDevice, data_folder, load_devices


@pytest.fixture
def table(tmp_path):
    """Write a file of devices and give its path."""

    def write(text, name="lab.yml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write


@pytest.fixture
def my_lab(tmp_path, monkeypatch):
    """A lab's own module on the path, with one good class and one broken."""
    (tmp_path / "my_lab.py").write_text(
        textwrap.dedent("""
            from ophyd import Component as Cpt, Device, Signal

            class Shutter(Device):
                state = Cpt(Signal, value=0)

            class Slow(Device):
                @property
                def connected(self):
                    return False

                def wait_for_connection(self, timeout=None):
                    raise TimeoutError("no PV LAB:slow")

            def two(distance: float):
                return [Shutter(name="first"), Shutter(name="second")]

            def broken(name="", port=""):
                raise ConnectionError(f"nothing at {port}")
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("my_lab", None)


def test_the_simulated_lab_comes_with_the_package():
    devices = load_devices("simulated_lab")
    assert list(devices) == ["x", "y", "power", "photodiode", "spectrometer", "camera"]
    assert not devices.failed
    assert devices.camera is devices["camera"]
    assert [roi.label for roi in devices.camera.rois.values()] == ["ROI_00", "ROI_01"]


def test_a_plan_runs_on_loaded_devices():
    devices = load_devices()
    engine = RunEngine({}, context_managers=[])
    documents = []
    engine(
        bp.scan([devices.photodiode], devices.x, -1, 1, 3),
        lambda name, doc: documents.append(name),
    )
    assert documents.count("event") == 3


def test_devices_are_found_by_name_and_by_label():
    devices = load_devices()
    assert [d.name for d in devices.search("p*")] == ["power", "photodiode"]
    assert [d.name for d in devices.search(label="motors")] == ["x", "y", "power"]
    assert devices.search("x", label="detectors") == []
    assert "camera" in dir(devices)
    assert ("camera" in devices, "laser" in devices) == (True, False)
    assert devices.get("laser") is None


def test_an_unknown_device_is_told_with_those_that_are_there():
    devices = load_devices()
    with pytest.raises(NotFoundError, match="no device 'laser'; there is x, y, power"):
        devices["laser"]
    with pytest.raises(AttributeError, match="no device 'laser'"):
        _ = devices.laser


def test_every_broken_device_is_told_and_the_rest_is_given(table, my_lab, caplog):
    path = table("""
        my_lab.broken:
          - {name: camera, port: COM3}
          - {port: COM4}
        my_lab.Shutter:
          - {name: shutter, labels: [optics]}
          - {name: shutter}
          - {labels: [optics]}
        my_lab.Slow:
          - {name: slow}
        my_lab.two:
          - {distance: 0.5}
          - {distance: far}
        not_installed.Thing:
          - {name: thing}
        my_lab.Typo:
          - {name: typo}
    """)
    with caplog.at_level(logging.WARNING):
        devices = load_devices(path, timeout=0.1)
    assert list(devices) == ["shutter", "first", "second"]
    reasons = {failure.name: failure.reason for failure in devices.failed}
    assert set(reasons) == {
        "camera",
        "my_lab.broken",
        "shutter",
        "my_lab.Shutter",
        "slow",
        "my_lab.two",
        "thing",
        "typo",
    }
    assert reasons["camera"] == "ConnectionError: nothing at COM3"
    assert "No module named 'not_installed'" in reasons["thing"]
    assert "has no attribute 'Typo'" in reasons["typo"]
    assert "declared before" in reasons["shutter"]
    assert "no PV LAB:slow" in reasons["slow"]
    assert "Missing required key 'name'" in reasons["my_lab.Shutter"]
    assert len(caplog.messages) == len(devices.failed)
    with pytest.raises(NotFoundError, match="could not be made: ConnectionError"):
        devices["camera"]


def test_ophyd_async_devices_connect_in_the_engines_loop(table):
    engine = RunEngine({}, context_managers=[])
    devices = load_devices(
        table("ophyd_async.sim.SimMotor:\n  - {name: motor, instant: true}\n")
    )
    documents = []
    engine(bp.scan([], devices.motor, 0, 1, 2), lambda name, _: documents.append(name))
    assert documents.count("event") == 2


def test_ophyd_async_devices_connect_before_there_is_an_engine(table):
    assert list(load_devices(table("ophyd_async.sim.SimMotor:\n  - {name: m}\n")))


def test_devices_that_know_no_labels_are_found_by_label_all_the_same(table, my_lab):
    devices = load_devices(
        table("""
            ophyd_async.sim.SimMotor:
              - {name: stage, labels: [motors, room12]}
            my_lab.two:
              - {distance: 0.5, labels: [optics]}
            my_lab.Shutter:
              - {name: shutter, labels: [optics]}
        """)
    )
    assert not devices.failed
    assert [device.name for device in devices.search(label="motors")] == ["stage"]
    optics = [device.name for device in devices.search(label="optics")]
    assert optics == ["first", "second", "shutter"]


def test_toml_is_read_as_well(table):
    path = table('[["ophyd.sim.SynAxis"]]\nname = "stage"\n', "lab.toml")
    assert list(load_devices(path)) == ["stage"]


@pytest.mark.parametrize(
    "text", ["- a\n- b\n", "ophyd.Device: {name: x\n", "ophyd.Device: 3\n"]
)
def test_a_file_of_another_kind_is_refused(table, text):
    with pytest.raises(FormatError, match="cannot be read as a file of devices"):
        load_devices(table(text))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NotFoundError, match=r"there is epics_example, .*simulated_lab"):
        load_devices("room12")
    with pytest.raises(NotFoundError, match=r"no file of devices .*room12\.yml"):
        load_devices(tmp_path / "room12.yml")


def test_without_guarneri_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "guarneri", None)
    with pytest.raises(MissingExtraError, match=r"pymo-bluesky\[devices\]"):
        load_devices()


def test_both_folders_are_found():
    assert (data_folder("devices") / "simulated_lab.yml").is_file()
    assert (data_folder("profiles") / "profile_pymodaq").is_dir()
    with pytest.raises(NotFoundError, match="no folder 'recipes'"):
        data_folder("recipes")


def test_what_failed_is_in_the_representation():
    devices = Devices({}, (FailedDevice("camera", "no cable"),))
    assert repr(devices) == "<Devices none; failed: camera>"
