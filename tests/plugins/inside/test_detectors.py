"""The detectors of pymodaq-plugins-mock and -mockexamples, read by plans."""

import threading

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky import plans as bp

from pymo_bluesky.devices.plugins import PluginError

SMALL = {"Nx": 32, "Ny": 24, "Nimagespannel": 1}
MANY = "DAQ_0DViewer_Faulty"


def test_a_camera_has_its_axes(build, engine, run):
    camera = build("DAQ_2DViewer_Mock", name="camera", settings=SMALL)
    engine(bp.count([camera], 2))
    assert run.keys["camera_CH00"]["shape"] == [24, 32]
    assert run.column("camera_CH00")[1].shape == (24, 32)
    configuration = run.configuration("camera")
    axis = configuration["data_keys"]["camera_the_x_axis"]["pymodaq"]
    assert axis == {
        "role": "axis",
        "of": "camera_CH00",
        "index": 1,
        "label": "the x axis",
    }
    assert np.array_equal(configuration["data"]["camera_the_y_axis"], np.arange(24.0))


def test_a_spectrometer_has_units_on_its_axis(build, engine, run):
    traces = build("DAQ_1DViewer_Mock", name="traces", settings={"multi": True})
    engine(bp.count([traces]))
    axis = run.configuration("traces")["data_keys"]["traces_photon_wavelength"]
    assert axis["units"] == "nm"
    assert axis["pymodaq"]["of"] == ["traces_CH00", "traces_CH01"]


def test_numbers_are_hinted_and_keep_their_labels(build, engine, run):
    diodes = build("DAQ_0DViewer_Mock", name="diodes")
    engine(bp.count([diodes], 2))
    assert run.of("descriptor")[0]["hints"]["diodes"]["fields"] == [
        "diodes_Mock_00",
        "diodes_Mock_01",
    ]
    assert run.keys["diodes_Mock_00"]["pymodaq"]["label"] == "Mock_00"
    assert all(isinstance(value, float) for value in run.column("diodes_Mock_00"))


def test_several_viewers_of_any_dimension(build, engine, run):
    panels = build("DAQ_NDViewer_Panels", name="panels")
    engine(bp.count([panels], 2))
    shapes = {key: about["shape"] for key, about in run.keys.items()}
    assert shapes == {
        "panels_spectrum_counts": [5],
        "panels_cube_voxels": [2, 3, 4],
        "panels_numbers_left": [],
        "panels_numbers_left_errors": [],
        "panels_numbers_right": [],
        "panels_numbers_right_errors": [],
    }
    assert run.keys["panels_numbers_right"]["units"] == "V"
    assert run.keys["panels_numbers_right_errors"]["pymodaq"] == {
        "role": "error",
        "of": "panels_numbers_right",
    }
    assert run.column("panels_numbers_right_errors") == [0.2, 0.2]
    # The plugin writes each cube into the memory of the one before.
    first, second = run.column("panels_cube_voxels")
    assert np.all(first == first[0, 0, 0])
    assert second[0, 0, 0] == first[0, 0, 0] + 1


def test_an_axis_that_came_once_stays(build, engine, run):
    panels = build("DAQ_NDViewer_Panels", name="panels")
    engine(bp.count([panels], 2))
    wavelength = run.configuration("panels")["data"]["panels_wavelength"]
    assert np.array_equal(wavelength, np.linspace(500, 600, 5))


def test_settings_below_a_setting(build, engine, run):
    panels = build(
        "DAQ_NDViewer_Panels", name="panels", settings={"main/cooling/target": -30}
    )
    assert panels.settings.main.cooling.get() is True
    engine(bps.mv(panels.settings.main.cooling_group.target, -40))
    engine(bps.mv(panels.settings.main.tint, [0, 0, 255, 255]))
    engine(bp.count([panels]))
    data = run.configuration("panels")["data"]
    assert data["panels_settings_main_cooling_group_target"] == -40
    assert data["panels_settings_main_tint"] == [0, 0, 255, 255]
    key = run.configuration("panels")["data_keys"]["panels_settings_main_exposure"]
    assert key["units"] == "s"
    assert key["pymodaq"]["path"] == "detector_settings/main/exposure"


def test_settings_of_qts_types(build, engine):
    meter = build(MANY, name="meter")
    engine(bps.mv(meter.settings.begin, 1795305600.0, meter.settings.gains, ["b"]))
    assert meter.settings.begin.get() == 1795305600.0
    assert meter.settings.gains.get() == ["b"]
    held = meter.driver.settings["gains"]
    assert held == {"all_items": ["a", "b"], "selected": ["b"]}


@pytest.mark.parametrize("way", ["signal", "old signal", "return", "thread", "timer"])
def test_data_arrive_however_a_plugin_gives_them(build, engine, run, way):
    meter = build(MANY, name="meter", settings={"way": way})
    engine(bp.count([meter], 3))
    first = run.column("meter_count")[0]
    assert run.column("meter_count") == [first, first + 1, first + 2]
    assert run.keys["meter_count"]["units"] == "V"


def test_data_arrive_from_a_vendors_thread(build):
    meter = build(MANY, name="meter", settings={"way": "thread"})
    meter.trigger().wait(30)
    assert meter.driver.plugin.in_thread == "vendor"
    assert threading.current_thread().name != "vendor"


def test_the_bridge_averages_what_the_plugin_does_not(build, engine, run):
    meter = build(MANY, name="meter", settings={})
    engine(bps.mv(meter.naverage, 4))
    before = meter.driver.plugin.count
    meter.trigger().wait(30)
    assert meter.driver.plugin.count == before + 4
    assert meter.read()["meter_count"]["value"] == before + 2.5


def test_a_plugin_that_averages_is_asked_once(build, engine, run):
    panels = build("DAQ_NDViewer_Panels", name="panels", naverage=8)
    panels.trigger().wait(30)
    assert panels.driver.plugin.asked == [1, 8]  # the first when it was built
    engine(bp.count([panels]))
    assert run.configuration("panels")["data"]["panels_naverage"] == 8


def test_a_background_is_recorded_beside_the_data(build, engine, run):
    camera = build("DAQ_2DViewer_Mock", name="camera", settings=SMALL)
    engine(bps.mv(camera.background, True))
    engine(bp.count([camera]))
    about = run.keys["camera_CH00_background"]["pymodaq"]
    assert about == {"role": "background", "of": "camera_CH00"}


def test_a_region_of_interest_is_cut_in_the_plugins_axes(build, engine, run):
    region = {"position": [16, 12], "size": [8, 4], "math_function": "sum"}
    camera = build("DAQ_2DViewer_Mock", name="camera", settings=SMALL, rois=[region])
    engine(bp.count([camera]))
    image = run.column("camera_CH00")[0]
    assert run.column("camera_roi_00") == [image[10:14, 12:20].sum()]


def test_live_frames_are_read_as_they_come(build, engine, run):
    meter = build(MANY, name="meter", live=True)
    engine(bp.count([meter], 5))
    counts = run.column("meter_count")
    assert counts == sorted(set(counts))
    assert not meter.driver.plugin.live  # stopped, when the plan was over
    with pytest.raises(PluginError, match="has no live mode"):
        engine(bp.count([build("DAQ_0DViewer_Mock", name="diodes", live=True)]))


def test_the_layout_may_come_from_the_announcement(build):
    camera = build("DAQ_2DViewer_Mock", name="camera", settings=SMALL, probe=False)
    assert list(camera.channels) == ["CH00"]
    with pytest.raises(PluginError, match="does not announce what it will give"):
        build(MANY, name="meter", probe=False)


def test_the_beam_is_where_the_mirrors_send_it(build, engine, run):
    """Mirrors, a camera and a photodiode that share one simulated beam."""
    shared = {"controller": "beam"}
    fast = {"tau": 5}
    mirror = "DAQ_Move_BSPiezoMirror"
    x = build(mirror, name="x", axis="X", settings=fast, **shared)
    y = build(mirror, name="y", axis="Y", **shared)
    camera = build("DAQ_2DViewer_BSCamera", name="camera", **shared)
    diode = build("DAQ_0DViewer_BSPhotodiode", name="diode", **shared)
    engine(bp.grid_scan([camera, diode], x, 0, 20, 2, y, 0, 20, 2))
    for image, at_x, at_y in zip(
        run.column("camera_CH00"), run.column("x"), run.column("y"), strict=True
    ):
        spot = np.where(image > 0.3 * image.max(), image, 0)
        rows, columns = np.indices(spot.shape)
        # The simulation's camera sees the mirrors from behind.
        assert np.average(columns, weights=spot) == pytest.approx(128 - at_x, abs=2)
        assert np.average(rows, weights=spot) == pytest.approx(128 - at_y, abs=2)
