"""A region declares its geometry, and gives a reading only when it is enabled."""

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from ophyd import Component as Cpt

from pymo_bluesky.devices import (
    Axis,
    Channel,
    CircularROI,
    Detector2D,
    DeviceError,
    RectROI,
)

NY, NX = 6, 8


class Plate(Detector2D):
    """Two images of known values; y in steps of 2 um, x in steps of 1 um."""

    red = Cpt(Channel, units="counts")
    blue = Cpt(Channel, units="counts")
    y = Cpt(Axis, index=0, value=2.0 * np.arange(NY), units="um")
    x = Cpt(Axis, index=1, value=1.0 * np.arange(NX), units="um")

    def grab(self):
        red = np.arange(NY * NX, dtype=np.uint16).reshape(NY, NX)
        return {"red": red, "blue": red * 10.0}


def plate(*rois):
    return Plate(name="plate", rois=rois)


@pytest.mark.parametrize("function", ["mean", "std", "sum", "max", "min"])
@pytest.mark.parametrize("roi_type", ["RectROI", "EllipseROI", "CircularROI"])
def test_the_result_is_the_function_of_the_slice(engine, run, roi_type, function):
    roi = {"type": roi_type, "position": [4, 5], "size": [4, 4]}
    engine(bp.count([plate(roi | {"math_function": function})]))
    cut = np.asarray(run.column("plate_red"))[0][1:3, 2:6]  # y in 3..7, x in 2..6
    (value,) = run.column("plate_roi_00")
    assert value == float(getattr(np, function)(cut))


def test_a_region_looks_at_the_channel_it_was_told():
    blue = plate({"position": [1, 1], "size": [2, 2], "use_channel": "blue"})
    key = blue.describe()["plate_roi_00"]
    assert key["pymodaq"] == {"role": "roi_data", "of": "plate_blue", "roi": "ROI_00"}
    assert key["units"] == "counts"
    assert blue.read()["plate_roi_00"]["value"] == 5.0


def test_the_geometry_is_configuration_with_a_role_each():
    keys = plate({}, {"type": "CircularROI"}).describe_configuration()
    roles = [key["pymodaq"] for key in keys.values()]
    second = {r["parameter"] for r in roles if r.get("roi") == "ROI_01"}
    assert second == {
        "roi_type",
        "use_channel",
        "math_function",
        "color",
        "enabled",
        "angle",
        *("position/x", "position/y", "size/width", "size/height"),
    }
    assert all(r["of"] == "plate_red" for r in roles if r["role"] == "roi")
    assert keys["plate_roi_00_size_height"]["units"] == "um"


def test_a_plan_moves_a_region(engine, run):
    camera = plate({"position": [1, 1], "size": [2, 2]})
    engine(bps.mv(camera.roi_00.position_x, 3, camera.roi_00.math_function, "max"))
    engine(bp.count([camera]))
    assert run.column("plate_roi_00") == [3.0]
    told = run.descriptor["configuration"]["plate"]["data"]
    assert told["plate_roi_00_position_x"] == 3.0


def test_a_disabled_region_gives_no_reading_and_stays_in_the_configuration(engine, run):
    camera = plate({"enabled": False}, {})
    engine(bp.count([camera]))
    assert set(run.of("event")[0]["data"]) == {
        "plate_red",
        "plate_blue",
        "plate_roi_01",
    }
    assert (
        run.descriptor["configuration"]["plate"]["data"]["plate_roi_00_enabled"]
        is False
    )
    assert run.descriptor["hints"]["plate"]["fields"] == ["plate_roi_01"]
    camera.roi_00.enabled.put(True)
    assert "plate_roi_00" in camera.read()


def test_a_region_cannot_come_or_go_within_a_run(engine):
    camera = plate({})
    camera.stage()
    with pytest.raises(DeviceError, match="change it before the plan"):
        camera.roi_00.enabled.set(False)
    camera.unstage()
    camera.roi_00.enabled.set(False).wait()
    assert "plate_roi_00" not in camera.read()


def test_a_region_beside_the_image_is_nan():
    value = plate({"position": [500, 500]}).read()["plate_roi_00"]["value"]
    assert np.isnan(value)


def test_regions_can_be_components_of_a_class():
    class Eye(Plate):
        pupil = Cpt(CircularROI, position=(4, 4), size=(4, 4), math_function="min")
        white = Cpt(RectROI, index=1)

    eye = Eye(name="eye")
    assert list(eye.rois) == ["pupil", "white"]
    assert eye.read()["eye_pupil"]["value"] == 10.0


def test_two_detectors_of_one_class_keep_their_own_regions():
    one, two = plate({}), plate({}, {})
    assert (len(one.rois), len(two.rois)) == (1, 2)
    assert isinstance(two, Plate)
    assert (type(two).__name__, type(two).__module__) == ("Plate", __name__)


@pytest.mark.parametrize(
    ("roi", "told"),
    [
        ({"type": "LinearROI"}, "cannot have a region of type 'LinearROI'"),
        ({"type": "Blob"}, "expected one of RectROI, EllipseROI, CircularROI"),
        ({"use_channel": "green"}, "no channel 'green' of 2 .*one of red, blue"),
    ],
)
def test_a_wrong_declaration_is_told(roi, told):
    with pytest.raises(DeviceError, match=told):
        plate(roi)


def test_the_place_of_the_extreme_is_one_reading_for_each_axis(engine, run):
    roi = {"position": [4, 5], "size": [4, 4], "math_function": "argmax"}
    camera = plate(roi)
    engine(bp.count([camera]))
    assert (run.column("plate_roi_00_y"), run.column("plate_roi_00_x")) == ([4], [5])
    keys = run.descriptor["data_keys"]
    assert "plate_roi_00" not in keys
    assert keys["plate_roi_00_y"]["pymodaq"]["role"] == "roi_data"
    assert keys["plate_roi_00_y"]["units"] == "um"
    hinted = ["plate_roi_00_y", "plate_roi_00_x"]
    assert run.descriptor["hints"]["plate"]["fields"] == hinted
    engine(bps.mv(camera.roi_00.math_function, "min"))
    assert {key for key in camera.read() if "roi" in key} == {"plate_roi_00"}


def test_another_function_of_the_same_kind_is_chosen_within_a_run_others_are_not():
    camera = plate({"math_function": "mean"})
    camera.stage()
    camera.roi_00.math_function.set("max").wait()
    with pytest.raises(DeviceError, match="change it before the plan"):
        camera.roi_00.math_function.set("argmax")
    camera.unstage()


@pytest.mark.parametrize("roi_type", ["RectROI", "EllipseROI"])
def test_what_is_really_inside_is_computed_by_choice(roi_type):
    box = {"type": roi_type, "position": [4, 6], "size": [6, 6], "angle": 45}
    camera = plate(box | {"math_function": "sum"}, box | {"true_shape": True})
    key = camera.describe_configuration()["plate_roi_01_true_shape"]["pymodaq"]
    assert key["path"] == "detector_settings/roi_01/true_shape"
    camera.trigger().wait(5)
    _, places = camera.roi_01.cut(camera.roi_01.channel.get(), camera.axes_of("red"))
    y, x = (place + step / 2 for place, step in zip(places, (2, 1), strict=True))
    assert (y.mean(), x.mean()) == pytest.approx((6, 4), abs=1)
    if roi_type == "EllipseROI":
        assert (((y - 6) / 3) ** 2 + ((x - 4) / 3) ** 2).max() <= 1
    else:
        assert (abs(y - 6) + abs(x - 4)).max() <= 3 * np.sqrt(2)


def test_regions_of_one_panel_name_one_viewer():
    camera = plate({}, {"use_channel": "blue"})
    roles = [key["pymodaq"] for key in camera.describe_configuration().values()]
    assert {role["viewer"] for role in roles if role["role"] == "roi"} == {0}
