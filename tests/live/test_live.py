"""What is shown while a run goes on: right, in time, and never to its harm."""

import io
import logging

import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import RunEngine
from extras import needs

from pymo_bluesky.devices.simulated_lab import simulated_lab
from pymo_bluesky.live import LiveCamera, LiveMap, LivePlots, LiveSpectrum, Progress

needs("matplotlib", "session")
from matplotlib.figure import Figure  # noqa: E402 - once it is known to be there


@pytest.fixture
def lab():
    quick, swift = {"exposure": 0.0}, {"velocity": 1e6}
    devices = simulated_lab(
        actuators={"x": swift, "y": swift},
        photodiode=quick,
        spectrometer=quick,
        camera=quick,
    )
    return {device.name: device for device in devices}


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


@pytest.fixture
def plot():
    return Figure().add_subplot()


class Clock:
    """A second for each look at it."""

    now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


# ------------------------------------------------------------------------------ views


def test_a_camera_shows_its_last_image_over_its_axes(engine, lab, plot):
    camera = lab["camera"]
    engine(bp.count([camera], 3), LiveCamera(ax=plot))
    (image,) = plot.images
    np.testing.assert_array_equal(image.get_array(), camera.image.get())
    assert image.get_extent() == [-320, 320, -240, 240]
    assert (plot.get_xlabel(), plot.get_ylabel()) == ("x (um)", "y (um)")
    assert plot.get_title() == "count 1, point 3"


def test_a_spectrum_is_over_its_wavelengths(engine, lab, plot):
    spectrometer = lab["spectrometer"]
    engine(bp.count([lab["camera"], spectrometer], 2), LiveSpectrum(ax=plot))
    (line,) = plot.lines
    np.testing.assert_array_equal(line.get_xdata(), spectrometer.wavelength.get())
    np.testing.assert_array_equal(line.get_ydata(), spectrometer.spectrum.get())
    assert plot.get_ylabel() == "spectrometer_spectrum (counts)"


@pytest.mark.parametrize("snake", [False, True])
def test_a_map_has_each_value_at_its_place(engine, lab, plot, snake):
    documents = []
    view = LiveMap(ax=plot)
    engine.subscribe(view)
    plan = bp.grid_scan(
        [lab["photodiode"]], lab["y"], -1, 1, 3, lab["x"], -2, 2, 5, snake_axes=snake
    )
    engine(plan, lambda *pair: documents.append(pair))
    events = [doc["data"] for name, doc in documents if name == "event"]
    (mesh,) = plot.collections
    values = mesh.get_array().reshape(3, 5)
    for data in events:
        place = round(data["y"] + 1), round(data["x"] + 2)
        assert values[place] == data["photodiode_signal"]
    assert plot.get_xlabel() == "x (mm)"


def test_points_that_were_not_visited_are_white(lab, plot):
    view = LiveMap("p", ax=plot)
    number = {"dtype": "number", "shape": []}
    hints = {
        "dimensions": [(["y"], "primary"), (["x"], "primary")],
        "gridding": "rectilinear",
    }
    start = {"uid": "r", "hints": hints, "shape": (2, 2), "extents": ((0, 1), (0, 1))}
    view("start", start)
    keys = {"x": number, "y": number, "p": number}
    view("descriptor", {"uid": "d", "data_keys": keys})
    event = {"descriptor": "d", "seq_num": 1, "data": {"x": 1.0, "y": 0.0, "p": 5.0}}
    view("event", event)
    (mesh,) = plot.collections
    np.testing.assert_array_equal(
        np.ma.filled(mesh.get_array(), np.nan).reshape(2, 2),
        [[np.nan, 5], [np.nan] * 2],
    )


def test_places_off_a_grid_are_a_map_of_dots(engine, lab, plot):
    places = [lab["y"], [0, 1, 2, 0], lab["x"], [0, 1, 0, 1.5]]
    plan = bp.list_scan([lab["photodiode"]], *places)
    engine.subscribe(LiveMap(ax=plot))
    engine(plan)
    (dots,) = plot.collections
    offsets = np.asarray(dots.get_offsets())
    np.testing.assert_allclose(offsets, [[0, 0], [1, 1], [0, 2], [1.5, 0]], atol=1e-3)


def test_views_are_drawn_at_their_pace_and_at_the_end(engine, lab, plot):
    view = LiveSpectrum(ax=plot, interval=7, clock=Clock())
    engine(bp.count([lab["spectrometer"]], 20), view)
    assert 2 <= view.drawn <= 6
    assert plot.get_title().endswith("point 20")


def test_a_view_serves_one_run_after_the_other(engine, lab, plot):
    view = LiveCamera(ax=plot)
    engine.subscribe(view)
    for _ in range(3):
        engine(bp.count([lab["camera"]], 2))
    assert len(plot.images) == 1
    assert len(plot.figure.axes) == 2  # with one colour bar
    assert plot.get_title() == "count 3, point 2"


def test_a_view_that_fails_disturbs_nothing_and_says_so_once(engine, lab, plot, caplog):
    def broken(*_):
        raise RuntimeError("no screen any more")

    view = LiveCamera(ax=plot)
    view._draw = broken
    with caplog.at_level(logging.WARNING, "pymo_bluesky"):
        engine(bp.count([lab["camera"]], 5), view)
    (record,) = caplog.records
    assert "no screen any more" in record.message
    assert "the run, which goes on" in record.message


def test_without_a_display_there_are_no_views(engine, lab, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    view, plots = LiveCamera(), LivePlots()
    engine.subscribe(view)
    engine(bp.count([lab["camera"]], 2), plots)
    assert (view.enabled, view.drawn, plots.views) == (False, 0, {})


def test_the_views_of_a_run_are_chosen_by_what_it_measures(engine, lab):
    opened = []

    def axes(key):
        opened.append(key)
        return Figure().add_subplot()

    plots = LivePlots(axes=axes)
    engine.subscribe(plots)
    detectors = [lab["photodiode"], lab["spectrometer"], lab["camera"]]
    engine(bp.grid_scan(detectors, lab["y"], 0, 1, 2, lab["x"], 0, 1, 2))
    assert list(plots.views) == ["spectrometer_spectrum", "camera_image", "map"]
    assert all(view.drawn for view in plots.views.values())
    engine(bp.count([lab["camera"]]))
    assert list(plots.views) == ["camera_image"]
    assert len(opened) == 3  # the windows stay


# --------------------------------------------------------------------------- progress


def test_the_bar_tells_points_and_the_place_in_each_dimension(engine, lab):
    screen = io.StringIO()
    progress = Progress(screen, enabled=True)
    engine(
        bp.grid_scan([lab["photodiode"]], lab["y"], 0, 1, 2, lab["x"], 0, 1, 3),
        progress,
    )
    last = screen.getvalue().split("\r")[-1]
    assert "grid_scan 100%" in last
    assert "6/6" in last
    assert "y 2/2, x 3/3" in last


def test_without_a_known_end_the_points_are_counted(engine, lab):
    screen = io.StringIO()
    start = {"uid": "r", "plan_name": "continuous"}
    progress = Progress(screen, enabled=True)
    progress("start", start)
    progress("descriptor", {"uid": "d", "run_start": "r", "name": "primary"})
    for n in range(1, 8):
        progress("event", {"descriptor": "d", "seq_num": n})
    progress("stop", {"run_start": "r"})
    assert "continuous 7 points" in screen.getvalue().split("\r")[-1]


def test_points_measured_again_and_other_streams_count_once(engine, lab):
    screen = io.StringIO()
    progress = Progress(screen, enabled=True)
    progress("start", {"uid": "r", "plan_name": "scan", "num_points": 4})
    progress("descriptor", {"uid": "b", "run_start": "r", "name": "baseline"})
    progress("descriptor", {"uid": "d", "run_start": "r", "name": "primary"})
    progress("event", {"descriptor": "b", "seq_num": 1})
    for n in (1, 2, 3, 2, 3):
        progress("event", {"descriptor": "d", "seq_num": n})
    progress("stop", {"run_start": "r"})
    assert "3/4" in screen.getvalue().split("\r")[-1]


def test_frames_that_fly_are_counted(lab):
    screen = io.StringIO()
    progress = Progress(screen, enabled=True)
    progress("start", {"uid": "r", "plan_name": "fly", "num_points": 9})
    progress("descriptor", {"uid": "d", "run_start": "r", "name": "primary"})
    seq_nums = {"start": 1, "stop": 6}
    progress("stream_datum", {"descriptor": "d", "seq_nums": seq_nums})
    progress("stop", {"run_start": "r"})
    assert "5/9" in screen.getvalue().split("\r")[-1]


def test_into_a_file_no_bar_is_written(engine, lab):
    screen = io.StringIO()
    engine(bp.count([lab["photodiode"]], 3), Progress(screen))
    assert screen.getvalue() == ""


def test_a_bar_that_cannot_be_written_disturbs_nothing(engine, lab, caplog):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError("the terminal is gone")

    with caplog.at_level(logging.WARNING, "pymo_bluesky"):
        engine(bp.count([lab["photodiode"]], 3), Progress(Gone(), enabled=True))
    assert len(caplog.records) == 1


def test_a_second_run_has_a_bar_again(engine, lab):
    screen = io.StringIO()
    engine.subscribe(Progress(screen, enabled=True))
    for _ in range(2):
        engine(bp.count([lab["photodiode"]], 3))
    assert screen.getvalue().count("3/3") >= 2


@pytest.mark.parametrize(
    ("display", "backend", "opens"),
    [
        (":0", "qtagg", True),
        (":0", "TkAgg", False),
        (":0", "gtk3agg", False),
        (":0", "agg", True),
        ("", "qtagg", False),
    ],
)
def test_only_qt_is_drawn_with_from_the_thread_of_the_engine(
    monkeypatch, display, backend, opens
):
    matplotlib = needs("matplotlib", "session")
    from pymo_bluesky.live.guarding import windows_open

    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setattr(matplotlib, "get_backend", lambda: backend)
    assert windows_open() is opens
