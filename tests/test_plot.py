"""Pictures of scans: what is drawn without being asked, and that nothing is lost."""

import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from specimens import SPECIMENS, unpacked

from pymo_bluesky import open_dataset
from pymo_bluesky.cli import main
from pymo_bluesky.errors import FormatError, NotFoundError, PymoError, WriteError
from pymo_bluesky.model import Array, Axis, Branch, Channel, Module
from pymo_bluesky.plotting import draw, save
from pymo_bluesky.plotting.choosing import Dimension
from pymo_bluesky.plotting.drawing import draw_panel
from pymo_bluesky.plotting.panels import Curve, Panel

X = Axis(label="x", units="mm", values=np.array([0.0, 1.0, 2.0]))


def branch(data, axes=(X,), shape=(3,), signal=(), spread=False, errors=()):
    """A stream with one detector that measured `data`."""
    arrays = tuple(Array(label=k, units="V", data=np.asarray(v)) for k, v in data)
    channel = Channel(
        title="channel",
        dimension="Data0D",
        arrays=arrays,
        axes=signal,
        errors=tuple(Array(label="error", data=np.asarray(e)) for e in errors),
    )
    module = Module(kind="detector", title="meter", channels=(channel,))
    return Branch(
        title="primary", shape=shape, axes=axes, modules=(module,), spread=spread
    )


def plane(x, y):
    return (
        Axis(label="x", units="mm", values=np.array(x, float), spread_order=0),
        Axis(label="y", units="mm", values=np.array(y, float), spread_order=1),
    )


@pytest.mark.parametrize(
    "specimen",
    [
        "1.4.2/dataset_scans",
        "2.2.6/viewer_single_Det2D_roi",
        "3.6.13/tabular",
        "4.4.11/logger",
        "5.3.8/h5py/custom_errors_nd",
        "5.3.8/h5py_swmr/scan2d_aborted",
    ],
)
def test_every_generation_is_drawn_without_being_asked_what(specimen, tmp_path):
    windows = plt.get_fignums()
    dataset = open_dataset(unpacked(specimen, tmp_path))
    figure = dataset.scans[0].plot()

    picture = imread(save(figure, tmp_path / "picture.png"))
    assert picture[..., :3].std() > 0.05, "the picture is empty"
    assert len(figure.axes) >= 2
    assert plt.get_fignums() == windows, "a picture is no window"


@pytest.mark.slow
@pytest.mark.parametrize("specimen", SPECIMENS)
def test_every_scan_is_drawn_or_tells_why_not(specimen, tmp_path):
    for scan in open_dataset(unpacked(specimen, tmp_path)).scans:
        if math.prod(scan.shape) and any(m.channels for m in scan.detectors):
            save(scan.plot(), tmp_path / f"{scan.number}.png")
        else:
            with pytest.raises(PymoError, match="nothing to draw"):
                scan.plot()


class TestCurves:
    def test_arrays_of_a_channel_are_drawn_together_with_their_errors(self):
        stream = branch([("a", [1, 2, 3]), ("_b$", [3, 2, 1])], errors=([0.1] * 3,))
        (axes,) = draw([(stream, None)]).axes

        assert axes.get_xlabel() == "x (mm)"
        assert axes.get_ylabel() == "V"
        assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", r"_b\$"]
        assert axes.containers[0].has_yerr
        assert not axes.containers[1].has_yerr

    def test_points_that_were_not_measured_are_gaps(self):
        stream = branch([("a", [1, 2, 3])])
        (axes,) = draw([(stream, np.array([True, False, True]))]).axes
        assert np.isnan(axes.lines[0].get_ydata()).tolist() == [False, True, False]

    def test_positions_taken_in_any_order_go_from_left_to_right(self):
        x = Axis(label="x", values=np.array([2.0, 0.0, 1.0]))
        (axes,) = draw([(branch([("a", [30, 10, 20])], (x,)), None)]).axes
        assert axes.lines[0].get_ydata().tolist() == [10, 20, 30]

    def test_the_way_back_stays_the_way_back(self):
        x = Axis(label="x", values=np.array([0.0, 1.0, 0.0]))
        (axes,) = draw([(branch([("a", [1, 2, 3])], (x,)), None)]).axes
        assert axes.lines[0].get_xdata().tolist() == [0, 1, 0]

    def test_two_actuators_on_one_line_make_a_curve(self):
        stream = branch([("a", [1, 2, 3])], plane([0, 1, 2], [0, 2, 4]), spread=True)
        (axes,) = draw([(stream, None)]).axes
        assert axes.get_xlabel() == "x (mm)"
        assert len(axes.lines) == 1


class TestMaps:
    def test_a_grid_of_one_row_is_a_curve(self):
        row = Axis(label="y", values=np.array([5.0]))
        along = Axis(label="x", units="mm", values=X.values, index=1)
        stream = branch([("a", [[1, 2, 3]])], (row, along), (1, 3))
        (axes,) = draw([(stream, None)]).axes
        assert axes.get_xlabel() == "x (mm)"

    def test_hot_pixels_do_not_darken_the_rest(self):
        image = np.random.default_rng(1).normal(100, 5, (40, 50))
        image[3, 4] = 60_000
        figure = draw([(branch([("image", image)], (), ()), None)])
        assert figure.axes[0].images[0].get_clim()[1] < 200

    def test_uneven_positions_keep_their_places(self):
        up = Axis(label="y", values=np.array([0.0, 1.0, 10.0]))
        right = Axis(label="x", values=np.array([0.0, 1.0]), index=1)
        stream = branch([("a", np.ones((3, 2)))], (up, right), (3, 2))
        axes = draw([(stream, None)]).axes[0]
        assert axes.get_ylim() == (-0.5, 14.5)

    def test_positions_on_a_plane_are_triangles(self):
        stream = branch(
            [("a", [1, 2, 3, 4, 5])],
            plane([0, 1, 0, 1, 0.5], [0, 0, 1, 1, 0.4]),
            (5,),
            spread=True,
        )
        axes = draw([(stream, None)]).axes[0]
        kinds = [type(c).__name__ for c in axes.collections]
        assert kinds == ["TriMesh", "PathCollection"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (mm)", "y (mm)")

    def test_a_frame_is_drawn_where_it_is_asked_for(self):
        frames = np.arange(3 * 4 * 5).reshape(3, 4, 5)
        axes = draw([(branch([("f", frames)]), None)], at=(2,)).axes[0]
        assert axes.get_title() == "meter: f\nat x = 2 mm"
        assert axes.images[0].get_array()[0, 0] == 40

    def test_a_frame_that_is_not_there_is_told(self):
        stream = branch([("f", np.zeros((3, 4, 5)))])
        with pytest.raises(PymoError, match="x has 3 places, from 0 to 2"):
            draw([(stream, None)], at=(3,))


def test_a_name_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(NotFoundError, match=r"no values of 'nix'.*it holds meter"):
        draw([(branch([("a", [1, 2, 3])]), None)], named="nix")


def test_one_array_can_be_named():
    stream = branch([("a", [1, 2, 3]), ("b", [3, 2, 1])])
    (axes,) = draw([(stream, None)], named="b").axes
    assert axes.get_ylabel() == "b (V)"


def test_regions_of_interest_lie_over_the_image(tmp_path):
    path = unpacked("2.2.6/viewer_single_Det2D_roi", tmp_path)
    figure = open_dataset(path).scans[0].plot()
    outlined = [axes for axes in figure.axes if axes.patches]

    assert outlined
    assert [text.get_text() for text in outlined[0].texts] == ["ROI_00"]


class TestCommandLine:
    def test_it_tells_the_name_and_takes_another_the_next_time(
        self, tmp_path, monkeypatch, capsys
    ):
        path = unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)
        monkeypatch.chdir(tmp_path)

        assert [main(["plot", str(path)]) for _ in range(2)] == [0, 0]
        printed = capsys.readouterr().out.split()
        stem = "5.3.8-h5py_swmr-scan1d_Scan000"
        assert printed == [f"{stem}.png", f"{stem}_2.png"]
        assert all((tmp_path / name).stat().st_size > 5000 for name in printed)

    def test_a_picture_that_is_there_is_not_replaced(self, tmp_path, capsys):
        path = unpacked("5.3.8/h5py_swmr/scan1d", tmp_path)
        picture = tmp_path / "mine.png"
        picture.write_text("mine")

        assert main(["plot", str(path), "0", "Det1D", "-o", str(picture)]) == 2
        assert "exists and is not replaced" in capsys.readouterr().err
        assert picture.read_text() == "mine"

    def test_a_format_that_is_not_known_is_told(self, tmp_path):
        figure = draw([(branch([("a", [1, 2, 3])]), None)])
        with pytest.raises(WriteError, match=r"\.xyz cannot be saved"):
            save(figure, tmp_path / "picture.xyz")
        assert not list(tmp_path.iterdir())


class TestWhatCannotBeDrawn:
    def test_of_a_detector_that_cannot_be_read_the_rest_is_drawn(self):
        class Elsewhere:
            shape, dtype = (3,), np.dtype(float)

            def __getitem__(self, key):
                raise FormatError("its values lie in other files")

        lost = Array(label="frames", data=Elsewhere())
        stream = branch([("power", [1, 2, 3])])
        (meter,) = stream.modules
        camera = Module(
            kind="detector",
            title="camera",
            channels=(Channel(title="frames", dimension="Data0D", arrays=(lost,)),),
        )
        both = replace(stream, modules=(camera, meter))
        titles = [axes.get_title() for axes in draw([(both, None)]).axes]
        assert titles == ["meter: power", "camera: frames"]
        with pytest.raises(FormatError, match="other files"):
            draw([(replace(stream, modules=(camera,)), None)])

    def test_without_a_detector_what_was_moved_is_drawn(self):
        stream = branch([("x", [1, 2, 3])])
        moved = replace(stream.modules[0], kind="actuator")
        (axes,) = draw([(replace(stream, modules=(moved,)), None)]).axes
        assert axes.get_ylabel() == "x (V)"

    def test_a_region_outside_of_a_curve_does_not_squeeze_it(self):
        axes = Figure().add_subplot()
        x = Dimension(label="x", units="", values=np.arange(500.0, 600.0), signal=True)
        curve = Curve(label="y", units="", values=np.arange(100.0))
        roi = {"name": "ROI_00", "color": [255, 0, 0], "enabled": True}
        roi |= {"type": "LinearROI", "edges": [0.0, 20.0]}
        panel = Panel(
            title="", note="", how="line", axes=(x,), curves=(curve,), rois=(roi,)
        )
        draw_panel(axes.figure, axes, panel)
        assert axes.get_xlim()[0] > 490
