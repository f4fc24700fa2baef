"""EPICS, really: a motor record and a camera behind IOCs, in a dataset of PyMoDAQ."""

import time

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus
from hardware.conftest import PREFIX

from pymo_bluesky import PymodaqWriter, open_dataset, replay
from pymo_bluesky.devices import DeviceError
from pymo_bluesky.instrument import data_folder, load_devices

pytestmark = pytest.mark.extras

PATIENCE = 60.0


@pytest.fixture(scope="module")
def example(iocs, tmp_path_factory):
    """The example file, with the prefix of the tests' IOCs."""
    text = (data_folder("devices") / "epics_example.yml").read_text()
    path = tmp_path_factory.mktemp("devices") / "room.yml"
    path.write_text(text.replace("LAB:", PREFIX))
    return path


@pytest.fixture(scope="module")
def lab(example):
    devices = load_devices(example, timeout=PATIENCE)
    assert not devices.failed
    return devices


@pytest.fixture
def engine(tmp_path):
    """A RunEngine with a writer; `engine.writer.path` is the dataset."""
    engine = RunEngine({}, context_managers=[])
    with PymodaqWriter(tmp_path) as writer:
        engine.subscribe(writer)
        engine.writer = writer
        yield engine


def test_the_example_gives_all_its_devices(lab):
    assert list(lab) == ["stage", "delay", "power", "camera"]
    assert [device.name for device in lab.search(label="motors")] == ["stage", "delay"]
    assert lab.stage.egu == lab.stage.motor_egu.get()


@pytest.fixture(scope="module")
def run(lab, tmp_path_factory):
    """A scan of the motor record over the camera, and its documents."""
    documents = []
    engine = RunEngine({}, context_managers=[])
    with PymodaqWriter(tmp_path_factory.mktemp("data")) as writer:
        engine.subscribe(writer)
        engine(bps.mv(lab.stage, 0.0))
        engine(bps.mv(lab.camera.exposure, 0.02, lab.camera.gain, 3))
        plan = bp.scan([lab.camera, lab.power], lab.stage, 0, 0.2, 3)
        engine(plan, lambda *pair: documents.append(pair))
        return writer.path, documents


def test_a_scan_of_a_motor_record_is_a_scan_of_pymodaq(run):
    path, documents = run
    scan = open_dataset(path).scans[0]
    assert [module.title for module in scan.actuators] == ["stage"]
    assert {module.title for module in scan.detectors} == {"camera", "power"}
    (axis,) = scan.axes
    np.testing.assert_allclose(axis.values, [0, 0.1, 0.2])
    assert [name for name, _ in replay(path)] == [name for name, _ in documents]


def test_the_images_are_those_that_the_ioc_made(run):
    scan = open_dataset(run[0]).scans[0]
    data = scan.to_xarray()
    images = data["camera_image"]
    assert images.dtype == np.int32  # CA has no unsigned numbers of 16 bits
    assert images.shape == (3, 24, 32)
    image = images.values[-1].astype(float)
    assert np.unravel_index(image.argmax(), image.shape) == (12, 16)
    np.testing.assert_allclose(data["power"], 1.5)
    cut = images.values[:, 2:8, 4:12]
    np.testing.assert_allclose(data["camera_roi_00"], cut.mean(axis=(1, 2)))
    np.testing.assert_allclose(data["camera_roi_01"], images.values.std(axis=(1, 2)))


def settings_of(path, title):
    modules = {module.title: module for module in open_dataset(path).scans[0].modules}
    return dict(modules[title].settings.walk())


def test_process_variables_are_settings_with_their_units_limits_and_choices(run):
    settings = settings_of(run[0], "camera")
    named = {path.rsplit("/", 1)[-1]: line for path, line in settings.items()}
    exposure = named["exposure"]
    assert (exposure.value, exposure.units, exposure.type) == (0.02, "s", "float")
    assert named["gain"].value == 3
    mode = named["image_mode"]
    assert (mode.type, mode.value) == ("list", "Single")
    assert mode.limits == ["Single", "Multiple", "Continuous"]
    assert (named["model"].value, named["model"].readonly) == ("AD-24x32", True)
    group = "All_settings/daq_viewer_settings/detector_settings/roi_00"
    assert settings[f"{group}/min_x"].value == 4
    motor = settings_of(run[0], "stage")
    assert any(path.endswith("velocity") for path in motor)


def test_the_plugins_are_regions_of_interest_in_the_units_of_the_axes(run):
    scan = open_dataset(run[0]).scans[0]
    stat, whole = scan.rois
    assert (stat.name, stat.roi_type, stat.math_function) == (
        "ROI_00",
        "RectROI",
        "mean",
    )
    assert stat.position == (5.5 * (4 + 8 / 2), 5.5 * (2 + 6 / 2))
    assert stat.size == (5.5 * 8, 5.5 * 6)
    assert stat.use_channel == ("camera_image",)
    assert (whole.size, whole.math_function) == ((5.5 * 32, 5.5 * 24), "std")


def test_a_region_is_moved_by_a_plan_and_one_switched_off_gives_no_reading(lab, engine):
    camera = lab.camera
    engine(bps.mv(camera.roi_00.size_x, 2, camera.roi_01.enable, 0))
    assert camera.roi_00.parameters()["size/width"] == 11
    documents = []
    engine(bp.count([camera]), lambda *pair: documents.append(pair))
    (event,) = [doc for name, doc in documents if name == "event"]
    assert "camera_roi_01" not in event["data"]
    regions = open_dataset(engine.writer.path).scans[0].rois
    assert [roi.enabled for roi in regions] == [True, False]
    engine(bps.mv(camera.roi_00.size_x, 8, camera.roi_01.enable, 1))


def test_a_pair_of_process_variables_is_scanned(lab, engine):
    engine(bp.scan([lab.camera], lab.delay, -1, 1, 3))
    scan = open_dataset(engine.writer.path).scans[0]
    assert [module.title for module in scan.actuators] == ["delay"]
    image = scan.to_xarray()["camera_image"].values
    columns = image.astype(int).sum(axis=1).argmax(axis=1)
    assert columns.tolist() == [14, 16, 18]


def test_an_ioc_that_is_not_there_is_told_by_device_and_name(iocs, tmp_path):
    path = tmp_path / "lost.yml"
    path.write_text(
        "ophyd.EpicsMotor:\n  - {name: lost, prefix: 'PYMO:NOWHERE:m1'}\n"
        "ophyd.EpicsSignalRO:\n"
        f"  - {{name: power, read_pv: '{PREFIX}POWER'}}\n"
        "  - {name: far, read_pv: 'PYMO:NOWHERE:x'}\n"
        "pymo_bluesky.devices.area.AreaCamera:\n"
        "  - {name: dark, prefix: 'PYMO:NOWHERE:'}\n"
    )
    devices = load_devices(path, timeout=3.0)
    reasons = {failure.name: failure.reason for failure in devices.failed}
    assert set(reasons) == {"lost", "far", "dark"}
    assert "PYMO:NOWHERE" in reasons["lost"]
    assert "PYMO:NOWHERE:x" in reasons["far"]
    assert "PYMO:NOWHERE:" in reasons["dark"]
    assert devices.power.get() == 1.5


@pytest.mark.usefixtures("lab")
def test_an_ioc_that_dies_ends_the_plan_with_the_name_of_what_is_silent(
    iocs, tmp_path, engine
):
    path = tmp_path / "doomed.yml"
    path.write_text(
        "pymo_bluesky.devices.area.AreaCamera:\n"
        "  - {name: camera, prefix: 'PYMO:DOOMED:', timeout: 5}\n"
    )
    camera = load_devices(path, timeout=PATIENCE).camera
    documents = []

    def kill_after_the_first(name, doc):
        documents.append((name, doc))
        if name == "event":
            iocs["doomed"].kill()
            iocs["doomed"].wait(30)
            until = time.monotonic() + PATIENCE
            while camera.acquire.connected and time.monotonic() < until:
                time.sleep(0.05)

    with pytest.raises((FailedStatus, DeviceError)) as caught:
        engine(bp.count([camera], 3), kill_after_the_first)
    told = f"{caught.value} {caught.value.__cause__}"
    assert "PYMO:DOOMED:cam1:Acquire" in told
    assert documents[-1][1]["exit_status"] == "fail"
    scan = open_dataset(engine.writer.path).scans[0]
    assert np.isfinite(scan.to_xarray()["camera_image"].values[0]).all()
