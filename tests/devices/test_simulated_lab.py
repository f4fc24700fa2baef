"""The simulated lab has physics, repeats itself, and tells the truth about itself."""

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from bluesky.callbacks.best_effort import BestEffortCallback


def centroid(image, axes):
    """Centre of the light above the dark level, ``(y, x)`` in axis units."""
    light = np.clip(image.astype(float) - 40, 0, None)
    return tuple(
        float((light.sum(axis=1 - k) * axis).sum() / light.sum())
        for k, axis in enumerate(axes)
    )


def test_the_image_follows_the_actuators(engine, run, lab):
    camera = lab["camera"]
    engine(bp.grid_scan([camera], lab["y"], -3, 3, 3, lab["x"], -5, 5, 4, True))
    axes = (camera.y.get(), camera.x.get())
    for event in run.of("event"):
        data = event["data"]
        y, x = centroid(data["camera_image"], axes)
        assert (y, x) == pytest.approx(
            (camera.beam_gain * data["y"], camera.beam_gain * data["x"]), abs=1.5
        )


def test_the_spectrum_shifts_with_x_and_the_photodiode_peaks_in_the_middle(
    engine, run, lab
):
    spectrometer, photodiode = lab["spectrometer"], lab["photodiode"]
    engine(bp.scan([spectrometer, photodiode], lab["x"], -4, 4, 9))
    wavelength = spectrometer.wavelength.get()
    lines = [wavelength[np.argmax(s)] for s in run.column("spectrometer_spectrum")]
    assert np.polyfit(run.column("x"), lines, 1)[0] == pytest.approx(2.0, abs=0.2)
    assert np.argmax(run.column("photodiode_signal")) == 4
    assert run.column("photodiode_reference") == pytest.approx([1.0] * 9, abs=0.01)


def test_the_power_is_seen_by_all(engine, run, lab):
    engine(bps.mv(lab["power"], 4.0))
    engine(bp.count([lab["photodiode"]]))
    assert run.column("photodiode_reference") == pytest.approx([4.0], abs=0.02)


def sequence(engine, run, lab):
    detectors = [lab["photodiode"], lab["spectrometer"], lab["camera"]]
    engine(bp.scan(detectors, lab["x"], -1, 1, 3))
    events = [event["data"] for event in run.of("event")]
    run.documents.clear()
    return events


def test_the_same_sequence_gives_the_same_noise(engine, run, make_lab):
    first, again, other = (
        sequence(engine, run, make_lab(seed=seed)) for seed in (7, 7, 8)
    )
    for one, two, three in zip(first, again, other, strict=True):
        assert one.keys() == two.keys()
        for key, value in one.items():
            np.testing.assert_array_equal(value, two[key], err_msg=key)
        assert not np.array_equal(one["camera_image"], three["camera_image"])


def test_every_data_key_declares_what_the_data_are(engine, run, lab):
    engine(bp.grid_scan(list(lab.values())[3:], lab["y"], 0, 1, 2, lab["x"], 0, 1, 2))
    descriptor = run.descriptor
    pairs = [
        (key, described, event["data"][key])
        for key, described in descriptor["data_keys"].items()
        for event in run.of("event")
    ]
    pairs += [
        (key, described, entry["data"][key])
        for entry in descriptor["configuration"].values()
        for key, described in entry["data_keys"].items()
    ]
    for key, described, value in pairs:
        assert list(np.shape(value)) == described["shape"], key
        if described["dtype"] == "string":
            assert isinstance(value, str), key
        else:
            assert np.asarray(value).dtype.str == described["dtype_numpy"], key
    assert len(pairs) > 60


def test_the_camera_counts_in_16_bits_and_saturates(engine, run, lab):
    camera = lab["camera"]
    engine(bps.mv(lab["power"], 10, camera.gain, 16))
    engine(bp.count([camera]))
    image = run.column("camera_image")[0]
    assert (image.dtype, image.shape, image.max()) == (np.uint16, (48, 64), 2**16 - 1)


def test_an_exposure_takes_its_time(lab):
    camera = lab["camera"]
    camera.exposure.put(0.1)
    status = camera.trigger()
    assert not status.done
    status.wait(5)


def test_a_table_shows_numbers_only(engine, lab, capsys):
    best_effort = BestEffortCallback()
    best_effort.disable_plots()
    engine.subscribe(best_effort)
    detectors = [lab["photodiode"], lab["spectrometer"], lab["camera"]]
    engine(bp.scan(detectors, lab["x"], -1, 1, 2))
    (header,) = {line for line in capsys.readouterr().out.splitlines() if "seq" in line}
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    assert columns[:3] == ["seq_num", "time", "x"]
    # bluesky declares the detectors of a stream as a set, which has no order.
    assert sorted(columns[3:]) == [
        "camera_roi_00",
        "camera_roi_01",
        "photodiode_reference",
        "photodiode_signal",
        "spectrometer_roi_00",
    ]


def test_sizes_and_names_are_options(make_lab):
    lab = make_lab(
        actuators={"x": {"units": "um", "limits": [0, 5]}, "z": {"moves": "y"}},
        camera={"shape": [4, 6]},
        spectrometer={"pixels": 16},
    )
    assert (lab["x"].egu, lab["x"].limits) == ("um", (0, 5))
    assert lab["z"].position == 0.0
    assert lab["camera"].describe()["camera_image"]["shape"] == [4, 6]
    assert lab["spectrometer"].wavelength.get().shape == (16,)


def test_a_mirror_arrives_at_a_place_that_floats_cannot_reach_by_its_way(make_lab):
    x = make_lab()["x"]
    x.set(1.0).wait(30)
    x.set(1 / 3).wait(30)  # 1 + (1/3 - 1) is another float
    assert x.beam.x == 1 / 3
