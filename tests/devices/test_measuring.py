"""Averages, error bars, backgrounds, panels: what surrounds a detector's `grab`."""

import threading

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import numpy as np
import pytest
from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.utils import StatusTimeoutError

from pymo_bluesky.devices import (
    Axis,
    Channel,
    Detector0D,
    Detector1D,
    Detector2D,
    DetectorND,
    DeviceError,
    ErrorBars,
    Setting,
)


class Counter(Detector1D):
    """Counts 0, 1, 2… in both pixels, and notes how often it was asked."""

    counts = Cpt(Channel, units="counts")
    counts_error = Cpt(ErrorBars, of="counts")

    grabs = 0

    def grab(self):
        self.grabs += 1
        return {"counts": np.full(2, self.grabs - 1, "uint16")}


@pytest.fixture
def counter():
    return Counter(name="counter")


def test_one_measurement_keeps_its_dtype(engine, run, counter):
    engine(bp.count([counter], 2))
    assert counter.grabs == 2
    assert run.descriptor["data_keys"]["counter_counts"]["dtype_numpy"] == "<u2"
    assert np.isnan(run.column("counter_counts_error")).all()


def test_an_average_is_of_so_many_measurements(engine, run, counter):
    engine(bps.mv(counter.naverage, 4))
    engine(bp.count([counter], 2))
    assert counter.grabs == 8
    keys = run.descriptor["data_keys"]
    assert keys["counter_counts"]["dtype_numpy"] == "<f8"
    assert keys["counter_counts_error"]["units"] == "counts"
    np.testing.assert_array_equal(run.column("counter_counts"), [[1.5] * 2, [5.5] * 2])
    expected = np.std([0, 1, 2, 3], ddof=1) / 2
    np.testing.assert_allclose(run.column("counter_counts_error"), expected)
    assert run.descriptor["configuration"]["counter"]["data"]["counter_naverage"] == 4


def test_the_data_key_is_right_after_the_number_changed(engine, counter):
    counter.read()
    counter.naverage.put(3)
    assert counter.describe()["counter_counts"]["dtype_numpy"] == "<f8"
    counter.naverage.put(1)
    assert counter.describe()["counter_counts"]["dtype_numpy"] == "<u2"


def test_a_run_keeps_the_dtype_it_announced(engine, counter):
    @bpp.stage_decorator([counter])
    def plan(before, after):
        yield from bps.mv(counter.naverage, after)

    with pytest.raises(DeviceError, match="counter_naverage cannot change while"):
        engine(plan(1, 2))
    counter.naverage.put(2)
    engine(plan(2, 8))
    assert counter.naverage.get() == 8


def test_hardware_that_averages_itself_is_asked_once():
    class Scope(Counter):
        hardware_averaging = True

    scope = Scope(name="scope")
    scope.naverage.put(100)
    scope.trigger().wait(5)
    assert scope.grabs == 1


def test_error_bars_that_were_measured_are_averaged_too(engine, run):
    class Meter(Detector0D):
        volts = Cpt(Channel, units="V")
        volts_error = Cpt(ErrorBars, of="volts")

        def grab(self):
            return {"volts": 1.0, "volts_error": 0.5}

    meter = Meter(name="meter")
    engine(bp.count([meter]))
    meter.naverage.put(4)
    engine(bp.count([meter]))
    assert run.column("meter_volts_error") == [0.5, 0.25]
    key = run.of("descriptor")[0]["data_keys"]["meter_volts_error"]
    assert key["pymodaq"] == {"role": "error", "of": "meter_volts"}
    assert meter.hints == {"fields": ["meter_volts"]}


def test_error_bars_of_another_shape_are_refused():
    class Odd(Counter):
        def grab(self):
            return {"counts": [1, 2], "counts_error": [1.0]}

    with pytest.raises(DeviceError, match="whose error bars they are"):
        Odd(name="odd").trigger().wait(5)


def test_a_background_is_read_beside_the_data(engine, run, counter):
    engine(bps.mv(counter.background, True))
    engine(bp.count([counter], 2))
    np.testing.assert_array_equal(run.column("counter_counts"), [[1, 1], [2, 2]])
    np.testing.assert_array_equal(run.column("counter_counts_background"), [[0, 0]] * 2)
    about = run.descriptor["data_keys"]["counter_counts_background"]
    assert about["pymodaq"] == {"role": "background", "of": "counter_counts"}
    assert about["units"] == "counts"
    engine(bps.mv(counter.background, False))
    assert "counter_counts_background" not in counter.read()


def test_the_background_is_averaged_like_the_data(counter):
    counter.naverage.put(5)
    counter.take_background().wait(5)
    assert counter.counts_background.get().tolist() == [2.0, 2.0]
    assert counter.background.get() is True


def test_a_background_cannot_come_within_a_run(engine, counter):
    counter.stage()
    with pytest.raises(DeviceError, match="change it before the plan"):
        counter.background.set(True)
    counter.unstage()


def test_a_background_of_another_shape_is_told():
    class Binned(Detector1D):
        line = Cpt(Channel)
        pixels = Cpt(Setting, value=4)

        def grab(self):
            return {"line": np.zeros(self.pixels.get())}

    binned = Binned(name="binned")
    binned.background.put(True)
    binned.pixels.put(2)
    with pytest.raises(DeviceError, match=r"\(2,\), but its background .*\(4,\); take"):
        binned.trigger().wait(5)


def test_a_failed_background_is_none(counter):
    counter.grab = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        counter.take_background().wait(5)
    assert counter.background.get() is False


def test_a_long_average_can_be_stopped():
    first = threading.Event()

    class Slow(Counter):
        def grab(self):
            first.set()
            return super().grab()

    slow = Slow(name="slow")
    slow.naverage.put(1_000_000)
    status = slow.trigger()
    assert first.wait(10)
    slow.stop()
    with pytest.raises(DeviceError, match="slow was stopped while it measured"):
        status.wait(10)
    slow.naverage.put(1)
    slow.trigger().wait(10)


def test_the_time_limit_is_of_each_measurement():
    hold = threading.Event()

    class Stuck(Counter):
        def grab(self):
            hold.wait(60)
            return super().grab()

    stuck = Stuck(name="stuck", timeout=0.01)
    stuck.naverage.put(3)
    status = stuck.trigger()
    assert status.timeout == pytest.approx(0.03)
    with pytest.raises(StatusTimeoutError):
        status.wait(10)
    hold.set()


class Grating(Device):
    wavelengths = Cpt(Signal, value=np.array([500.0, 600.0]))
    in_nm = Cpt(Setting, value=[500, 600], type="list", units="nm")


class Spectrometer(Detector1D):
    line = Cpt(Channel)
    grating = Cpt(Grating)
    wavelength = Cpt(Axis, index=0, source="grating.wavelengths", units="nm")

    def grab(self):
        return {"line": np.zeros(2)}


def test_an_axis_can_be_that_of_another_signal(engine, run):
    spectrometer = Spectrometer(name="s")
    spectrometer.grating.wavelengths.put(np.array([700.0, 800.0]))
    engine(bp.count([spectrometer]))
    data = run.descriptor["configuration"]["s"]["data"]
    assert data["s_wavelength"].tolist() == [700, 800]
    about = run.descriptor["configuration"]["s"]["data_keys"]["s_wavelength"]
    assert (about["units"], about["shape"]) == ("nm", [2])
    with pytest.raises(DeviceError, match=r"taken from 'grating\.wavelengths'; set"):
        spectrometer.wavelength.put([1, 2])


def test_the_unit_of_an_axis_is_that_of_its_signal():
    class Other(Spectrometer):
        wavelength = Cpt(Axis, index=0, source="grating.in_nm")

    key = Other(name="o").describe_configuration()["o_wavelength"]
    assert (key["units"], key["shape"]) == ("nm", [2])


def test_an_axis_of_a_signal_that_is_not_there_is_told():
    class Lost(Spectrometer):
        wavelength = Cpt(Axis, index=0, source="grating.mirror")

    with pytest.raises(DeviceError, match=r"'grating\.mirror', but lost has no such"):
        Lost(name="lost").trigger().wait(5)


class Spectrograph(DetectorND):
    """An image, its spectrum, its total: three panels."""

    total = Cpt(Channel, dimension=0, units="counts")
    spectrum = Cpt(Channel, dimension=1, units="counts")
    dark = Cpt(Channel, dimension=1, units="counts")
    image = Cpt(Channel, dimension=2, units="counts")
    wavelength = Cpt(Axis, index=0, value=[5.0, 6, 7], of=("spectrum", "dark"))

    def grab(self):
        image = np.arange(6.0).reshape(2, 3)
        line = image.sum(axis=0)
        return {"total": 15.0, "spectrum": line, "dark": line * 0, "image": image}


def test_channels_of_any_dimension_make_panels(engine, run):
    device = Spectrograph(
        name="s",
        rois=[
            {"type": "LinearROI", "position": [5, 7], "math_function": "sum"},
            {"type": "RectROI", "position": [1, 1], "size": [2, 2]},
            {"type": "LinearROI", "use_channel": "dark"},
        ],
    )
    engine(bp.count([device]))
    assert (run.column("s_roi_00"), run.column("s_roi_01")) == ([8.0], [2.0])
    assert [device.panel_of(attr) for attr in device.channels] == [0, 1, 1, 2]
    assert [roi.viewer for roi in device.rois.values()] == [1, 2, 1]
    assert run.descriptor["hints"]["s"]["fields"][0] == "s_total"


def test_a_channel_without_a_dimension_takes_any_and_a_region_says_what_it_needs():
    class Any(DetectorND):
        data = Cpt(Channel)

        def grab(self):
            return {"data": np.zeros(3)}

    assert Any(name="a").describe()["a_data"]["shape"] == [3]
    with pytest.raises(DeviceError, match="region of 2 dimensions, but a_data has the"):
        Any(name="a", rois=[{"type": "RectROI"}]).trigger().wait(5)


def test_a_subclass_inherits_backgrounds_and_adds_its_own():
    class Camera(Detector2D):
        image = Cpt(Channel)

    class Colour(Camera):
        red = Cpt(Channel)

    assert set(Colour(name="c").backgrounds) == {"image_background", "red_background"}
    assert set(Camera(name="c").backgrounds) == {"image_background"}
    assert list(Colour(name="c").channels) == ["image", "red"]
